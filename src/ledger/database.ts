/** The connection to PostgreSQL, and what its errors mean. */
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

/** SQLSTATE classes of a server that is down, restarting, full or out of connections. */
const TRANSIENT_CLASSES = ['08', '40', '53', '55', '57', '58'];
/** Read-only mode, after a promotion or on a full disk; transactions that were idle for too long. */
const TRANSIENT_STATES = ['25006', '25P03', '25P04'];
const TRANSIENT_ERRNO = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
];
/** Errors of node-postgres that have no code. */
const TRANSIENT_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered',
  'Client was closed',
];
/** A deadlock, or a lock or statement timeout: the server has rolled the transaction back. */
const ROLLED_BACK_STATES = ['40001', '40P01', '55P03', '57014'];
/** The login or the database does not exist: a password is being rotated, or a backup restored. */
const ACCESS_CLASSES = ['28', '3D'];
/** A newer worker's migration has removed or changed a function that this worker calls. */
const UNDEFINED_FUNCTION = '42883';

/** True for what another attempt may cure: a restart, a deadlock, a full disk. False for mistakes in SQL and constraints. */
export function isTransient(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isTransient);
  if (!(error instanceof Error)) return false;
  const code = errorCode(error);
  if (TRANSIENT_STATES.includes(code) || isVersionMismatch(error)) return true;
  if (isOfClass(code, TRANSIENT_CLASSES)) return true;
  return TRANSIENT_ERRNO.includes(code) || TRANSIENT_MESSAGES.some((text) => error.message.startsWith(text));
}

/** Transient, and certainly not committed: its parts may be repeated at once. */
export function isRolledBack(error: unknown): boolean {
  return error instanceof Error && ROLLED_BACK_STATES.includes(errorCode(error));
}

/** The ledger has been migrated by a newer worker than this one. */
export function isVersionMismatch(error: unknown): boolean {
  // A missing operator has the same code, but is a mistake in our SQL.
  return (
    error instanceof Error && errorCode(error) === UNDEFINED_FUNCTION && !error.message.startsWith('operator')
  );
}

/** A run in progress waits until access is restored; a worker that is just starting should report it and exit. */
export function isAccessDenied(error: unknown): boolean {
  return error instanceof Error && isOfClass(errorCode(error), ACCESS_CLASSES);
}

function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** A SQLSTATE has five characters, the first two are its class. The length tells it from an errno such as EPIPE or ENOENT. */
function isOfClass(code: string, classes: readonly string[]): boolean {
  return code.length === 5 && classes.includes(code.slice(0, 2));
}
