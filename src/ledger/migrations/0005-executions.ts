/** Which execution in Temporal a run belongs to, so that one that ended without closing its run can be found. */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
-- The newest execution that opened the run: its namespace and its run id in Temporal.
alter table runs
  add column namespace text,
  add column execution_id text;
create index runs_executing on runs (namespace) where state = 'running';
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
