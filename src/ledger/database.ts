/** The connection to PostgreSQL. */
import type { Socket } from 'node:net';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import {
  PERMITTED_STATEMENT_TIMEOUTS,
  STATEMENT_TIMEOUT_MS,
  statementTimeoutOf,
} from '../domain/timeouts.ts';
import type { LedgerTables } from './schema.ts';

export interface Database {
  readonly url: string;
  readonly db: Kysely<LedgerTables>;
  /** @internal For COPY, which needs a connection of its own. */
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** The pool, or a transaction that the caller has open. */
export type Executor = Kysely<LedgerTables>;

const CONNECT_TIMEOUT_MS = 5_000;
/** How long the server may take to report that a statement has exceeded its time. */
const SILENCE_MARGIN_MS = 10_000;
/** Shorter than a statement may take, so that whoever waits for a lock learns that it was a lock. */
const LOCK_TIMEOUT_MS = 5_000;

/**
 * What the server does about a session whose process was suspended, or whose machine vanished, in the middle of a
 * transaction: it ends the session, and others get its locks. Our transactions pause only for moments between two statements.
 * `tcp_user_timeout` covers a suspended process whose buffers are full, so that the server cannot send it anything more.
 */
const SESSION = {
  synchronous_commit: 'on',
  idle_in_transaction_session_timeout: '10s',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '3',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '20s',
} as const;

/**
 * Called right before the server is asked to make something durable: before each COMMIT, and before each statement outside of
 * a transaction, which commits by itself. A `select` counts as one that only reads, although some call a function that writes;
 * such a statement is the only one of its method.
 */
export type BeforeCommit = (what: 'transaction' | 'statement') => void;

/**
 * `maxConnections`: one for each request that may be in flight, and a few for everything else. `silenceTimeoutMs`: as long as
 * a statement may be silent by default.
 */
export function openDatabase(
  url: string,
  maxConnections = 24,
  {
    silenceTimeoutMs = silenceTimeoutOf(url),
    beforeCommit,
  }: Partial<Pick<OpenOptions, 'silenceTimeoutMs' | 'beforeCommit'>> = {},
): Database {
  const limits = { statement_timeout: STATEMENT_TIMEOUT_MS, lock_timeout: LOCK_TIMEOUT_MS };
  return open(url, { maxConnections, limits, silenceTimeoutMs, beforeCommit });
}

/**
 * A statement may be silent for as long as it may take. A parameter of the URL wins over what the pool is given. Throws
 * RangeError if it is not permitted; what reads the URL from outside checks it before (config/addresses.ts).
 */
export function silenceTimeoutOf(url: string): number {
  const timeoutMs = statementTimeoutOf(url);
  if (timeoutMs === null) throw new RangeError(`the address of the database ${PERMITTED_STATEMENT_TIMEOUTS}`);
  return timeoutMs + SILENCE_MARGIN_MS;
}

/** For migrations, which may take long, and during which other processes wait for the one that migrates. */
export const openUnlimited = (url: string): Database =>
  open(url, { maxConnections: 1, limits: {}, silenceTimeoutMs: 0 });

interface OpenOptions {
  readonly maxConnections: number;
  readonly limits: Readonly<Partial<Record<'statement_timeout' | 'lock_timeout', number>>>;
  readonly silenceTimeoutMs: number;
  readonly beforeCommit?: BeforeCommit | undefined;
}

function open(url: string, options: OpenOptions): Database {
  const { maxConnections, limits, silenceTimeoutMs, beforeCommit } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...limits,
    idleTimeoutMillis: 10_000,
    // Without keep-alive, a server that vanished might never be noticed.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'cxflow',
    options: Object.entries(SESSION)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  // An idle connection that PostgreSQL drops must not end the process; the next query gets a new one, or an error.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    // While a connection is in use the pool removes its own listener, and an `error` event without a listener ends the
    // process. The query that was running is rejected in any case.
    client.on('error', () => undefined);
    destroyWhenSilent(client, silenceTimeoutMs);
    if (beforeCommit) announceCommits(client, beforeCommit);
  });
  const db = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool }) });
  return { url, db, pool, close: () => db.destroy() };
}

/**
 * A firewall that forgot the connection, or a server machine that froze, would block a statement for a quarter of an hour,
 * and with it the claims of its run. The `query_timeout` of node-postgres does not help: it returns the connection to the
 * pool while the statement is still running on it. A transaction whose next statement nobody has sent yet is not silent.
 * `timeoutMs`: 0 means no limit.
 */
function destroyWhenSilent(client: pg.PoolClient, timeoutMs: number): void {
  const internals = client as unknown as Internals;
  const { stream } = internals.connection;
  stream.setTimeout(timeoutMs, () => {
    if (internals.readyForQuery) return;
    stream.destroy(new Error(`Connection terminated: the server was silent for ${timeoutMs} ms`));
  });
}

function announceCommits(client: pg.PoolClient, beforeCommit: BeforeCommit): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  let inTransaction = false;
  client.query = ((...args: unknown[]) => {
    const statement = firstWordOf(args[0]);
    if (statement === 'begin' || statement === 'start') inTransaction = true;
    else if (statement === 'rollback') inTransaction = false;
    else if (statement === 'commit') {
      inTransaction = false;
      beforeCommit('transaction');
    } else if (!inTransaction && statement !== 'select') beforeCommit('statement');
    return query(...args);
  }) as typeof client.query;
}

/** `query`: a text, or an object that has one, such as that of a prepared statement or a COPY. */
function firstWordOf(query: unknown): string | undefined {
  const text = typeof query === 'string' ? query : String((query as { text?: unknown }).text);
  return /^\s*(\w+)/.exec(text)?.[1]?.toLowerCase();
}

/** What the types of node-postgres leave out. */
interface Internals {
  readonly connection: { readonly stream: Socket };
  /** No statement is running. */
  readonly readyForQuery: boolean;
}
