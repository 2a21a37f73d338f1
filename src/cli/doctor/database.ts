/** The ledger's database: is it there, may we write, does it keep what it confirms, has it its tables? */
import type { Config } from '../../config/config.ts';
import type { DatabaseHealth } from '../../ledger/health.ts';
import { type Ledger, openLedger } from '../../ledger/ledger.ts';
import { describeError } from '../errors.ts';
import { formatCount, formatDuration, plural } from '../terminal/format.ts';
import { examineSkew, skewOf } from './clocks.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** What a worker opens besides one connection for each request in flight (worker.ts). */
const CONNECTIONS_BESIDE = 8;
const [MEGABYTE, GIGABYTE] = [1e6, 1e9];

type Settings = Pick<Config, 'databaseUrl' | 'maxInFlight'>;

export async function* examineDatabase(config: Settings, command: string): AsyncIterable<Finding> {
  if (config.databaseUrl === null) {
    const next = `set DATABASE_URL, or run \`${command} dev\` in another terminal`;
    yield problem('database', 'no database', next);
    return;
  }
  const ledger = openLedger(config.databaseUrl, 1);
  try {
    await ledger.health();
    const askedAtMs = Date.now();
    const health = await ledger.health();
    const toldAtMs = Date.now();
    yield* examineHealth(health, toldAtMs - askedAtMs, config.maxInFlight);
    const theirsMs = health.serverTime.getTime();
    yield examineSkew('PostgreSQL', skewOf({ theirsMs, askedAtMs, toldAtMs }));
    yield examineMigrations(await migrationsOf(ledger), health, command);
  } catch (error) {
    const { message, next } = describeError(error, command);
    yield problem('database', message, next ?? 'check DATABASE_URL: host, port, user, password, name');
  } finally {
    await ledger.close();
  }
}

export function* examineHealth(
  health: DatabaseHealth,
  roundTripMs: number,
  maxInFlight: number,
): Iterable<Finding> {
  const { bytes } = health;
  const size = bytes < GIGABYTE ? `${Math.ceil(bytes / MEGABYTE)} MB` : `${(bytes / GIGABYTE).toFixed(1)} GB`;
  yield ok(
    'database',
    `PostgreSQL ${health.version} answers in ${formatDuration(roundTripMs)}; holds ${size}`,
  );
  if (health.readOnly) {
    yield problem(
      'database writes',
      'it is read-only: a standby, perhaps',
      'let DATABASE_URL name the primary',
    );
  }
  if (!health.durable) {
    const next = 'set them on: after a power cut a confirmed claim may be gone, and its batch be sent twice';
    yield warning('database writes', 'fsync or full_page_writes is off', next);
  }
  const free = health.maxConnections - health.usedConnections;
  const wanted = maxInFlight + CONNECTIONS_BESIDE;
  const what = `${formatCount(free)} of ${formatCount(health.maxConnections)} free; a worker takes up to ${wanted}`;
  if (free >= wanted) yield ok('connections', what);
  else yield warning('connections', what, 'raise max_connections, or lower CXFLOW_MAX_IN_FLIGHT');
}

export interface Migrations {
  readonly missing: readonly string[];
  /** The database has them, this program does not know them. */
  readonly unknown: readonly string[];
}

async function migrationsOf(ledger: Ledger): Promise<Migrations> {
  return { missing: await ledger.missingMigrations(), unknown: await ledger.unknownMigrations() };
}

export function examineMigrations(
  { missing, unknown }: Migrations,
  { mayCreate }: Pick<DatabaseHealth, 'mayCreate'>,
  command: string,
): Finding {
  if (unknown.length > 0) {
    const what = `they are of a newer cxflow: ${unknown.join(', ')}`;
    return problem('tables', what, 'install that version here; an older worker must not write to them');
  }
  if (missing.length === 0) return ok('tables', 'all migrations are there');
  const what = `${plural(missing.length, 'migration')} missing: ${missing.join(', ')}`;
  if (mayCreate) return warning('tables', what, `start a worker, it makes them: \`${command} worker\``);
  return problem('tables', `${what}; this role may not make tables`, 'grant it CREATE on its schema');
}
