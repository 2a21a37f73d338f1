import { type Kysely, sql } from 'kysely';

/**
 * Claims and settlements of many writes at a time: one round trip and one commit for what comes together
 * (ledger/coalesce.ts). Each write is judged as before; docs/benchmarks.md says what it brings.
 */
const functions = `
-- Only PostgreSQL's own hash is compared from now on.
update writes set payload_sha256 = null where state in ('sending', 'unanswered');

-- With room on its page, and no index over what they change, claims and settlements leave the indexes alone.
drop index writes_open;
alter table writes set (fillfactor = 50);

drop function claim_write(integer, bigint, text, integer, text, text);

create function claim_writes(
  p_run_no integer, p_ids bigint[], p_lease_ms integer, p_holder text, p_tenant text
) returns table (
  claimed_id bigint, verdict text, new_fence integer, lost_answers integer, wait_ms integer, payload text
) language plpgsql as $$
declare
  v_now timestamptz;
  v_steering text;
  v_blocked timestamptz;
  v_found integer := 0;
  v_records integer;
  v_sha256 text;
  o writes;
begin
  -- Fair where row locks are not: a steering change never starves behind a stream of claims, and every statement below
  -- has a snapshot of its own, so that a claim which had to wait for the change sees it.
  perform pg_advisory_xact_lock_shared(4201, p_run_no);
  v_now := clock_timestamp();
  select steering into v_steering from runs where run_no = p_run_no;
  if v_steering is distinct from 'go' then
    return query select unnest(p_ids), coalesce(v_steering, 'stopped'), 0, 0, 0, null::text;
    return;
  end if;
  select blocked_until into v_blocked from rate_budgets where tenant = p_tenant;
  if v_blocked > v_now then
    -- Retry-After has no upper cap, an integer has.
    return query select unnest(p_ids), 'blocked', 0, 0,
      least(ceil(extract(epoch from v_blocked - v_now) * 1000), 2147483647)::integer, null::text;
    return;
  end if;
  -- Everybody locks in this order, or two workers with the same writes would wait for each other.
  for o in select * from writes where id = any(p_ids) and run_no = p_run_no order by id for update loop
    v_found := v_found + 1;
    claimed_id := o.id;
    new_fence := 0;
    lost_answers := 0;
    wait_ms := 0;
    payload := null;
    if o.state = 'sending' and o.lease_until > v_now then
      verdict := 'leased';
      wait_ms := ceil(extract(epoch from o.lease_until - v_now) * 1000);
    elsif o.state not in ('planned', 'unanswered', 'sending') then
      verdict := 'settled';
    else
      select '[' || string_agg(record::text, ',' order by seq) || ']', count(record) into payload, v_records
        from records where run_no = p_run_no and seq = any(o.seqs);
      -- Found out before it is sent, not when it is settled.
      if v_records <> cardinality(o.seqs) then
        raise exception 'write % has lost records', o.id;
      end if;
      v_sha256 := encode(sha256(convert_to(payload || coalesce(o.refs::text, ''), 'UTF8')), 'hex');
      if o.payload_sha256 <> v_sha256 then
        raise exception 'write % would be sent with another payload than before', o.id;
      end if;
      verdict := 'claimed';
      new_fence := o.fence + 1;
      -- A lease that ran out is an answer that was lost: whoever held it may have sent.
      lost_answers := o.unanswered + case when o.state = 'sending' then 1 else 0 end;
      update writes set
        state = 'sending', fence = new_fence, unanswered = lost_answers, attempts = attempts + 1,
        payload_sha256 = v_sha256, holder = p_holder, sent_at = v_now,
        lease_until = v_now + p_lease_ms * interval '1 millisecond'
        where id = o.id;
    end if;
    return next;
  end loop;
  if v_found <> cardinality(p_ids) then
    raise exception 'a write of % does not exist in run %', p_ids, p_run_no;
  end if;
end $$;

create or replace function settle_write(
  p_id bigint, p_fence integer, p_state text, p_settled json, p_derived json, p_counts json,
  p_http_status integer, p_latency_ms integer, p_request_id text, p_audit json, p_event text
) returns boolean language plpgsql as $$
declare
  o writes;
  v_audit_id uuid;
  v_answered integer[];
  v_outcome text;
  v_reasons json;
  v_evidence text;
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
  -- A list of seqs is read as an array of PostgreSQL's: [1,2] → {1,2}. Element by element takes ten times as long.
  if json_array_length(p_derived) = 0 and json_array_length(p_settled) = 1
    and translate(p_settled->0->>'seqs', '[]', '{}')::integer[] = o.seqs
  then
    -- All of it has one outcome: the same partition as below, without counting.
    v_outcome := p_settled->0->>'outcome';
    v_reasons := p_settled->0->'reasons';
    v_evidence := p_settled->0->>'evidence';
    insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence)
      select o.run_no, seq, v_outcome, v_reasons, p_id, v_evidence from unnest(o.seqs) seq;
  else
    insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence)
      select o.run_no, seq, outcome, reasons, p_id, evidence
      from json_to_recordset(p_settled) g(outcome text, seqs text, reasons json, evidence text),
        unnest(translate(seqs, '[]', '{}')::integer[]) seq;
    insert into writes (run_no, batch, kind, seqs, refs)
      select o.run_no, o.batch, d->>'kind', translate(d->>'seqs', '[]', '{}')::integer[], d->'refs'
      from json_array_elements(p_derived) d;
    -- A partition: none left out, none twice, none of another write.
    select array_agg(seq order by seq) into v_answered from (
      select json_array_elements(p_settled) part union all select json_array_elements(p_derived)) parts,
      unnest(translate(part->>'seqs', '[]', '{}')::integer[]) seq;
    if v_answered is distinct from (select array_agg(seq order by seq) from unnest(o.seqs) seq) then
      raise exception 'the answer to write % does not account for each of its % records once',
        p_id, cardinality(o.seqs);
    end if;
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

create function settle_writes(p_settlements json) returns table (
  settled_id bigint, settled_fence integer, mine boolean
)
language plpgsql as $$
declare
  s record;
begin
  for s in
    select * from json_to_recordset(p_settlements) as given(id bigint, fence integer, state text, groups json,
      derived json, counts json, http_status integer, latency_ms integer, request_id text, audit json, event text)
    order by id, fence
  loop
    settled_id := s.id;
    settled_fence := s.fence;
    mine := settle_write(s.id, s.fence, s.state, s.groups, s.derived, s.counts, s.http_status, s.latency_ms,
      s.request_id, s.audit, s.event);
    return next;
  end loop;
end $$;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(functions).execute(db);
}
