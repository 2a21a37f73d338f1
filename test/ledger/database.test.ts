import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openDatabase, silenceTimeoutOf } from '../../src/ledger/database.ts';
import { classifyLedgerError, isTransient } from '../../src/ledger/errors.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { createDatabase } from '../../src/stack/postgres.ts';
import { freshDatabase } from '../harness/fresh.ts';
import { ownPostgres } from '../harness/servers.ts';
import { claimOf, ledgerOfFile, openRun, plannedRun, record, upTo, writesOf } from './harness.ts';

const opened = ledgerOfFile();

describe('an unavailable PostgreSQL', () => {
  it('is a transient error when it does not listen', async () => {
    const ledger = openLedger('postgres://nobody@127.0.0.1:1/none');
    const error = await ledger.health().catch((e: unknown) => e);
    expect(isTransient(error)).toBe(true);
    await ledger.close();
  });

  it('is a transient error when it falls silent, and the next statement gets a new connection', async () => {
    const url = new URL(opened().url);
    const [port, host] = [Number(url.port), url.hostname];
    const sockets: Socket[] = [];
    let isSilent = false;
    const proxy = createServer((socket) => {
      const server = createConnection(port, host);
      sockets.push(socket, server);
      // Bytes are accepted and dropped, as by a firewall that has forgotten the connection.
      for (const [from, to] of [
        [socket, server],
        [server, socket],
      ] as const) {
        from.on('data', (bytes) => void (isSilent || to.write(bytes))).on('error', () => undefined);
      }
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const database = openDatabase(url.href, 1, { silenceTimeoutMs: 300 });
    const { db } = database;
    await sql`select 1`.execute(db);
    isSilent = true;
    const error = await db
      .transaction()
      .execute((tx) => sql`select 2`.execute(tx))
      .catch((e: unknown) => e);
    expect(isTransient(error), String(error)).toBe(true);
    isSilent = false;
    expect((await sql<{ n: number }>`select 3 as n`.execute(db)).rows).toEqual([{ n: 3 }]);
    await database.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });

  it('is given more time than the longest statement, also where DATABASE_URL permits longer ones', () => {
    expect(silenceTimeoutOf('postgres://u@h/d')).toBe(130_000);
    expect(silenceTimeoutOf('postgres://u@h/d?statement_timeout=600000')).toBe(610_000);
    expect(silenceTimeoutOf('postgres://u@h/d?statement_timeout=1&statement_timeout=2000')).toBe(12_000);
  });

  it.each(['0', '5min'])('is not opened with a statement_timeout of %s', (timeout) => {
    expect(() => openDatabase(`postgres://u@h/d?statement_timeout=${timeout}`)).toThrow(
      /must have a statement_timeout of 1 to 600000/,
    );
  });

  it('denies access when the database does not exist', async () => {
    const url = new URL(await freshDatabase());
    url.pathname = '/there_is_none';
    const ledger = openLedger(url.href);
    expect(classifyLedgerError(await ledger.health().catch((e: unknown) => e))).toBe('denied');
    await ledger.close();
  });

  it('rejects every call in progress with a transient error, and later calls succeed', async () => {
    const { ledger, database } = opened();
    const run = await plannedRun(ledger, 300, 10);
    const writes = await writesOf(ledger, run);
    for (const _ of upTo(5)) {
      const calls = writes.flatMap(({ id }) => [
        ledger.writes.claim(claimOf(run, id)),
        ledger.runs.exactCounts(run.run_no),
        ledger.audit.seal(),
        ledger.rateBudget.take('t', 1, 1, 0),
      ]);
      const ended = Promise.allSettled(calls);
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`.execute(database.db);
      for (const result of await ended)
        if (result.status === 'rejected')
          expect(isTransient(result.reason), String(result.reason)).toBe(true);
    }
    expect((await ledger.runs.exactCounts(run.run_no)).total).toBe(300);
  });

  it('killed with -9 and started again, still has everything that it confirmed', async () => {
    const postgres = await ownPostgres();
    const ledger = openLedger(await createDatabase(postgres.current().url, 'killed'), 8);
    await ledger.migrate();
    const run = await plannedRun(ledger, 400, 1);
    const writes = await writesOf(ledger, run);
    const won = new Set<string>();
    const claiming = writes.map(({ id }) =>
      ledger.writes.claim(claimOf(run, id)).then(
        ({ verdict }) => verdict === 'claimed' && won.add(id),
        (error: unknown) => expect(isTransient(error), String(error)).toBe(true),
      ),
    );
    await Promise.race(claiming);
    await postgres.kill();
    await Promise.all(claiming);
    await postgres.restart();
    const sending = new Set(
      (await writesOf(ledger, run)).filter(({ state }) => state === 'sending').map(({ id }) => id),
    );
    for (const id of won) expect(sending.has(id)).toBe(true);
    await openRun(ledger);
    await ledger.close();
  });
});

describe('beforeCommit', () => {
  it('is called before a transaction commits, before a statement of its own, and not in between', async () => {
    const steps: string[] = [];
    const note = (step: string) => steps.push(step);
    const database = openDatabase(opened().url, 1, { beforeCommit: (what) => note(`commits: ${what}`) });
    const { db } = database;
    await sql`select 1`.execute(db);
    await sql`set jit = off`.execute(db);
    note('a transaction');
    await db.transaction().execute(async (tx) => {
      await sql`select 2`.execute(tx);
      await sql`select 3`.execute(tx);
      note('its end');
    });
    note('another, rolled back');
    const rolledBack = db.transaction().execute(async (tx) => {
      await sql`select 4`.execute(tx);
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    note('the rows of a source, copied');
    const ledger = openLedger(opened().url, 1, { beforeCommit: (what) => note(`commits: ${what}`) });
    const run = await openRun(opened().ledger);
    await ledger.records.stage(run.run_no, [record(1)]);
    await Promise.all([database.close(), ledger.close()]);
    expect(steps).toEqual([
      'commits: statement',
      'a transaction',
      'its end',
      'commits: transaction',
      'another, rolled back',
      'the rows of a source, copied',
      'commits: transaction',
    ]);
  });
});
