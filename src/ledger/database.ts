/** The connection to PostgreSQL, and what its errors mean to us. */
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

/** The ledger cannot be reached, or it stopped in the middle. Nothing was sent: a claim comes before every request. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable';
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Every statement's, copying, planning and migrations included: the server ends it itself. */
const STATEMENT_TIMEOUT_MS = 120_000;
/** A server that would have answered by then, if only to say that it has ended the statement, is not there any more. */
const SILENCE_MS = STATEMENT_TIMEOUT_MS + 10_000;

/** `maxConnections`: as many as requests may be in flight, and a few for the rest. */
export function openDatabase(url: string, maxConnections = 24, silenceMs = SILENCE_MS): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idleTimeoutMillis: 10_000,
    // A server that vanished without a word is noticed after minutes, not never.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'cxflow',
    options: '-c synchronous_commit=on',
  });
  // An idle connection that PostgreSQL drops must not end the process; the next query gets a new one, or an error.
  pool.on('error', () => undefined);
  // Nor one that is in use: the pool takes its own listener off while a connection is lent, and an `error` event that
  // nobody listens to ends the process. The query that was under way is rejected all the same.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    endWhenSilent(client, silenceMs);
  });
  const db = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, close: () => db.destroy() };
}

/**
 * A connection on which nothing comes or goes any more (a firewall that forgot it, a server machine that froze) would be
 * waited for a quarter of an hour, and all claims of the process with it, for those go one statement after the other. Not
 * node-postgres's query_timeout: that leaves the connection in the pool, with the statement on it.
 */
function endWhenSilent(client: pg.PoolClient, silenceMs: number): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.setTimeout(silenceMs, () => {
    stream.destroy(new Error(`Connection terminated: the server was silent for ${silenceMs} ms`));
  });
}

/** SQLSTATE classes of a server that is away, restarting, full or out of connections: worth another try. */
const PASSING_CLASSES = ['08', '40', '53', '55', '57', '58'];
/** A login or a database that is not there: a password is rotated, a backup restored. */
const LOCKED_OUT_CLASSES = ['28', '3D'];
/** The read-only mode of a server that was promoted or is full; transactions that idled too long. */
const PASSING_STATES = ['25006', '25P03', '25P04'];
/** A function that a migration took away while this worker, of the version before, was at work: the next one goes on. */
const UNDEFINED_FUNCTION = '42883';
/** A deadlock, a lock or a statement that took too long: the server says itself that nothing of it stands. */
const ROLLED_BACK_STATES = ['40001', '40P01', '55P03', '57014'];
const PASSING_ERRNO = [
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
const PASSING_WORDS = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered',
  'Client was closed',
];

/** True for what passes by itself: a restart, a deadlock, a full disk; false for faults of ours (SQL, constraints). */
export function isPassing(error: unknown): boolean {
  if (error instanceof LedgerUnavailable) return true;
  if (error instanceof AggregateError) return error.errors.some(isPassing);
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (PASSING_STATES.includes(code) || isOfAnotherVersion(error)) return true;
  if (isOfClass(code, PASSING_CLASSES)) return true;
  return PASSING_ERRNO.includes(code) || PASSING_WORDS.some((words) => error.message.startsWith(words));
}

/** Passing, and certainly not committed: parts of it may go again at once. */
export function isRolledBack(error: unknown): boolean {
  return error instanceof Error && ROLLED_BACK_STATES.includes(codeOf(error));
}

/** A newer worker has migrated the ledger under this one. */
export function isOfAnotherVersion(error: unknown): boolean {
  // An operator that is missing has the same code, and is a fault of ours.
  return (
    error instanceof Error && codeOf(error) === UNDEFINED_FUNCTION && !error.message.startsWith('operator')
  );
}

/** A run that is under way waits for somebody to let us in again; a worker that starts so had better say it and end. */
export function isLockedOut(error: unknown): boolean {
  return error instanceof Error && isOfClass(codeOf(error), LOCKED_OUT_CLASSES);
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Errno names are of letters too; a SQLSTATE has five characters and begins with its class. */
function isOfClass(code: string, classes: readonly string[]): boolean {
  return code.length === 5 && classes.includes(code.slice(0, 2));
}
