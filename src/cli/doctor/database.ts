/** The ledger's database: is it there, has it its tables, has it the same time? */
import { openLedger } from '../../ledger/ledger.ts';
import { describeError } from '../errors.ts';
import { formatDuration, plural } from '../format.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** Leases and waits are reckoned by the database's clock, consents by the worker's. */
const SKEW_WARNING_MS = 2_000;
const SKEW_PROBLEM_MS = 60_000;

export async function* examineDatabase(url: string | null, command: string): AsyncIterable<Finding> {
  if (url === null) {
    yield problem(
      'database',
      'no database',
      `set DATABASE_URL, or run \`${command} dev\` in another terminal`,
    );
    return;
  }
  const ledger = openLedger(url, 1);
  try {
    await ledger.ping();
    const sentAt = Date.now();
    const { serverTime, version } = await ledger.ping();
    const roundTripMs = Date.now() - sentAt;
    yield ok('database', `PostgreSQL ${version} answers in ${formatDuration(roundTripMs)}`);
    yield examineSkew(serverTime.getTime() - (sentAt + roundTripMs / 2));
    yield examineMigrations(await ledger.missingMigrations(), command);
  } catch (error) {
    const { message, next } = describeError(error, command);
    yield problem('database', message, next ?? 'check DATABASE_URL: host, port, user, password, name');
  } finally {
    await ledger.close();
  }
}

export function examineSkew(skewMs: number): Finding {
  const amount = Math.abs(skewMs);
  if (amount < SKEW_WARNING_MS)
    return ok('clocks', `this machine and the database differ by ${formatDuration(amount)}`);
  const what = `the database is ${formatDuration(amount)} ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`;
  const next = 'set both clocks by NTP: consent dates are judged by them';
  return amount < SKEW_PROBLEM_MS ? warning('clocks', what, next) : problem('clocks', what, next);
}

function examineMigrations(missing: readonly string[], command: string): Finding {
  if (missing.length === 0) return ok('tables', 'all migrations are there');
  const what = `${plural(missing.length, 'migration')} missing: ${missing.join(', ')}`;
  return warning('tables', what, `start a worker, it makes them: \`${command} worker\``);
}
