/** The connection to PostgreSQL, and what its errors mean to us. */
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { LedgerTables } from './schema.ts';

export interface Database {
  readonly db: Kysely<LedgerTables>;
  /** For COPY, which needs a connection of its own. */
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** The ledger cannot be reached, or it stopped in the middle. Nothing was sent: a claim comes before every request. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable';
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 120_000;

/** `maxConnections`: as many as requests may be in flight, and a few for the rest. */
export function openDatabase(url: string, maxConnections = 24): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idleTimeoutMillis: 10_000,
    application_name: 'cxflow',
    options: '-c synchronous_commit=on',
  });
  // An idle connection that PostgreSQL drops must not end the process; the next query gets a new one, or an error.
  pool.on('error', () => undefined);
  const db = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, close: () => db.destroy() };
}

/** SQLSTATE classes of a server that is away, restarting, full or out of connections: worth another try. */
const PASSING_CLASSES = ['08', '40', '53', '55', '57', '58'];
const PASSING_ERRNO = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'];
const PASSING_WORDS = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered',
];

/** True for what passes by itself: a restart, a deadlock, a full disk; false for faults of ours (SQL, constraints). */
export function isPassing(error: unknown): boolean {
  if (error instanceof LedgerUnavailable) return true;
  if (error instanceof AggregateError) return error.errors.some(isPassing);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // The read-only mode of a server that was promoted or is full (25006).
  if (code.length === 5 && (PASSING_CLASSES.includes(code.slice(0, 2)) || code === '25006')) return true;
  return PASSING_ERRNO.includes(code) || PASSING_WORDS.some((words) => error.message.startsWith(words));
}
