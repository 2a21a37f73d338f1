import { type Kysely, sql } from 'kysely';

/**
 * The hot verbs as functions: one round trip each, and inside a volatile function every statement has a snapshot of
 * its own. So a claim that had to wait for a steering change sees the change (a plain statement would not).
 * The advisory lock is fair where row locks are not: a steering change never starves behind a stream of claims.
 */
const functions = `
create function claim_write(
  p_run_no integer, p_id bigint, p_payload_sha256 text, p_lease_ms integer, p_holder text, p_tenant text,
  out verdict text, out fence integer, out unanswered integer, out wait_ms integer
) language plpgsql as $$
declare
  v_now timestamptz;
  v_steering text;
  v_blocked timestamptz;
  o writes;
begin
  perform pg_advisory_xact_lock_shared(4201, p_run_no);
  v_now := clock_timestamp();
  select steering into v_steering from runs where run_no = p_run_no;
  if v_steering is distinct from 'go' then
    verdict := coalesce(v_steering, 'stopped');
    return;
  end if;
  select blocked_until into v_blocked from rate_budgets where tenant = p_tenant;
  if v_blocked > v_now then
    verdict := 'blocked';
    -- Retry-After has no upper cap, an integer has.
    wait_ms := least(ceil(extract(epoch from v_blocked - v_now) * 1000), 2147483647);
    return;
  end if;
  select * into o from writes where id = p_id and run_no = p_run_no for update;
  if not found then
    raise exception 'write % of run % does not exist', p_id, p_run_no;
  end if;
  if o.payload_sha256 is not null and o.payload_sha256 <> p_payload_sha256 then
    raise exception 'write % would be sent with another payload than before', p_id;
  end if;
  if o.state = 'sending' and o.lease_until > v_now then
    verdict := 'leased';
    wait_ms := ceil(extract(epoch from o.lease_until - v_now) * 1000);
    return;
  end if;
  if o.state not in ('planned', 'unanswered', 'sending') then
    verdict := 'settled';
    return;
  end if;
  -- A lease that ran out is an answer that was lost: whoever held it may have sent.
  fence := o.fence + 1;
  unanswered := o.unanswered + case when o.state = 'sending' then 1 else 0 end;
  update writes set
    state = 'sending', fence = claim_write.fence, unanswered = claim_write.unanswered,
    attempts = attempts + 1, payload_sha256 = p_payload_sha256, holder = p_holder,
    sent_at = v_now, lease_until = v_now + p_lease_ms * interval '1 millisecond'
    where id = p_id;
  verdict := 'claimed';
end $$;

create function settle_write(
  p_id bigint, p_fence integer, p_state text, p_settled json, p_derived json, p_counts json,
  p_http_status integer, p_latency_ms integer, p_request_id text, p_audit json, p_event text
) returns boolean language plpgsql as $$
declare
  o writes;
  v_audit_id uuid;
  v_answered integer[];
begin
  update writes set
    state = p_state, counts = p_counts, http_status = p_http_status, latency_ms = p_latency_ms,
    request_id = p_request_id, settled_at = clock_timestamp(), lease_until = null
    where id = p_id and fence = p_fence and state = 'sending'
    returning * into o;
  if not found then
    update writes set late_answers = (
      select json_agg(e) from (
        select json_array_elements(coalesce(late_answers, '[]'::json)) e
        union all select json_build_object('fence', p_fence, 'at', clock_timestamp(),
          'httpStatus', p_http_status, 'requestId', p_request_id, 'counts', p_counts)) answers)
      where id = p_id;
    return false;
  end if;
  insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence)
    select o.run_no, seq::integer, g->>'outcome', g->'reasons', p_id, g->>'evidence'
    from json_array_elements(p_settled) g, json_array_elements_text(g->'seqs') seq;
  insert into writes (run_no, batch, kind, seqs, refs)
    select o.run_no, o.batch, d->>'kind',
      array(select json_array_elements_text(d->'seqs')::integer), d->'refs'
    from json_array_elements(p_derived) d;
  -- A partition: none left out, none twice, none of another write.
  select array_agg(seq::integer order by seq::integer) into v_answered from (
    select json_array_elements_text(g->'seqs') seq from json_array_elements(p_settled) g
    union all
    select json_array_elements_text(d->'seqs') from json_array_elements(p_derived) d) answered;
  if v_answered is distinct from (select array_agg(seq order by seq) from unnest(o.seqs) seq) then
    raise exception 'the answer to write % does not account for each of its % records once',
      p_id, cardinality(o.seqs);
  end if;
  insert into audit_pending (run_id, action, data)
    select run_id, 'batch_settled', p_audit from runs where run_no = o.run_no
    returning audit_id into v_audit_id;
  if p_event is not null then
    insert into outbox (run_no, event, write_id, audit_id, counts, latency_ms)
      values (o.run_no, p_event, p_id, v_audit_id, p_counts, p_latency_ms);
  end if;
  return true;
end $$;

create function steer_run(p_run_no integer, p_steering text) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(4201, p_run_no);
  update runs set steering = p_steering where run_no = p_run_no;
end $$;

-- GCRA: one row per tenant says when the next request is free. No windows, so no two budgets in one minute.
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
  -- Too long to wait for: nothing is taken, or every try would push the line further away.
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

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(functions).execute(db);
}
