/** When a write failed last, so that time in which nobody tried it does not count (src/ledger/writes/writes.sql.ts). */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
alter table writes add column failed_at timestamptz;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
