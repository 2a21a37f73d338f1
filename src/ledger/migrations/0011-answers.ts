/**
 * What CXone says in its answers beyond the outcomes: its ids, how long it took by its own account, and messages that are
 * about no single record. `settle_write` differs from the one of 0001 in `p_cxone_id`, `p_cxone_ms` and `p_messages`, and in
 * the `cxoneIds` of its groups; `settle_writes` keeps the texts of the messages.
 */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
alter table writes
  -- CXone's id of the answer, and the duration that it reported.
  add column cxone_id text,
  add column cxone_ms integer,
  -- The messages of the answer that settled the write: hash → how often; \`more\` for those beyond the limit of an answer.
  add column messages json;

-- CXone's id of the record.
alter table outcomes add column cxone_id text;

-- Each text once for a run, however many answers have it, and no more than 50 of them.
create table cxone_messages (
  run_no integer not null references runs on delete cascade,
  hash text not null,
  http_status integer,
  text text not null,
  primary key (run_no, hash)
);

-- Keeps texts that the run does not have yet. The audit has their number only: they may name a person, and an erasure cannot
-- change the audit. 4204 is the lock under which they are counted; it is taken for new texts only.
create function keep_messages(
  p_run_no integer, p_batch integer, p_write_id bigint, p_http_status integer, p_messages json
) returns void language plpgsql as $$
declare
  v_room integer;
  v_added integer;
begin
  if not exists (select from json_to_recordset(p_messages) m(hash text, text text) where m.text is not null
    and not exists (select from cxone_messages k where k.run_no = p_run_no and k.hash = m.hash))
    or (select count(*) from cxone_messages k where k.run_no = p_run_no) >= 50
  then
    return;
  end if;
  perform pg_advisory_xact_lock(4204, p_run_no);
  select 50 - count(*) into v_room from cxone_messages k where k.run_no = p_run_no;
  insert into cxone_messages (run_no, hash, http_status, text)
    select p_run_no, m.hash, p_http_status, m.text from json_to_recordset(p_messages) m(hash text, text text)
    where m.text is not null and not exists
      (select from cxone_messages k where k.run_no = p_run_no and k.hash = m.hash)
    limit v_room on conflict do nothing;
  get diagnostics v_added = row_count;
  if v_added > 0 then
    insert into audit_pending (run_id, action, data)
      select r.run_id, 'cxone_message', json_build_object('batch', p_batch, 'writeId', p_write_id::text,
        'httpStatus', p_http_status, 'newMessages', v_added)
      from runs r where r.run_no = p_run_no;
  end if;
end $$;

create function count_messages(p_messages json) returns json language sql immutable strict as $$
  select json_object_agg(hash, n) from json_to_recordset(p_messages) m(hash text, n integer)
$$;

drop function settle_write;

-- False: the fence is not the current one. The answer is then kept as a late answer and changes nothing else.
create function settle_write(
  p_id bigint, p_fence integer, p_state text, p_settled json, p_derived json, p_counts json,
  p_http_status integer, p_latency_ms integer, p_request_id text, p_audit json, p_event text,
  p_cxone_id text, p_cxone_ms integer, p_messages json
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
    request_id = p_request_id, settled_at = clock_timestamp(), lease_until = null,
    cxone_id = p_cxone_id, cxone_ms = p_cxone_ms, messages = count_messages(p_messages)
    where id = p_id and fence = p_fence and state = 'sending'
    returning * into w;
  if not found then
    update writes set late_answers = (
      select json_agg(answer) from (
        select json_array_elements(coalesce(late_answers, '[]'::json)) answer
        union all select json_build_object('fence', p_fence, 'at', clock_timestamp(),
          'httpStatus', p_http_status, 'requestId', p_request_id, 'cxoneId', p_cxone_id, 'counts', p_counts)) answers)
      where id = p_id;
    return false;
  end if;
  -- The JSON array of seqs is read as the text of a PostgreSQL array: [1,2] becomes {1,2}. Reading it element by element
  -- takes ten times as long.
  if json_array_length(p_derived) = 0 and json_array_length(p_settled) = 1 and p_settled->0->'cxoneIds' is null
    and translate(p_settled->0->>'seqs', '[]', '{}')::integer[] = w.seqs
  then
    -- The common case: one outcome for all records, which is a partition without further checks.
    v_outcome := p_settled->0->>'outcome';
    v_reasons := p_settled->0->'reasons';
    v_evidence := p_settled->0->>'evidence';
    insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence)
      select w.run_no, seq, v_outcome, v_reasons, p_id, v_evidence from unnest(w.seqs) seq;
  else
    insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence, cxone_id)
      select w.run_no, each.seq, outcome, reasons, p_id, evidence, part."cxoneIds"->>(each.place - 1)::integer
      from json_to_recordset(p_settled) part(outcome text, seqs text, reasons json, evidence text, "cxoneIds" json),
        unnest(translate(seqs, '[]', '{}')::integer[]) with ordinality each(seq, place);
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

-- Many settlements in one round trip and one commit, in the order of the ids, so that two calls cannot deadlock; their
-- messages come last, so that no call waits for a write while it has the lock of the messages.
create or replace function settle_writes(p_settlements json) returns table (
  settled_id bigint, settled_fence integer, is_settled boolean
)
language plpgsql as $$
declare
  s record;
  v_writes writes[] := '{}';
  v_messages json[] := '{}';
begin
  for s in
    select * from json_to_recordset(p_settlements) as given(id bigint, fence integer, state text, groups json,
      derived json, counts json, http_status integer, latency_ms integer, request_id text, audit json, event text,
      cxone_id text, cxone_ms integer, messages json)
    order by id, fence
  loop
    settled_id := s.id;
    settled_fence := s.fence;
    is_settled := settle_write(s.id, s.fence, s.state, s.groups, s.derived, s.counts, s.http_status, s.latency_ms,
      s.request_id, s.audit, s.event, s.cxone_id, s.cxone_ms, s.messages);
    if is_settled and s.messages is not null then
      v_writes := v_writes || array(select w from writes w where w.id = s.id);
      v_messages := v_messages || s.messages;
    end if;
    return next;
  end loop;
  for i in 1..cardinality(v_writes) loop
    perform keep_messages(v_writes[i].run_no, v_writes[i].batch, v_writes[i].id, v_writes[i].http_status, v_messages[i]);
  end loop;
end $$;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
