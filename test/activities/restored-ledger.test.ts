/** Pages and ends of runs whose ledger knows less than they do, because it was restored from a backup. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { CloseRun } from '../../src/activities/engine/ending.ts';
import { until } from '../harness/wait.ts';
import { claimed, expireLease, ledgerOfFile, writesOf } from '../ledger/harness.ts';
import { allBatches, createEnvironment, createWorker, fakeCxone, runActivity, writeAll } from './harness.ts';
import { getFailure, pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countExactly } = pageHelpers(opened);
const RESTORED = { type: 'LedgerRestored', nonRetryable: true };

const statesOf = async (run: { run_no: number }) => {
  const { rows } = await sql<{ batch: number; state: string; lost: number }>`
    select batch, state, lost_answers as lost from writes where run_no = ${run.run_no} order by batch, id`.execute(
    opened().database.db,
  );
  return rows.map(({ batch, state, lost }) => [batch, state, lost]);
};

describe('a page of a run that has seen more claims than the ledger has', () => {
  it('sends nothing; what may have been sent counts as unanswered where it may be repeated', async () => {
    const run = await planned(30);
    const cxone = fakeCxone();
    const worker = createWorker(opened().ledger, cxone.cxone);
    const page = { ...allBatches(run), toBatch: 1, seen: { claims: 2, lastBatch: 2 } };
    const failure = await getFailure(worker.writePage(page));
    expect(failure).toMatchObject(RESTORED);
    expect(failure.message).toMatch(
      /at least 2 requests that the ledger does not know.*last known request: none.*2 open writes up to batch 2.*finds out what became of them/,
    );
    expect(cxone.posts).toEqual([]);
    expect(await statesOf(run)).toEqual([
      [1, 'unanswered', 1],
      [2, 'unanswered', 1],
      [3, 'planned', 0],
    ]);
    expect(await opened().ledger.runs.get(run.run_id)).toMatchObject({ steering: 'stopped' });
    // Another page finds the same, and changes nothing more.
    await getFailure(worker.writePage(page));
    expect(await statesOf(run)).toContainEqual([1, 'unanswered', 1]);
  });

  it('puts what may have been sent in doubt where it may not be repeated, also what a backup has under way', async () => {
    const run = await planned(40);
    const { ledger } = opened();
    const [first, second] = await writesOf(ledger, run);
    await claimed(ledger, run, first?.id ?? '');
    await claimed(ledger, run, second?.id ?? '');
    await expireLease(opened(), second?.id ?? '');
    const cxone = fakeCxone();
    const worker = createWorker(ledger, cxone.cxone, { duplicatesRefused: false });
    const seen = { claims: 3, lastBatch: 3 };
    const failure = await getFailure(worker.writePage({ ...allBatches(run), toBatch: 3, seen }));
    expect(failure.message).toMatch(
      /at least 1 request that.*last known request: 20.*3 open writes.*in doubt/,
    );
    expect(cxone.posts).toEqual([]);
    expect(await countExactly(run)).toEqual({ total: 40, pending: 10, in_doubt: 30 });
    expect((await ledger.writes.listInDoubt(run.run_no)).map(({ batch }) => batch)).toEqual([1, 2, 3]);
  });

  it('finds it by the heartbeat of an earlier attempt, although the run has seen nothing yet', async () => {
    const run = await planned(20);
    const cxone = fakeCxone();
    const { activities } = createWorker(opened().ledger, cxone.cxone);
    const page = { ...allBatches(run), seen: { claims: 0, lastBatch: 2 } };
    const environment = createEnvironment({ heartbeatDetails: { created: 10, claims: 1 } });
    const failure = await getFailure(runActivity(() => activities.writePage(page), environment));
    expect(failure).toMatchObject(RESTORED);
    expect(cxone.posts).toEqual([]);
  });

  it('finds it by what other pages of its worker have claimed, if its own batches were not among them', async () => {
    const run = await planned(30);
    const { activities } = createWorker(opened().ledger, fakeCxone().cxone);
    const page = { ...allBatches(run), fromBatch: 3, seen: { claims: 0, lastBatch: 3 } };
    const environment = createEnvironment({ heartbeatDetails: { claims: 0, claimsOfRun: 2 } });
    const failure = await getFailure(runActivity(() => activities.writePage(page), environment));
    expect(failure).toMatchObject(RESTORED);
  });

  it('shows in its heartbeats the claims of all pages of its worker, and no more than there are', async () => {
    const run = await planned(40);
    const { ledger } = opened();
    const release: (() => void)[] = [];
    const { cxone } = fakeCxone({ before: () => new Promise<void>((resolve) => release.push(resolve)) });
    const { activities } = createWorker(ledger, cxone);
    const shown: { claims: number; claimsOfRun: number }[] = [];
    const pages = [1, 3].map((fromBatch, n) => {
      const environment = createEnvironment();
      environment.on('heartbeat', (details: { claims: number; claimsOfRun: number }) => {
        shown[n] = details;
      });
      const page = { ...allBatches(run), fromBatch, toBatch: fromBatch + 1 };
      return runActivity(() => activities.writePage(page), environment);
    });
    await until(
      () => shown,
      () => shown.length === 2 && shown.every(({ claims, claimsOfRun }) => claims === 2 && claimsOfRun === 4),
    );
    for (const each of release) each();
    expect((await Promise.all(pages)).map(({ left }) => left)).toEqual([0, 0]);
    const { ofRun } = await ledger.writes.countClaims(run.run_no);
    expect(ofRun).toBe(4);
  });
});

it('a page says how many claims the run has, and one that has seen as many goes on', async () => {
  const run = await planned(30);
  const worker = createWorker(opened().ledger, fakeCxone().cxone);
  const first = await worker.writePage({ ...allBatches(run), toBatch: 2, seen: { claims: 0, lastBatch: 2 } });
  expect(first).toMatchObject({ left: 0, claims: 2 });
  const next = { ...allBatches(run), fromBatch: 3, seen: { claims: 2, lastBatch: 3 } };
  expect(await worker.writePage(next)).toMatchObject({ left: 0, claims: 3 });
});

it('a page of a history from before there were such numbers goes on', async () => {
  const run = await planned(10);
  expect(await writeAll(createWorker(opened().ledger, fakeCxone().cxone), allBatches(run))).toMatchObject({
    left: 0,
  });
});

it('a page of an earlier start does not stop the run, which somebody has started again', async () => {
  const run = await planned(20);
  const { ledger } = opened();
  const earlier = { ...run, opened_at: new Date(run.opened_at.getTime() - 60_000) };
  const audit = { runId: run.run_id, data: {} };
  const sent = { toBatch: 2, becomes: 'in_doubt', audit } as const;
  expect(await ledger.writes.markPossiblySent(earlier, sent)).toBe(null);
  expect((await statesOf(run)).map(([, state]) => state)).toEqual(['planned', 'planned']);
  expect(await ledger.runs.get(run.run_id)).toMatchObject({ steering: 'go', restored_at: null });
  expect(await ledger.writes.markPossiblySent(run, sent)).toBe(2);
});

describe('a run whose ledger is from before its plan', () => {
  /** As the backup has it: staged, and without a plan. */
  async function unplannedRun() {
    const run = await planned(20);
    const { db } = opened().database;
    await db.deleteFrom('writes').where('run_no', '=', run.run_no).execute();
    const seen = { claims: 2, lastBatch: 2 };
    const failure = { type: 'LedgerRestored', message: 'found by a page' };
    const end = { runId: run.run_id, state: 'failed', failure, seen } as const;
    const { activities } = createWorker(opened().ledger, fakeCxone().cxone, { duplicatesRefused: false });
    await runActivity(() => activities.closeRun(end));
    return run;
  }

  it('is not planned anew where nothing may be repeated: all of it would be sent again', async () => {
    const run = await unplannedRun();
    const worker = createWorker(opened().ledger, fakeCxone().cxone, { duplicatesRefused: false });
    const failure = await getFailure(runActivity(() => worker.activities.planWrites(run.run_id)));
    expect(failure).toMatchObject(RESTORED);
    expect(failure.message).toMatch(/before this run was planned.*Find out in CXone who is missing/);
    expect(await statesOf(run)).toEqual([]);
  });

  it('is planned anew where everything may be repeated', async () => {
    const run = await unplannedRun();
    const worker = createWorker(opened().ledger, fakeCxone().cxone);
    expect(await runActivity(() => worker.activities.planWrites(run.run_id))).toMatchObject({ batches: 1 });
  });
});

