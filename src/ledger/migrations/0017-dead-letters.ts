/** When an event is sent again, and that it was given up (docs/adr/0017-events-and-outbox.md). */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
alter table outbox
  -- Null: at once, when those before it are delivered or given up.
  add column next_attempt_at timestamptz,
  -- Since when it, or an event before it, is not accepted; null: nothing has failed since an event was accepted.
  add column failing_since timestamptz,
  -- When it was given up.
  add column dead_at timestamptz;
create index outbox_dead on outbox (id) where dead_at is not null;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
