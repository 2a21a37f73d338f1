import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { Decision } from '../../src/contract/steering.ts';
import { pageBatches } from '../../src/activities/engine/plan.ts';
import { claimed, claimOf, ledgerOfFile, writesOf, plannedRun, someId } from '../ledger/harness.ts';
import { fakeCxone, perform, wholeOf, workerOf, writeAll } from './harness.ts';

const opened = ledgerOfFile();
const worker = () => workerOf(opened().ledger, fakeCxone().cxone);
const INPUT = { listId: 'L1', source: { dataset: 'd' } };
const planned = (n: number) => plannedRun(opened().ledger, n, 10, INPUT);

const opening = (runId: string, input: ContactImportInput = INPUT) =>
  perform(() =>
    worker().activities.openRun({
      runId,
      kind: 'contactImport',
      target: input.listId,
      input: input,
    }),
  );
const closing = (runId: string, state: 'completed' | 'cancelled' | 'rejected' | 'failed') =>
  perform(() => worker().activities.closeRun({ runId, state, failure: null }));
const planning = (runId: string) => perform(() => worker().activities.planWrites(runId));

describe('opening', () => {
  it('refuses a run id that has ended, and says what to do', async () => {
    const run = await planned(1);
    await writeAll(worker(), wholeOf(run));
    await closing(run.run_id, 'completed');
    await expect(opening(run.run_id)).rejects.toMatchObject({ type: 'AlreadyRun', nonRetryable: true });
    await expect(opening(run.run_id)).rejects.toThrow(/--again/);
  });

  it('lets a run that failed before it staged anything start with a corrected input', async () => {
    const runId = someId('run');
    await opening(runId, { ...INPUT, source: { path: 'wrong.csv' } });
    await closing(runId, 'failed');
    await opening(runId, { listId: 'L2', source: { path: 'right.csv' } });
    const run = await opened().ledger.runs.get(runId);
    expect(run).toMatchObject({ target: 'L2', steering: 'go', input: { source: { path: 'right.csv' } } });
  });

  it('lets one that has staged go on, but not with rows or rules that are others', async () => {
    const run = await planned(10);
    const source = { name: 'a', format: 'csv', bytes: 1, sha256: 'x', columns: null };
    await opened().ledger.runs.setSource(run.run_no, source);
    await closing(run.run_id, 'failed');
    const others: ContactImportInput[] = [
      { ...INPUT, listId: 'L2' },
      { ...INPUT, source: { dataset: 'e' } },
      { ...INPUT, existing: 'update' },
      { ...INPUT, dryRun: true },
      { ...INPUT, again: true },
    ];
    for (const other of others)
      await expect(opening(run.run_id, other)).rejects.toMatchObject({ type: 'InvalidInput' });
    await opening(run.run_id, { ...INPUT, existing: 'skip', notify: 'run', requestedBy: 'dana' });
    expect(await opened().ledger.runs.get(run.run_id)).toMatchObject({
      requested_by: 'dana',
      input: { notify: 'run' },
      steering: 'go',
    });
  });
});

describe('planning', () => {
  it('says the same the second time, and another hash for another content', async () => {
    const run = await planned(25);
    const plan = await planning(run.run_id);
    expect(plan).toMatchObject({
      total: 25,
      toWrite: 25,
      batches: 3,
      pageBatches: 100,
      estimatedSeconds: null,
    });
    expect(await planning(run.run_id)).toEqual(plan);
    const source = { name: 'a', format: 'csv', bytes: 1, sha256: 'other', columns: null };
    await opened().ledger.runs.setSource(run.run_no, source);
    expect((await planning(run.run_id)).hash).not.toBe(plan.hash);
  });

  it('makes pages that take ten seconds at the rate budget, of a hundred batches at most', () => {
    expect([0, 1, 60, 600, 1_000_000].map((rate) => pageBatches(rate))).toEqual([100, 1, 10, 100, 100]);
  });
});

describe('closing', () => {
  it.each([
    ['cancelled', 'run_cancelled'],
    ['rejected', 'plan_rejected'],
  ] as const)('a %s run leaves nothing pending, and can be repeated', async (state, code) => {
    const run = await planned(25);
    const result = await closing(run.run_id, state);
    expect(result).toMatchObject({ state, counts: { total: 25, pending: 0, cancelled: 25 } });
    expect(await closing(run.run_id, state)).toMatchObject({ counts: result.counts });
    expect(await opened().ledger.records.countReasons(run.run_no)).toMatchObject([{ code, n: 25 }]);
  });

  it('waits for requests that are in flight', async () => {
    const run = await planned(10);
    const [write] = await writesOf(opened().ledger, run);
    await claimed(opened().ledger, run, write?.id ?? '', 30_000);
    const failure = { type: 'WritesInFlight', nonRetryable: false };
    await expect(closing(run.run_id, 'cancelled')).rejects.toMatchObject(failure);
    await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
      opened().database.db,
    );
    expect(await closing(run.run_id, 'cancelled')).toMatchObject({ counts: { in_doubt: 10, pending: 0 } });
  });

  it.each(['completed', 'cancelled', 'failed'] as const)(
    'a %s run lets no page that outlived it write anything',
    async (state) => {
      const run = await planned(10);
      if (state === 'completed') await writeAll(worker(), wholeOf(run));
      const open = await writesOf(opened().ledger, run);
      await closing(run.run_id, state);
      const cxone = fakeCxone();
      await workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run));
      expect(cxone.posts).toEqual([]);
      for (const { id } of open)
        expect(await opened().ledger.writes.claim(claimOf(run, id))).toEqual({ verdict: 'stopped' });
    },
  );

  it('does not complete a run with records pending, unless nothing was to be written', async () => {
    const run = await planned(10);
    await expect(closing(run.run_id, 'completed')).rejects.toMatchObject({ type: 'Bug' });
    await sql`update runs set dry_run = true where run_no = ${run.run_no}`.execute(opened().database.db);
    expect(await closing(run.run_id, 'completed')).toMatchObject({ dryRun: true, counts: { pending: 10 } });
  });

  it('a failed run keeps what is pending, and goes on when it is opened again', async () => {
    const run = await planned(10);
    expect(await closing(run.run_id, 'failed')).toMatchObject({ counts: { pending: 10 } });
    await opening(run.run_id);
    await writeAll(worker(), wholeOf(run));
    expect(await closing(run.run_id, 'completed')).toMatchObject({ counts: { created: 10, pending: 0 } });
  });
});

describe('steering', () => {
  const steer = (runId: string, steering: 'paused' | 'go', decision: Decision | null) =>
    perform(() => worker().activities.steerRun({ runId, steering, decision }));

  it('is carried out and audited with its decision', async () => {
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

  it('of a run that the ledger does not know is a bug, not a wait', async () => {
    await expect(steer('none', 'go', null)).rejects.toMatchObject({ type: 'Bug' });
  });
});
