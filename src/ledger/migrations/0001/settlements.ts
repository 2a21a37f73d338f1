/** Settlements: an answer becomes outcomes, derived writes, an audit entry and an event in one transaction. */
export const settleFunctions = `
-- False: the fence is not the current one. The answer is then kept as a late answer and changes nothing else.
create function settle_write(
  p_id bigint, p_fence integer, p_state text, p_settled json, p_derived json, p_counts json,
  p_http_status integer, p_latency_ms integer, p_request_id text, p_audit json, p_event text
) returns boolean language plpgsql as $$
declare
  w writes;
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
    returning * into w;
  if not found then
    update writes set late_answers = (
      select json_agg(answer) from (
        select json_array_elements(coalesce(late_answers, '[]'::json)) answer
        union all select json_build_object('fence', p_fence, 'at', clock_timestamp(),
          'httpStatus', p_http_status, 'requestId', p_request_id, 'counts', p_counts)) answers)
      where id = p_id;
    return false;
  end if;
  -- The JSON array of seqs is read as the text of a PostgreSQL array: [1,2] becomes {1,2}. Reading it element by element
  -- takes ten times as long.
  if json_array_length(p_derived) = 0 and json_array_length(p_settled) = 1
    and translate(p_settled->0->>'seqs', '[]', '{}')::integer[] = w.seqs
  then
    -- The common case: one outcome for all records, which is a partition without further checks.
    v_outcome := p_settled->0->>'outcome';
    v_reasons := p_settled->0->'reasons';
    v_evidence := p_settled->0->>'evidence';
    insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence)
      select w.run_no, seq, v_outcome, v_reasons, p_id, v_evidence from unnest(w.seqs) seq;
  else
    insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence)
      select w.run_no, seq, outcome, reasons, p_id, evidence
      from json_to_recordset(p_settled) part(outcome text, seqs text, reasons json, evidence text),
        unnest(translate(seqs, '[]', '{}')::integer[]) seq;
    insert into writes (run_no, batch, kind, seqs, refs)
      select w.run_no, w.batch, part->>'kind', translate(part->>'seqs', '[]', '{}')::integer[], part->'refs'
      from json_array_elements(p_derived) part;
    -- Outcomes and derived writes must be a partition of the records: none missing, none twice, none of another write.
    select array_agg(seq order by seq) into v_answered from (
      select json_array_elements(p_settled) part union all select json_array_elements(p_derived)) parts,
      unnest(translate(part->>'seqs', '[]', '{}')::integer[]) seq;
    if v_answered is distinct from (select array_agg(seq order by seq) from unnest(w.seqs) seq) then
      raise exception 'the answer to write % does not account for each of its % records once',
        p_id, cardinality(w.seqs);
    end if;
  end if;
  insert into audit_pending (run_id, action, data)
    select run_id, 'batch_settled', p_audit from runs where run_no = w.run_no
    returning audit_id into v_audit_id;
  if p_event is not null then
    insert into outbox (run_no, event, write_id, audit_id, counts, latency_ms)
      values (w.run_no, p_event, p_id, v_audit_id, p_counts, p_latency_ms);
  end if;
  return true;
end $$;

-- Many settlements in one round trip and one commit, in the order of the ids, so that two calls cannot deadlock.
create function settle_writes(p_settlements json) returns table (
  settled_id bigint, settled_fence integer, is_settled boolean
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
    is_settled := settle_write(s.id, s.fence, s.state, s.groups, s.derived, s.counts, s.http_status, s.latency_ms,
      s.request_id, s.audit, s.event);
    return next;
  end loop;
end $$;
`;
