/** A session that holds locks and never continues, because its process was suspended or its machine has vanished. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { createDatasets } from '../../src/ledger/runs/datasets.sql.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { eventually } from '../harness/wait.ts';
import { claimed, claimOf, group, ledgerOfFile, plannedRun, settlement, upTo, writesOf } from './harness.ts';

const opened = ledgerOfFile();

/** Opens a session that the server never ends, and leaves it in a transaction that has executed these statements. */
async function freeze(...statements: readonly [text: string, values: unknown[]][]): Promise<pg.Client> {
  const session = new pg.Client({ connectionString: opened().url });
  await session.connect();
  onTestFinished(() => session.end());
  await session.query('begin');
  for (const [text, values] of statements) await session.query(text, values);
  return session;
}

const lockWrite = (id: string) =>
  ['select from writes where id = $1 for update', [id]] as [string, unknown[]];
const idsOf = async (run: Run): Promise<string[]> =>
  (await writesOf(opened().ledger, run)).map(({ id }) => id);

/** A ledger that waits for locks indefinitely, so a call that returns has not met the frozen session's locks. */
function patientLedger(): Ledger {
  const url = new URL(opened().url);
  url.searchParams.set('lock_timeout', '600000');
  const ledger = openLedger(url.href);
  onTestFinished(() => ledger.close());
  return ledger;
}

describe('while a session is frozen that has locked a write', () => {
  it('the other writes of its run are claimed, and those of other runs', async () => {
    const ledger = patientLedger();
    const [mine, other] = [await plannedRun(ledger, 30, 10), await plannedRun(ledger, 10)];
    const [locked = '', ...free] = await idsOf(mine);
    const [theirs = ''] = await idsOf(other);
    const session = await freeze(lockWrite(locked));
    const claims = [locked, ...free].map((id) => ledger.writes.claim(claimOf(mine, id)));
    const [first, ...rest] = await Promise.all(claims);
    expect(first).toMatchObject({ verdict: 'leased' });
    for (const claim of rest) expect(claim).toMatchObject({ verdict: 'claimed' });
    expect(await ledger.writes.claim(claimOf(other, theirs))).toMatchObject({ verdict: 'claimed' });
    await ledger.runs.steer(mine.run_no, 'paused');
    await session.query('rollback');
    await ledger.runs.steer(mine.run_no, 'go');
    expect(await ledger.writes.claim(claimOf(mine, locked))).toMatchObject({ verdict: 'claimed' });
  });

  it('the writes of other runs are settled', async () => {
    const ledger = patientLedger();
    const [mine, other] = [await plannedRun(ledger, 10), await plannedRun(ledger, 10)];
    const [locked = ''] = await idsOf(mine);
    const [theirs = ''] = await idsOf(other);
    const [mineClaim, theirClaim] = [
      await claimed(ledger, mine, locked),
      await claimed(ledger, other, theirs),
    ];
    const session = await freeze(lockWrite(locked));
    const settle = (run: Run, id: string, fence: number) =>
      ledger.writes.settle({
        ...settlement(id, fence, [group('created', upTo(10))]),
        runNo: run.run_no,
      });
    const waiting = settle(mine, locked, mineClaim.fence);
    expect(await settle(other, theirs, theirClaim.fence)).toBe(true);
    await session.query('rollback');
    expect(await waiting).toBe(true);
  });

  it('a claim that waits for the steering of its run keeps no other run waiting', async () => {
    const ledger = patientLedger();
    const [mine, other] = [await plannedRun(ledger, 10), await plannedRun(ledger, 10)];
    const [locked = ''] = await idsOf(mine);
    const [theirs = ''] = await idsOf(other);
    const session = await freeze(['select pg_advisory_xact_lock(4201, $1)', [mine.run_no]]);
    const waiting = ledger.writes.claim(claimOf(mine, locked));
    expect(await ledger.writes.claim(claimOf(other, theirs))).toMatchObject({ verdict: 'claimed' });
    await session.query('rollback');
    expect(await waiting).toMatchObject({ verdict: 'claimed' });
  });
});

describe('a session of ours', () => {
  it('that is frozen in a transaction is ended by the server, so that its run can be paused', async () => {
    const { ledger, url } = opened();
    const run = await plannedRun(ledger, 10);
    const frozen = openDatabase(url, 1);
    onTestFinished(() => frozen.close());
    const session = await frozen.pool.connect();
    await session.query('begin');
    await session.query('select pg_advisory_xact_lock_shared(4201, $1)', [run.run_no]);
    // As Temporal does: each attempt ends with the lock timeout, as long as the session has the lock.
    await eventually(() => ledger.runs.steer(run.run_no, 'paused'));
    expect(await ledger.runs.getSteering(run.run_no)).toBe('paused');
    await expect(session.query('commit')).rejects.toThrow();
    session.release(true);
  });

  it('has limits for locks, for idle transactions and for peers that vanish', async () => {
    const { rows } = await opened().database.pool.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings where name in ('lock_timeout', 'idle_in_transaction_session_timeout',
        'statement_timeout', 'tcp_keepalives_idle', 'tcp_user_timeout')`,
    );
    expect(rows).toHaveLength(5);
    for (const { name, setting } of rows) expect(Number(setting), name).toBeGreaterThan(0);
  });

  it('that waits for the rows of its caller is not mistaken for a silent one', async () => {
    const database = openDatabase(opened().url, 1, { silenceTimeoutMs: 2_000 });
    onTestFinished(() => database.close());
    const slow = async function* () {
      yield Buffer.from('{"a":1}\n');
      await delay(2_500);
      yield Buffer.from('{"a":2}\n');
    };
    const { bytes } = await createDatasets(database).stage('rows', 'ndjson', slow());
    expect(bytes).toBe(16);
  });
});
