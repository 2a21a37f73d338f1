/** The tenant to which the ledger belongs, by name; the first worker enters it. */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
create table ledger_tenant (
  -- One row at most.
  only_row boolean primary key default true check (only_row),
  name text not null,
  registered_at timestamptz not null default clock_timestamp()
);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
