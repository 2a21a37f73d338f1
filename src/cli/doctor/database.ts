/** The database of the ledger: whether it answers, is writable and durable, and has its tables. */
import type { Config } from '../../config/config.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { DatabaseHealth } from '../../ledger/health.ts';
import { type Ledger, openLedger } from '../../ledger/ledger.ts';
import { OtherTenant } from '../../ledger/tenant.ts';
import { listRateBlocks, type RateBlock } from '../../queries/rate-limits.ts';
import { describeError } from '../errors.ts';
import { describeRateBlock } from '../render/rate-limits.ts';
import { formatDuration, formatTime } from '../terminal/format.ts';
import { printable } from '../terminal/sanitize.ts';
import { examineSkew, measureSkew } from './clocks.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** Connections that a worker opens besides one for each request in flight. */
const EXTRA_CONNECTIONS = 8;
const [MEGABYTE, GIGABYTE] = [1e6, 1e9];

type Settings = Pick<Config, 'databaseUrl' | 'maxInFlight' | 'cxone'>;

export async function* examineDatabase(config: Settings, command: string): AsyncIterable<Finding> {
  if (config.databaseUrl === null) {
    const next = `set DATABASE_URL, or run \`${command} dev\` in this folder, in another terminal`;
    yield problem('database', 'no database is configured', next);
    return;
  }
  const ledger = openLedger(config.databaseUrl, 1);
  try {
    await ledger.health();
    const sentAtMs = Date.now();
    const health = await ledger.health();
    const receivedAtMs = Date.now();
    yield* examineHealth(health, receivedAtMs - sentAtMs, config.maxInFlight);
    const theirsMs = health.serverTime.getTime();
    yield examineSkew('PostgreSQL', measureSkew({ theirsMs, sentAtMs, receivedAtMs }));
    const migrations = await readMigrations(ledger);
    yield examineMigrations(migrations, health, command);
    if (migrations.missing.length > 0) return;
    yield* examineTenant(await ledger.tenant.find(), config.cxone);
    yield examineRateBlocks(await listRateBlocks(ledger), command);
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
    `PostgreSQL ${health.version} answers in ${formatDuration(roundTripMs)}, size ${size}`,
  );
  if (health.readOnly) {
    yield problem(
      'database writes',
      'the database is read-only, perhaps a standby',
      'set DATABASE_URL to the primary',
    );
  }
  if (!health.durable) {
    const next =
      'enable both, or a power failure may lose a committed claim, whose batch would then be sent twice';
    yield warning('database writes', 'fsync or full_page_writes is off', next);
  }
  const free = health.maxConnections - health.usedConnections;
  const wanted = maxInFlight + EXTRA_CONNECTIONS;
  const what = `${formatCount(free)} of ${formatCount(health.maxConnections)} free, a worker uses up to ${wanted}`;
  if (free >= wanted) yield ok('connections', what);
  else yield warning('connections', what, 'raise max_connections, or lower CXFLOW_MAX_IN_FLIGHT');
}

/** `owner`: the tenant to which the ledger belongs; null: no worker has used it yet. */
export function* examineTenant(
  owner: string | null,
  { tenant, families }: Pick<Config['cxone'], 'tenant' | 'families'>,
): Iterable<Finding> {
  const isForWorkers = Object.values(families).some(({ clientId }) => clientId !== null);
  if (tenant === null && isForWorkers) {
    const next = `set CXONE_TENANT to ${owner ?? 'a name of your choice, which the ledger keeps'}`;
    yield problem('tenant', 'the CXone tenant has no name, so workers do not start', next);
  } else if (owner !== null && tenant !== null && owner !== tenant) {
    const { message, next } = new OtherTenant(owner, tenant);
    yield problem('tenant', message, next);
  } else if (owner !== null) {
    yield ok('tenant', `the ledger belongs to ${owner}`);
  }
}

export interface Migrations {
  readonly missing: readonly string[];
  /** In the database, but not in this program. */
  readonly unknown: readonly string[];
}

async function readMigrations(ledger: Ledger): Promise<Migrations> {
  return { missing: await ledger.missingMigrations(), unknown: await ledger.unknownMigrations() };
}

export function examineMigrations(
  { missing, unknown }: Migrations,
  { mayCreate }: Pick<DatabaseHealth, 'mayCreate'>,
  command: string,
): Finding {
  if (unknown.length > 0) {
    const what = `created by a newer cxflow: ${unknown.join(', ')}`;
    return problem(
      'tables',
      what,
      'install that version here, because an older worker must not write to them',
    );
  }
  if (missing.length === 0) return ok('tables', 'all migrations are applied');
  const what = `${plural(missing.length, 'migration')} missing: ${missing.join(', ')}`;
  if (mayCreate) return warning('tables', what, `create them with \`${command} migrate\`, or start a worker`);
  const next = `run \`${command} migrate\` with a role that may create tables, or grant this one CREATE on its schema`;
  return problem('tables', `${what}; this role may not create tables`, next);
}

/** A block is not a fault: runs wait for its end. But it must be visible to whoever asks why nothing happens. */
export function examineRateBlocks(blocks: readonly RateBlock[], command: string): Finding {
  if (blocks.length === 0) return ok('rate limit', 'CXone blocks no requests');
  const what = blocks.map((block) => `${describeRateBlock(block)} (${describeCause(block)})`).join('; ');
  return warning(
    'rate limit',
    what,
    `wait, or see \`${command} limits\`, and lift it if CXone did not mean it`,
  );
}

function describeCause({ since, reason }: RateBlock): string {
  return `since ${formatTime(since)}: ${printable(reason)}`;
}
