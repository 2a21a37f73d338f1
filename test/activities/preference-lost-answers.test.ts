import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { upTo } from '../ledger/harness.ts';
import {
  listOutcomes,
  listUpdates,
  nextPerson,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { start } = rowWorkersOfFile();

describe('a lost answer', () => {
  const LOST: FaultRule = {
    match: { method: 'POST', family: 'preferences' },
    times: 1,
    fault: { reset: 'after' },
  };

  it('is followed by a repeat with the same key and the same bytes, which is applied once', async () => {
    const { runToEnd, ledger, admin, countRequests } = await start({ faults: [LOST] });
    const numbers = upTo(20).map(nextPerson);
    const { run } = await runToEnd(numbers.map((n) => optIn(n, 5)));
    expect(new Set(Object.values(await listOutcomes(ledger, run)))).toEqual(new Set(['updated']));
    // The simulator refuses another body under the same key with a 422.
    expect(await countRequests('POST')).toBe(2);
    const journal = await listUpdates(admin);
    expect(journal).toHaveLength(20);
    expect(new Set(journal.map(({ batchKey }) => batchKey)).size).toBe(1);
    for await (const { evidence } of ledger.records.list(run.run_no))
      expect(evidence).toBe('repeated_with_same_key');
  });

  it('is followed by the same repeat if the batch was not applied', async () => {
    const { runToEnd, admin } = await start({ faults: [{ ...LOST, fault: { reset: 'before' } }] });
    const { result } = await runToEnd(upTo(5).map(() => optOut(nextPerson(), 5)));
    expect(result.counts).toMatchObject({ updated: 5 });
    expect((await admin.preferenceJournal()).length).toBe(5);
  });

  it('is settled by reading back once CXone may have forgotten the key', async () => {
    const { runToEnd, ledger, countRequests } = await start({ faults: [LOST] }, { keyLifeMs: 0 });
    const { run } = await runToEnd([optIn(nextPerson(), 5), optOut(nextPerson(), 5)]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
    expect(await countRequests('POST')).toBe(1);
    for await (const { evidence } of ledger.records.list(run.run_no)) expect(evidence).toBe('read_back');
  });

  it('leads to a new batch if reading back shows that it was not applied', async () => {
    const lost = { ...LOST, fault: { reset: 'before' } } as const;
    const { runToEnd, inCxone, countRequests } = await start({ faults: [lost] }, { keyLifeMs: 0 });
    const n = nextPerson();
    const { result } = await runToEnd([optIn(n, 5)]);
    expect(result.counts).toMatchObject({ updated: 1 });
    expect((await inCxone(n))?.optIn).toBe(true);
    expect(await countRequests('POST')).toBe(2);
  });

  it('does not lead to a new opt-in if the person has objected in the meantime', async () => {
    const { plan, writeAll, writePage, admin, inCxone, ledger } = await start(
      { faults: [{ ...LOST, fault: { reset: 'before' } }] },
      { keyLifeMs: 0 },
    );
    const n = nextPerson();
    const run = await openRunOf(ledger, [optIn(n, 5)]);
    await plan(run);
    await expect(writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 })).resolves.toMatchObject({
      left: 1,
    });
    await admin.seedPreferences([stored(optOut(n, 9))]);
    await writeAll(run);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'conflict newer_in_cxone' });
    expect((await inCxone(n))?.optIn).toBe(false);
  });

  describe('to a batch with the opt-in of somebody who has objected since', () => {
    /** The answer is lost, then the second person objects, and the run continues. */
    async function objectAfter(lost: FaultRule, input: object = {}) {
      const worker = await start({ faults: [lost] });
      const { ledger, plan, writePage, writeAll } = worker;
      const [willing, objector] = [nextPerson(), nextPerson()];
      const rows = [optIn(willing, 5), optIn(objector, 5), optOut(nextPerson(), 5)];
      const run = await openRunOf(ledger, rows, input);
      await plan(run);
      await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
      expect(await ledger.runs.counts(run.run_no)).toMatchObject({ pending: 3 });
      // The objection enters our list when it is staged; CXone is not asked.
      await plan(await openRunOf(ledger, [optOut(objector, 9)]));
      await writeAll(run);
      return { ...worker, run, willing, objector };
    }

    it.each([
      ['with the guard', {}],
      ['without the guard', { guard: false }],
    ])('is not followed by that opt-in: the others go in a new batch, %s', async (_, input) => {
      const lost = { ...LOST, fault: { reset: 'before' } } as const;
      const { ledger, run, inCxone, willing, objector, countRequests, admin } = await objectAfter(
        lost,
        input,
      );
      expect(await listOutcomes(ledger, run)).toEqual({
        1: 'updated',
        2: 'conflict older_than_withdrawal',
        3: 'updated',
      });
      expect((await inCxone(willing))?.optIn).toBe(true);
      expect(await inCxone(objector)).toBe(undefined);
      expect(await countRequests('POST')).toBe(2);
      expect(await admin.preferenceJournal()).toHaveLength(2);
    });

    it('is not followed by a repeat if reading back shows that it was applied', async () => {
      const { ledger, run, countRequests } = await objectAfter(LOST);
      expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'updated', 3: 'updated' });
      expect(await countRequests('POST')).toBe(1);
      for await (const { evidence } of ledger.records.list(run.run_no)) expect(evidence).toBe('read_back');
    });
  });
});

it('items that the answer does not account for, and that CXone does not have, are sent once more', async () => {
  const { runToEnd, countRequests, ledger } = await start({
    faults: [{ match: { method: 'POST', family: 'preferences' }, times: 1, fault: { dropRecords: 2 } }],
  });
  const { run } = await runToEnd([optOut(nextPerson(), 5), optOut(nextPerson(), 6)]);
  expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
  expect(await countRequests('POST')).toBe(2);
});
