/** Fences of a run, so that an attempt that was overtaken changes nothing any more (docs/adr/0022-fences-of-a-run.md). */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
-- Each is the time, in milliseconds, for which Temporal had scheduled the newest attempt that has stored something: of a
-- step, of a change of the steering, of a change of the phase.
alter table runs
  add column fence bigint not null default 0,
  add column steering_fence bigint not null default 0,
  add column phase_fence bigint not null default 0;

-- False: a newer attempt has changed the steering. A stopped run stays stopped until it is opened again.
create function steer_run(p_run_no integer, p_steering text, p_attempt bigint) returns boolean
language plpgsql as $$
declare
  v_fence bigint;
begin
  perform pg_advisory_xact_lock(4201, p_run_no);
  select steering_fence into v_fence from runs where run_no = p_run_no;
  if v_fence > p_attempt then
    return false;
  end if;
  update runs set steering = case when steering = 'stopped' then 'stopped' else p_steering end,
    steering_fence = greatest(steering_fence, p_attempt) where run_no = p_run_no;
  return true;
end $$;

-- A retried activity adds the entry once.
create unique index audit_pending_by_audit_id on audit_pending (audit_id);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
