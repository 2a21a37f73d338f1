/** The connection to PostgreSQL. */
import type { Socket } from 'node:net';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { LedgerTables } from './schema.ts';

export interface Database {
  readonly db: Kysely<LedgerTables>;
  /** For COPY, which needs a connection of its own. */
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** The pool, or a transaction that the caller has open. */
export type Executor = Kysely<LedgerTables>;

const CONNECT_TIMEOUT_MS = 5_000;
/** For every statement, including copying, planning and migrations. The server ends a statement that exceeds it. */
const STATEMENT_TIMEOUT_MS = 120_000;
/** By then the server would at least have reported the timeout of the statement. */
const SILENCE_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 10_000;

/** `maxConnections`: one for each request that may be in flight, and a few for everything else. */
export function openDatabase(
  url: string,
  maxConnections = 24,
  silenceTimeoutMs = SILENCE_TIMEOUT_MS,
): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idleTimeoutMillis: 10_000,
    // Without keep-alive, a server that vanished might never be noticed.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'cxflow',
    options: '-c synchronous_commit=on',
  });
  // An idle connection that PostgreSQL drops must not end the process; the next query gets a new one, or an error.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    // While a connection is in use the pool removes its own listener, and an `error` event without a listener ends the
    // process. The query that was running is rejected in any case.
    client.on('error', () => undefined);
    destroyWhenSilent(client, silenceTimeoutMs);
  });
  const db = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, close: () => db.destroy() };
}

/**
 * A firewall that forgot the connection, or a server machine that froze, would block a statement for a quarter of an hour,
 * and with it all claims of this process, because they are sent one statement after the other. The `query_timeout` of
 * node-postgres does not help: it returns the connection to the pool while the statement is still running on it.
 */
function destroyWhenSilent(client: pg.PoolClient, timeoutMs: number): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.setTimeout(timeoutMs, () => {
    stream.destroy(new Error(`Connection terminated: the server was silent for ${timeoutMs} ms`));
  });
}
