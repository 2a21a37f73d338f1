/**
 * Deadlocks, serialization failures and timeouts, provoked by a competing session in a real PostgreSQL. Each becomes a
 * retryable failure, and nothing is sent to CXone unless its claim was committed.
 */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { until } from '../harness/wait.ts';
import { plannedRun } from '../ledger/harness.ts';
import {
  allBatches,
  type CxoneHooks,
  createWorker,
  fakeCxone,
  type TestWorker,
  writeAll,
} from './harness.ts';

/** Another session. It ends with the test, which releases its locks. */
async function openSession(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

interface Setup {
  readonly ledger: Ledger;
  readonly run: Run;
  readonly cxone: ReturnType<typeof fakeCxone>;
  readonly worker: TestWorker;
  /** The worker that continues, without the settings of this test's connection. */
  readonly nextWorker: TestWorker;
  /** Competes with the sessions of the worker. */
  readonly other: pg.Client;
  /** Observes, and takes no locks. */
  readonly observer: pg.Client;
}

/** Ten contacts in one batch, in a database of its own with this setting. */
async function setUp(setting: string, hooks: CxoneHooks = {}, query = ''): Promise<Setup> {
  const url = await freshDatabase();
  const prepared = openLedger(url, 2);
  await prepared.migrate();
  const run = await plannedRun(prepared, 10, 10, { listId: 'L1', source: { dataset: 'd' } });
  await prepared.close();
  const [other, observer] = [await openSession(url), await openSession(url)];
  const { rows } = await observer.query<{ name: string }>('select quote_ident(current_database()) as name');
  if (setting !== '') await observer.query(`alter database ${rows[0]?.name ?? ''} set ${setting}`);
  const [ledger, next] = [openLedger(`${url}${query}`, 4), openLedger(url, 4)];
  onTestFinished(async () => void (await Promise.all([ledger.close(), next.close()])));
  const cxone = fakeCxone(hooks);
  const [worker, nextWorker] = [createWorker(ledger, cxone.cxone), createWorker(next, cxone.cxone)];
  return { ledger: next, run, cxone, worker, nextWorker, other, observer };
}

/** Returns when a session of the worker waits for a lock. */
async function workerWaits(observer: pg.Client): Promise<void> {
  const countWaiting = async () => {
    const { rows } = await observer.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows[0]?.n ?? 0;
  };
  await until(countWaiting, (n) => n > 0);
}

/** Returns when the ledger knows that the request has left. */
async function untilMarked({ observer, run }: Setup): Promise<void> {
  const read = () =>
    observer.query<{ sent_fence: number | null }>('select sent_fence from writes where run_no = $1', [
      run.run_no,
    ]);
  await until(read, ({ rows }) => typeof rows[0]?.sent_fence === 'number');
}

const RETRYABLE = { type: 'LedgerUnavailable', nonRetryable: false } as const;
const catchFailure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no failure',
    (error: unknown) => error,
  );
const readState = async ({ observer, run }: Setup): Promise<string | undefined> => {
  const { rows } = await observer.query<{ state: string }>('select state from writes where run_no = $1', [
    run.run_no,
  ]);
  return rows[0]?.state;
};
/** The message of the failure contains the SQLSTATE. */
const withSqlState = (state: string) => expect.stringContaining(state) as string;

/**
 * Another attempt after the lease completes the write. `outcome`: `existing` if an earlier attempt was applied, but its answer
 * never reached the ledger.
 */
async function expectCompletion(
  { nextWorker, observer, run, ledger, cxone }: Setup,
  outcome: 'created' | 'existing',
): Promise<void> {
  await observer.query('update writes set lease_until = clock_timestamp() where lease_until is not null');
  await writeAll(nextWorker, allBatches(run));
  expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 10, pending: 0, [outcome]: 10 });
  expect(cxone.creations, 'each contact once').toHaveLength(10);
}

