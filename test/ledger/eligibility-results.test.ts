import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ledgerOfFile, someId } from './harness.ts';

const opened = ledgerOfFile();

it('a check knows which of its rows have their answer, whatever gaps there are', async () => {
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
