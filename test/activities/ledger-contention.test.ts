/**
 * R14 of reliability.md: deadlocks, serialization failures and timeouts, made by a competing session at a real PostgreSQL.
 * Each is a failure that passes, and nothing leaves for CXone unless its claim was committed.
 */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { until } from '../harness/wait.ts';
import { plannedRun } from '../ledger/harness.ts';
import { fakeCxone, wholeOf, workerOf, writeAll } from './harness.ts';

/** Another session, which gives back what it holds when it ends. */
async function session(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

type Worker = ReturnType<typeof workerOf>;

interface Scene {
  readonly ledger: Ledger;
  readonly run: Run;
  readonly cxone: ReturnType<typeof fakeCxone>;
  readonly worker: Worker;
  /** Comes after it, and has the settings of every worker. */
  readonly nextWorker: Worker;
  /** A session that competes with the worker's, and one that looks. */
  readonly other: pg.Client;
  readonly look: pg.Client;
}

/** Ten contacts in one batch, in a database with a setting of its own. */
async function scene(
  setting: string,
  script: Parameters<typeof fakeCxone>[0] = {},
  query = '',
): Promise<Scene> {
  const url = await freshDatabase();
  const prepared = openLedger(url, 2);
  await prepared.migrate();
  const run = await plannedRun(prepared, 10, 10, { listId: 'L1', source: { dataset: 'd' } });
  await prepared.close();
  const [other, look] = [await session(url), await session(url)];
  const { rows } = await look.query<{ name: string }>('select quote_ident(current_database()) as name');
  if (setting !== '') await look.query(`alter database ${rows[0]?.name ?? ''} set ${setting}`);
  const [ledger, next] = [openLedger(`${url}${query}`, 4), openLedger(url, 4)];
  onTestFinished(async () => void (await Promise.all([ledger.close(), next.close()])));
  const cxone = fakeCxone(script);
  const [worker, nextWorker] = [ledger, next].map((each) => workerOf(each, cxone.cxone)) as [Worker, Worker];
  return { ledger: next, run, cxone, worker, nextWorker, other, look };
}

/** Until a session of the worker waits for a lock of ours. */
async function untilItWaits(look: pg.Client): Promise<void> {
  const waiting = async () => {
    const { rows } = await look.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows[0]?.n ?? 0;
  };
  await until(waiting, (n) => n > 0);
}

const PASSES = { type: 'LedgerUnavailable', nonRetryable: false } as const;
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no failure',
    (error: unknown) => error,
  );
const stateOf = async ({ look, run }: Scene): Promise<string | undefined> => {
  const { rows } = await look.query<{ state: string }>('select state from writes where run_no = $1', [
    run.run_no,
  ]);
  return rows[0]?.state;
};
/** What SQLSTATE ended it, for the message of the failure tells it. */
const said = (state: string) => expect.stringContaining(state) as string;

/** The next worker, once the lease is over, ends what this one began. */
async function endsWell({ nextWorker, look, run, ledger, cxone }: Scene): Promise<void> {
  await look.query('update writes set lease_until = clock_timestamp() where lease_until is not null');
  await writeAll(nextWorker, wholeOf(run));
  expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 10, pending: 0, created: 10 });
  expect(cxone.creations, 'each contact once').toHaveLength(10);
}

describe('a claim', () => {
  it('that runs into a statement timeout leaves no trace, and nothing is sent', async () => {
    const stage = await scene('', {}, '?statement_timeout=400');
    // As a steering change does that hangs: every claim of the run waits for it.
    await stage.other.query('begin');
    await stage.other.query('select pg_advisory_xact_lock(4201, $1)', [stage.run.run_no]);
    const failure = await failureOf(stage.worker.writePage(wholeOf(stage.run)));
    expect(failure).toMatchObject({ ...PASSES, message: said('57014') });
    expect([stage.cxone.posts, await stateOf(stage)]).toEqual([[], 'planned']);
    await stage.other.query('rollback');
    await endsWell(stage);
    expect(stage.cxone.posts).toHaveLength(1);
  });

  it('that cannot be serialized leaves no trace, and nothing is sent', async () => {
    const stage = await scene("default_transaction_isolation = 'repeatable read'");
    await stage.other.query('begin');
    await stage.other.query('update writes set batch = batch where run_no = $1', [stage.run.run_no]);
    const failure = failureOf(stage.worker.writePage(wholeOf(stage.run)));
    await untilItWaits(stage.look);
    await stage.other.query('commit');
    expect(await failure).toMatchObject({ ...PASSES, message: said('40001') });
    expect([stage.cxone.posts, await stateOf(stage)]).toEqual([[], 'planned']);
    await endsWell(stage);
    expect(stage.cxone.posts).toHaveLength(1);
  });
});

describe('a settlement', () => {
  it('that is the victim of a deadlock is rolled back whole, and the answer is found out again', async () => {
    const stage: Scene = await scene("deadlock_timeout = '4s'", {
      // When CXone has applied it: somebody holds the outcome of its last record, and wants the write next.
      after: async (n) => {
        if (n !== 1) return;
        const { other, run } = stage;
        await other.query("set deadlock_timeout = '1min'");
        await other.query('begin');
        await other.query("insert into outcomes (run_no, seq, outcome) values ($1, 10, 'cancelled')", [
          run.run_no,
        ]);
      },
    });
    const failure = failureOf(stage.worker.writePage(wholeOf(stage.run)));
    await untilItWaits(stage.look);
    const wanting = stage.other.query('update writes set batch = batch where run_no = $1', [
      stage.run.run_no,
    ]);
    expect(await failure).toMatchObject({ ...PASSES, message: said('40P01') });
    await wanting;
    await stage.other.query('rollback');
    expect(await stateOf(stage), 'the claim stands').toBe('sending');
    const { rows } = await stage.look.query(
      "select outcome as left_over from outcomes union all select action from audit_pending where action <> 'run_opened'",
    );
    expect(rows, 'nothing of the settlement').toEqual([]);
    await endsWell(stage);
    expect(stage.cxone.posts, 'the same batch once more, refused as a duplicate of itself').toHaveLength(2);
  });

  it('that cannot be serialized is rolled back whole, and the answer is found out again', async () => {
    const stage: Scene = await scene("default_transaction_isolation = 'repeatable read'", {
      after: async (n) => {
        if (n !== 1) return;
        await stage.other.query('begin');
        await stage.other.query('update writes set batch = batch where run_no = $1', [stage.run.run_no]);
      },
    });
    const failure = failureOf(stage.worker.writePage(wholeOf(stage.run)));
    await untilItWaits(stage.look);
    await stage.other.query('commit');
    expect(await failure).toMatchObject({ ...PASSES, message: said('40001') });
    expect(await stateOf(stage), 'the claim stands').toBe('sending');
    await endsWell(stage);
    expect(stage.cxone.posts).toHaveLength(2);
  });
});
