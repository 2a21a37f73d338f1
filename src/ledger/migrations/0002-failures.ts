/** How the attempts at a write failed, so that one that always fails in the same way does not repeat for ever. */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
alter table writes
  add column failure text,
  add column failures integer not null default 0;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