describe('a claim', () => {
  it('that exceeds the statement timeout is rolled back, and nothing is sent', async () => {
    const test = await setUp('', {}, '?statement_timeout=400');
    // The lock of a steering change, for which every claim of the run waits.
    await test.other.query('begin');
    await test.other.query('select pg_advisory_xact_lock(4201, $1)', [test.run.run_no]);
    const failure = await catchFailure(test.worker.writePage(allBatches(test.run)));
    expect(failure).toMatchObject({ ...RETRYABLE, message: withSqlState('57014') });
    expect([test.cxone.posts, await readState(test)]).toEqual([[], 'planned']);
    await test.other.query('rollback');
    await expectCompletion(test, 'created');
    expect(test.cxone.posts).toHaveLength(1);
  });

  it('that cannot be serialized is rolled back, and nothing is sent', async () => {
    const test = await setUp("default_transaction_isolation = 'repeatable read'");
    await test.other.query('begin');
    // Locks the steering, for which a claim waits; a claim would skip a locked write.
    await test.other.query('select pg_advisory_xact_lock(4201, $1)', [test.run.run_no]);
    await test.other.query('update writes set batch = batch where run_no = $1', [test.run.run_no]);
    const failure = catchFailure(test.worker.writePage(allBatches(test.run)));
    await workerWaits(test.observer);
    await test.other.query('commit');
    expect(await failure).toMatchObject({ ...RETRYABLE, message: withSqlState('40001') });
    expect([test.cxone.posts, await readState(test)]).toEqual([[], 'planned']);
    await expectCompletion(test, 'created');
    expect(test.cxone.posts).toHaveLength(1);
  });
});

describe('a settlement', () => {
  it('that is the victim of a deadlock is rolled back, and the write is reconciled', async () => {
    const test: Setup = await setUp("deadlock_timeout = '4s'", {
      // After CXone has applied it, another session holds the outcome of the last record, and then wants the write.
      after: async (n) => {
        if (n !== 1) return;
        await untilMarked(test);
        const { other, run } = test;
        await other.query("set deadlock_timeout = '1min'");
        await other.query('begin');
        await other.query("insert into outcomes (run_no, seq, outcome) values ($1, 10, 'cancelled')", [
          run.run_no,
        ]);
      },
    });
    const failure = catchFailure(test.worker.writePage(allBatches(test.run)));
    await workerWaits(test.observer);
    const otherUpdate = test.other.query('update writes set batch = batch where run_no = $1', [
      test.run.run_no,
    ]);
    expect(await failure).toMatchObject({ ...RETRYABLE, message: withSqlState('40P01') });
    await otherUpdate;
    await test.other.query('rollback');
    expect(await readState(test), 'state of the write, whose claim is still held').toBe('sending');
    const { rows } = await test.observer.query(
      "select outcome as left_over from outcomes union all select action from audit_pending where action <> 'run_opened'",
    );
    expect(rows, 'outcomes after the rollback').toEqual([]);
    await expectCompletion(test, 'existing');
    expect(test.cxone.posts, 'batches sent; the second is refused as a duplicate of the first').toHaveLength(
      2,
    );
  });

  it('that cannot be serialized is rolled back, and the write is reconciled', async () => {
    const test: Setup = await setUp("default_transaction_isolation = 'repeatable read'", {
      after: async (n) => {
        if (n !== 1) return;
        await untilMarked(test);
        await test.other.query('begin');
        await test.other.query('update writes set batch = batch where run_no = $1', [test.run.run_no]);
      },
    });
    const failure = catchFailure(test.worker.writePage(allBatches(test.run)));
    await workerWaits(test.observer);
    await test.other.query('commit');
    expect(await failure).toMatchObject({ ...RETRYABLE, message: withSqlState('40001') });
    expect(await readState(test), 'state of the write, whose claim is still held').toBe('sending');
    await expectCompletion(test, 'existing');
    expect(test.cxone.posts).toHaveLength(2);
  });
});
