/** When a run was started, the last time: the moment by which the dates in its rows are judged. */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
-- By Temporal's clock, where an execution has opened the run. Runs under way keep one moment from now on.
alter table runs add column opened_at timestamptz;
update runs set opened_at = greatest(started_at, to_timestamp(fence / 1000.0));
alter table runs alter column opened_at set not null, alter column opened_at set default now();
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
