import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ledgerOfFile, someId } from './harness.ts';

const opened = ledgerOfFile();

describe('the results of a check', () => {
  it('are known by row, whatever the gaps (property)', async () => {
    const { eligibilityResults } = opened().ledger;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 20 })), async (seqs) => {
        const checkId = someId('check');
        await eligibilityResults.add(
          checkId,
          seqs.map((seq) => ({ seq, eligible: true, reason: 'compliant' })),
        );
        const isAnswered = await eligibilityResults.answeredRows(checkId);
        const all = Array.from({ length: 25 }, (_, i) => i + 1);
        expect(all.filter(isAnswered)).toEqual(seqs.toSorted((a, b) => a - b));
        expect(await eligibilityResults.count(checkId)).toBe(seqs.length);
      }),
      { numRuns: 40 },
    );
  });

  it('are kept once per row, listed in order, and tallied by reason', async () => {
    const { eligibilityResults } = opened().ledger;
    const checkId = someId('check');
    const no = (seq: number) => ({ seq, eligible: false, reason: 'explicit_opt_out' });
    await eligibilityResults.add(checkId, [{ seq: 1, eligible: true, reason: 'compliant' }, no(2)]);
    await eligibilityResults.add(checkId, [{ seq: 2, eligible: true, reason: 'compliant' }, no(3)]);
    await eligibilityResults.add(someId('check'), [no(9)]);
    expect(await eligibilityResults.count(checkId)).toBe(3);
    expect(await eligibilityResults.tally(checkId)).toEqual({
      eligible: 1,
      ineligible: { explicit_opt_out: 2 },
    });
    const rows = [];
    for await (const row of eligibilityResults.list(checkId)) rows.push(row);
    expect(rows).toEqual([{ seq: 1, eligible: true, reason: 'compliant' }, no(2), no(3)]);
  });
});