describe('a run that ends in a ledger that knows less', () => {
  const close = (end: CloseRun) =>
    runActivity(() => createWorker(opened().ledger, fakeCxone().cxone).activities.closeRun(end));
  const seen = { claims: 2, lastBatch: 2 };

  it('does not complete', async () => {
    const run = await planned(20);
    const end = { runId: run.run_id, state: 'completed', failure: null, seen } as const;
    expect(await getFailure(close(end))).toMatchObject(RESTORED);
  });

  it('doubts all batches that it has opened, not only those of the page that has found it', async () => {
    const run = await planned(30);
    const failure = { type: 'LedgerRestored', message: 'found by a page' };
    await close({ runId: run.run_id, state: 'failed', failure, seen: { claims: 0, lastBatch: 2 } });
    expect((await statesOf(run)).map(([batch, state]) => [batch, state])).toEqual([
      [1, 'unanswered'],
      [2, 'unanswered'],
      [3, 'planned'],
    ]);
  });

  it('does not say that what may have been sent was cancelled', async () => {
    const run = await planned(30);
    const end = { runId: run.run_id, state: 'cancelled', failure: null, seen } as const;
    const { counts } = await close(end);
    expect(counts).toEqual({ total: 30, pending: 0, in_doubt: 20, cancelled: 10 });
  });
});

it('an activity of a run that the ledger has lost altogether says so, and what to do first', async () => {
  const { writePage } = createWorker(opened().ledger, fakeCxone().cxone);
  const failure = await getFailure(writePage(allBatches({ run_id: 'lost' })));
  expect(failure).toMatchObject(RESTORED);
  expect(failure.message).toMatch(/run lost is not in the ledger.*older than the run.*Before starting/);
});
