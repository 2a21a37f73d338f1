/** What a run measures, for the governance metrics (docs/metrics.md). */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
-- Stored when the run ends in a final state, and when it is purged. Null: computed from the writes of the run.
alter table runs add column metrics json;

-- All updates of a campaign.
create index runs_by_target on runs (target, kind);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
