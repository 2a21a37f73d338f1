import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { pageBatches } from '../../src/activities/engine/plan.ts';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { Decision } from '../../src/contract/steering.ts';
import { claimed, claimOf, ledgerOfFile, plannedRun, someId, writesOf } from '../ledger/harness.ts';
import { allBatches, createWorker, fakeCxone, runActivity, writeAll } from './harness.ts';

const opened = ledgerOfFile();
const worker = () => createWorker(opened().ledger, fakeCxone().cxone);
const INPUT = { listId: 'L1', source: { dataset: 'd' } };
const planned = (n: number) => plannedRun(opened().ledger, n, 10, INPUT);

const openRun = (runId: string, input: ContactImportInput = INPUT, { activities } = worker()) =>
  runActivity(() =>
    activities.openRun({
      runId,
      kind: 'contactImport',
      target: input.listId,
      input: input,
    }),
  );
const closeRun = (runId: string, state: 'completed' | 'cancelled' | 'rejected' | 'failed') =>
  runActivity(() => worker().activities.closeRun({ runId, state, failure: null }));
const planWrites = (runId: string) => runActivity(() => worker().activities.planWrites(runId));

describe('openRun', () => {
  it('refuses a run id that has ended, and explains what to do', async () => {
    const run = await planned(1);
    await writeAll(worker(), allBatches(run));
    await closeRun(run.run_id, 'completed');
    await expect(openRun(run.run_id)).rejects.toMatchObject({ type: 'AlreadyRun', nonRetryable: true });
    await expect(openRun(run.run_id)).rejects.toThrow(/--again/);
  });

  it('refuses a failed run that is purged while it is started again', async () => {
    const run = await planned(1);
    await closeRun(run.run_id, 'failed');
    const { ledger, database } = opened();
    const purged = {
      ...ledger,
      runs: {
        ...ledger.runs,
        open: async (asked: Parameters<typeof ledger.runs.open>[0]) => {
          const found = await ledger.runs.open(asked);
          await sql`update runs set purged_at = now() where run_no = ${run.run_no}`.execute(database.db);
          return found;
        },
      },
    };
    await expect(openRun(run.run_id, INPUT, createWorker(purged, fakeCxone().cxone))).rejects.toMatchObject({
      type: 'AlreadyRun',
      message: expect.stringContaining('its rows were purged') as string,
    });
  });

  it('accepts a corrected input for a run that failed before it staged anything', async () => {
    const runId = someId('run');
    await openRun(runId, { ...INPUT, source: { path: 'wrong.csv' } });
    await closeRun(runId, 'failed');
    await openRun(runId, { listId: 'L2', source: { path: 'right.csv' } });
    const run = await opened().ledger.runs.get(runId);
    expect(run).toMatchObject({ target: 'L2', steering: 'go', input: { source: { path: 'right.csv' } } });
  });

  it('continues a run that has staged, but refuses other rows or other rules', async () => {
    const run = await planned(10);
    const source = { name: 'a', format: 'csv', bytes: 1, sha256: 'x', columns: null };
    await opened().ledger.runs.setSource(run.run_no, source);
    await closeRun(run.run_id, 'failed');
    const others: ContactImportInput[] = [
      { ...INPUT, listId: 'L2' },
      { ...INPUT, source: { dataset: 'e' } },
      { ...INPUT, existing: 'update' },
      { ...INPUT, dryRun: true },
      { ...INPUT, again: true },
    ];
    for (const other of others)
      await expect(openRun(run.run_id, other)).rejects.toMatchObject({ type: 'InvalidInput' });
    await openRun(run.run_id, { ...INPUT, existing: 'skip', notify: 'run', requestedBy: 'dana' });
    expect(await opened().ledger.runs.get(run.run_id)).toMatchObject({
      requested_by: 'dana',
      input: { notify: 'run' },
      steering: 'go',
    });
  });
});

