/** When the first of a row of equal failures was, so that an outage is told from a write that always fails. */
import { type Kysely, sql } from 'kysely';

/** Some ledgers have the column already: for a short time, 0002 added it. */
const STATEMENTS = `
alter table writes add column if not exists failing_since timestamptz;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
