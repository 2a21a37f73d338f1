/** Brings the tables of a ledger to the version of this program. */
import { type Migration, Migrator } from 'kysely';
import { type Database, openUnlimited } from './database.ts';
import * as initial from './migrations/0001-initial.ts';
import * as failures from './migrations/0002-failures.ts';
import * as rateBlocks from './migrations/0003-rate-blocks.ts';
import * as claims from './migrations/0004-claims.ts';
import * as executions from './migrations/0005-executions.ts';
import * as erasureAndPurge from './migrations/0006-erasure-and-purge.ts';
import * as tenant from './migrations/0007-tenant.ts';
import * as fences from './migrations/0008-fences.ts';
import * as failingSince from './migrations/0009-failing-since.ts';
import * as metrics from './migrations/0010-metrics.ts';
import * as answers from './migrations/0011-answers.ts';
import * as openedAt from './migrations/0012-opened-at.ts';
import * as failedAt from './migrations/0013-failed-at.ts';
import * as listLoads from './migrations/0014-list-loads.ts';
import * as suppressions from './migrations/0015-suppressions.ts';
import * as emailSends from './migrations/0016-email-sends.ts';

/**
 * In order. A migration is never changed, only followed by another one: a ledger that has run it would not run it again
 * (test/ledger/migrations.test.ts rejects a change).
 */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-initial': initial,
  '0002-failures': failures,
  '0003-rate-blocks': rateBlocks,
  '0004-claims': claims,
  '0005-executions': executions,
  '0006-erasure-and-purge': erasureAndPurge,
  '0007-tenant': tenant,
  '0008-fences': fences,
  '0009-failing-since': failingSince,
  '0010-metrics': metrics,
  '0011-answers': answers,
  '0012-opened-at': openedAt,
  '0013-failed-at': failedAt,
  '0014-list-loads': listLoads,
  '0015-suppressions': suppressions,
  '0016-email-sends': emailSends,
};

function createMigrator(database: Database): Migrator {
  return new Migrator({
    // Two branches may add migrations and be merged in any order.
    allowUnorderedMigrations: true,
    db: database.db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
    migrationTableName: 'cxflow_migrations',
    migrationLockTableName: 'cxflow_migrations_lock',
  });
}

/** The ledger has migrations that this program does not have: a newer version has run them. */
export class UnknownMigrations extends Error {
  override readonly name = 'UnknownMigrations';
  readonly next = 'use that version here as well, or another database';
  constructor(names: readonly string[]) {
    super(`the ledger was migrated by another version of cxflow (${names.join(', ')})`);
  }
}

/**
 * Runs the missing migrations and returns their names. Several processes may call it at once: one works, the others wait.
 * Errors: UnknownMigrations.
 */
export async function migrate(database: Database): Promise<readonly string[]> {
  const unknown = await unknownMigrations(database);
  if (unknown.length > 0) throw new UnknownMigrations(unknown);
  // Kysely would need the right to create tables even if there is nothing to do.
  if ((await missingMigrations(database)).length === 0) return [];
  const unlimited = openUnlimited(database.url);
  const { error, results = [] } = await createMigrator(unlimited)
    .migrateToLatest()
    .finally(() => unlimited.close());
  if (error) {
    const failed = results.find(({ status }) => status === 'Error')?.migrationName ?? 'the first migration';
    throw error instanceof Error ? error : new Error(`${failed} failed`, { cause: error });
  }
  return results.map(({ migrationName }) => migrationName);
}

export async function missingMigrations(database: Database): Promise<readonly string[]> {
  const executed = await listExecuted(database);
  return Object.keys(MIGRATIONS).filter((name) => !executed.includes(name));
}

export async function unknownMigrations(database: Database): Promise<readonly string[]> {
  const executed = await listExecuted(database);
  return executed.filter((name) => !(name in MIGRATIONS));
}

/** Without Kysely, which would read the whole catalogue: every command asks for this. */
async function listExecuted({ pool }: Database): Promise<readonly string[]> {
  const table = await pool.query<{ exists: boolean }>(
    "select to_regclass('cxflow_migrations') is not null as exists",
  );
  if (!table.rows[0]?.exists) return [];
  const { rows } = await pool.query<{ name: string }>('select name from cxflow_migrations order by name');
  return rows.map(({ name }) => name);
}
