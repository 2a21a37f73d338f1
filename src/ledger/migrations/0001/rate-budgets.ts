/** The rate budget that all workers of a tenant share. */
export const rateBudgets = `
create table rate_budgets (
  tenant text primary key,
  next_free_at timestamptz not null,
  blocked_until timestamptz not null
);

-- GCRA: one row per tenant holds the time at which the next request may leave. There are no windows, so a minute never
-- gets two budgets.
create function take_rate_permits(
  p_tenant text, p_interval_ms double precision, p_permits integer, p_max_wait_ms double precision,
  out wait_ms double precision
) language plpgsql as $$
declare
  v_first timestamptz;
begin
  insert into rate_budgets values (p_tenant, clock_timestamp(), '-infinity') on conflict do nothing;
  select greatest(next_free_at, blocked_until, clock_timestamp()) into v_first
    from rate_budgets where tenant = p_tenant for update;
  wait_ms := greatest(0, extract(epoch from v_first - clock_timestamp()) * 1000);
  -- A caller that will not wait that long takes nothing. Otherwise every attempt would delay the next request further.
  if wait_ms <= p_max_wait_ms then
    update rate_budgets set next_free_at = v_first + p_permits * p_interval_ms * interval '1 millisecond'
      where tenant = p_tenant;
  end if;
end $$;

create function block_rate(p_tenant text, p_ms double precision) returns void language plpgsql as $$
declare
  v_until timestamptz := clock_timestamp() + p_ms * interval '1 millisecond';
begin
  insert into rate_budgets values (p_tenant, v_until, v_until)
    on conflict (tenant) do update set blocked_until = greatest(rate_budgets.blocked_until, v_until);
end $$;
`;
