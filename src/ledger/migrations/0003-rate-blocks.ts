/** Since when and why the requests of a tenant are blocked, so that people can judge a block and lift it. */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
alter table rate_budgets
  add column blocked_since timestamptz,
  add column block_reason text;

-- A Retry-After had no upper limit until now; some blocks would last for decades.
update rate_budgets set
  blocked_since = clock_timestamp(),
  block_reason = 'a 429, before reasons were stored',
  blocked_until = least(blocked_until, clock_timestamp() + interval '1 day'),
  next_free_at = least(next_free_at, clock_timestamp() + interval '1 day')
  where blocked_until > clock_timestamp();

-- A block that lasts longer stays as it is. One that follows another without a gap continues it: blocked_since stays.
create function block_rate(p_tenant text, p_ms double precision, p_reason text) returns void
  language plpgsql as $$
declare
  v_now timestamptz := clock_timestamp();
  v_until timestamptz := v_now + p_ms * interval '1 millisecond';
begin
  insert into rate_budgets as b (tenant, next_free_at, blocked_until, blocked_since, block_reason)
    values (p_tenant, v_now, v_until, v_now, p_reason)
    on conflict (tenant) do update set
      blocked_since = case when b.blocked_until > v_now then coalesce(b.blocked_since, v_now) else v_now end,
      block_reason = case when v_until > b.blocked_until then p_reason else b.block_reason end,
      blocked_until = greatest(b.blocked_until, v_until);
end $$;

-- Workers of the version before call it without a reason.
create or replace function block_rate(p_tenant text, p_ms double precision) returns void language plpgsql as $$
begin
  perform block_rate(p_tenant, p_ms, 'a 429, reported by a worker of an older version');
end $$;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
