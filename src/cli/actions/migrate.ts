/** Prepares the ledger and prints which migrations it ran. */
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../config/config.ts';
import { plural } from '../../domain/numbers.ts';
import { isTransient } from '../../ledger/errors.ts';
import { openLedger } from '../../ledger/ledger.ts';
import { refuseOtherTenant } from '../../ledger/tenant.ts';
import { withStack } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import { describeError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { requireDatabase } from '../session.ts';
import { openOutput, printJson, writeText } from '../terminal/output.ts';

export interface MigrateOptions {
  /** In seconds. */
  readonly wait: number;
  readonly json?: boolean;
}

/** Throws ConfigError, MissingAddress, OtherTenant, UnknownMigrations, and errors of the database. */
export async function migrate(cli: Cli, { wait, json = false }: MigrateOptions): Promise<ExitCode> {
  const { print } = openOutput(cli, json);
  const config = loadConfig(withStack(cli.stackDir, cli.env));
  const ledger = openLedger(requireDatabase(config, cli.command), 1);
  try {
    const prepare = async () => {
      await refuseOtherTenant(ledger.tenant, config.cxone.tenant);
      return ledger.migrate();
    };
    const migrations = await retryWhileUnavailable(cli, prepare, wait * 1_000);
    print(renderMigrations(migrations));
    if (json) printJson(cli, { migrations });
    return EXIT.ok;
  } finally {
    await ledger.close();
  }
}

function renderMigrations(migrations: readonly string[]): string {
  if (migrations.length === 0) return 'the ledger is prepared: no migration was missing';
  return `the ledger is prepared: ran ${plural(migrations.length, 'migration')} (${migrations.join(', ')})`;
}

const RETRY_MS = 500;

async function retryWhileUnavailable<T>(
  { stderr, command }: Pick<Cli, 'stderr' | 'command'>,
  attempt: () => Promise<T>,
  waitMs: number,
): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error) || performance.now() >= deadline) throw error;
      if (isFirst) writeText(stderr, `${describeError(error, command).message}; trying again …\n`);
      await delay(RETRY_MS);
    }
  }
}