describe('planWrites', () => {
  it('returns the same plan again, and another hash for another content', async () => {
    const run = await planned(25);
    const plan = await planWrites(run.run_id);
    expect(plan).toMatchObject({
      total: 25,
      toWrite: 25,
      batches: 3,
      pageBatches: 100,
      estimatedSeconds: null,
    });
    expect(await planWrites(run.run_id)).toEqual(plan);
    const source = { name: 'a', format: 'csv', bytes: 1, sha256: 'other', columns: null };
    await opened().ledger.runs.setSource(run.run_no, source);
    expect((await planWrites(run.run_id)).hash).not.toBe(plan.hash);
  });

  it('makes pages that take ten seconds at the rate limit, with at most a hundred batches', () => {
    expect([0, 1, 60, 600, 1_000_000].map((rate) => pageBatches(rate))).toEqual([100, 1, 10, 100, 100]);
  });
});

describe('closeRun', () => {
  it.each([
    ['cancelled', 'run_cancelled'],
    ['rejected', 'plan_rejected'],
  ] as const)('leaves nothing pending in a %s run, and is repeatable', async (state, code) => {
    const run = await planned(25);
    const result = await closeRun(run.run_id, state);
    expect(result).toMatchObject({ state, counts: { total: 25, pending: 0, cancelled: 25 } });
    expect(await closeRun(run.run_id, state)).toMatchObject({ counts: result.counts });
    expect(await opened().ledger.records.countReasons(run.run_no)).toMatchObject([{ code, n: 25 }]);
  });

  it('waits for requests in flight', async () => {
    const run = await planned(10);
    const [write] = await writesOf(opened().ledger, run);
    await claimed(opened().ledger, run, write?.id ?? '', 30_000);
    const failure = { type: 'WritesInFlight', nonRetryable: false };
    await expect(closeRun(run.run_id, 'cancelled')).rejects.toMatchObject(failure);
    await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
      opened().database.db,
    );
    expect(await closeRun(run.run_id, 'cancelled')).toMatchObject({ counts: { in_doubt: 10, pending: 0 } });
  });

  it.each(['completed', 'cancelled', 'failed'] as const)(
    'stops the claims of a %s run, so that a page that is still working writes nothing',
    async (state) => {
      const run = await planned(10);
      if (state === 'completed') await writeAll(worker(), allBatches(run));
      const open = await writesOf(opened().ledger, run);
      await closeRun(run.run_id, state);
      const cxone = fakeCxone();
      await createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run));
      expect(cxone.posts).toEqual([]);
      for (const { id } of open)
        expect(await opened().ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'stopped' });
    },
  );

  it('does not complete a run with pending records, unless it is a dry run', async () => {
    const run = await planned(10);
    await expect(closeRun(run.run_id, 'completed')).rejects.toMatchObject({ type: 'Bug' });
    await sql`update runs set dry_run = true where run_no = ${run.run_no}`.execute(opened().database.db);
    expect(await closeRun(run.run_id, 'completed')).toMatchObject({ dryRun: true, counts: { pending: 10 } });
  });

  it('keeps the pending records of a failed run, which continues when it is opened again', async () => {
    const run = await planned(10);
    expect(await closeRun(run.run_id, 'failed')).toMatchObject({ counts: { pending: 10 } });
    await openRun(run.run_id);
    await writeAll(worker(), allBatches(run));
    expect(await closeRun(run.run_id, 'completed')).toMatchObject({ counts: { created: 10, pending: 0 } });
  });
});

describe('steerRun', () => {
  const steer = (runId: string, steering: 'paused' | 'go', decision: Decision | null) =>
    runActivity(() => worker().activities.steerRun({ runId, steering, decision }));

  it('takes effect and is audited with its decision', async () => {
    const run = await planned(1);
    const decision: Decision = { action: 'pause', by: 'dana', reason: 'lunch' };
    await steer(run.run_id, 'paused', decision);
    expect((await opened().ledger.runs.get(run.run_id)).steering).toBe('paused');
    await steer(run.run_id, 'go', null);
    const { rows } = await sql`select action, data from audit_pending where run_id = ${run.run_id}`.execute(
      opened().database.db,
    );
    expect(rows.at(-1)).toEqual({ action: 'pause', data: { ...decision, steering: 'paused' } });
  });

  it('fails for a run that the ledger does not know', async () => {
    await expect(steer('none', 'go', null)).rejects.toMatchObject({ type: 'LedgerRestored' });
  });
});
