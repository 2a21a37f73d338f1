import { type Migration, Migrator } from 'kysely';
import type { Database } from './database.ts';
import * as tables from './migrations/0001-tables.ts';
import * as writes from './migrations/0002-writes.ts';
import * as selections from './migrations/0003-selections.ts';
import * as consent from './migrations/0004-consent.ts';
import * as consentProof from './migrations/0005-consent-proof.ts';
import * as together from './migrations/0007-together.ts';

/** In order; a migration that was released is never changed, only followed by another. */
const MIGRATIONS: Record<string, Migration> = {
  '0001-tables': tables,
  '0002-writes': writes,
  '0003-selections': selections,
  '0004-consent': consent,
  '0005-consent-proof': consentProof,
  '0007-together': together,
};

function migrator(database: Database): Migrator {
  return new Migrator({
    // Numbers are given out before the work is done, and land in any order.
    allowUnorderedMigrations: true,
    db: database.db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
    migrationTableName: 'cxflow_migrations',
    migrationLockTableName: 'cxflow_migrations_lock',
  });
}

/** Safe to call by many processes at once: Kysely takes an advisory lock. */
export async function migrate(database: Database): Promise<void> {
  const { error, results } = await migrator(database).migrateToLatest();
  if (error) {
    const failed =
      results?.find((result) => result.status === 'Error')?.migrationName ?? 'the first migration';
    throw error instanceof Error ? error : new Error(`${failed} failed`, { cause: error });
  }
}

/** Names of the migrations that this database still lacks. */
export async function missingMigrations(database: Database): Promise<string[]> {
  const all = await migrator(database).getMigrations();
  return all.filter((migration) => migration.executedAt === undefined).map((migration) => migration.name);
}

/** Names of those that it has of a newer version than this program. */
export async function unknownMigrations({ pool }: Database): Promise<string[]> {
  const table = await pool.query<{ there: boolean }>(
    "select to_regclass('cxflow_migrations') is not null as there",
  );
  if (!table.rows[0]?.there) return [];
  const { rows } = await pool.query<{ name: string }>('select name from cxflow_migrations order by name');
  return rows.map(({ name }) => name).filter((name) => !(name in MIGRATIONS));
}
