/**
 * What a list load needs (docs/adr/0024-list-loads.md): ranks and keys of records, writes whose records are in the order of
 * their ranks, snapshots of CXone's suppression list, and reservations of a campaign's capacity. `claim_writes` differs from
 * the one of 0004 in the order of the payload, `settle_write` from the one of 0011 in the order of derived writes.
 */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
-- No write is claimed or settled meanwhile. First of all, in the order in which a claim locks: writes, then records.
lock table writes in access exclusive mode;

-- Null: the operation ranks nothing.
alter table records
  add column score double precision,
  add column recency timestamptz,
  -- Two records that share one are duplicates.
  add column keys text[];

-- The suppression list of CXone as a run has read it. The row outlives its entries, for comparison with later ones.
create table suppression_snapshots (
  snapshot_no integer generated always as identity primary key,
  run_no integer not null references runs on delete cascade,
  tenant text not null,
  begun_at timestamptz not null default clock_timestamp(),
  -- Nobody may rely on it before.
  completed_at timestamptz,
  -- Entries as CXone counts them, and how many of them identify nobody or cannot be read in full.
  entries integer,
  unidentified integer,
  -- Of the file that the run adds to it; null: it has none.
  file_rows integer,
  -- Whether CXone has sent all of it.
  is_complete boolean,
  hash text,
  accepted_at timestamptz,
  -- When its entries were deleted. Nobody may rely on it any more.
  emptied_at timestamptz
);
create index suppression_snapshots_by_run on suppression_snapshots (run_no);

-- Without a foreign key, whose check takes as long as the insertion of an entry.
create table suppression_snapshot_entries (
  snapshot_no integer not null,
  -- Keyed hash of what identifies a person.
  identifier bytea not null,
  primary key (snapshot_no, identifier)
);
-- As for records and outcomes (0001).
alter table suppression_snapshot_entries alter column snapshot_no set statistics 0;

-- How many records a run may add to a campaign. It counts while the run is running.
create table capacity_reservations (
  run_no integer primary key references runs on delete cascade,
  tenant text not null,
  campaign_id text not null,
  planned integer not null,
  -- What a run had reserved that has ended: planned is 0 then.
  released integer not null default 0
);

-- The payload of a write was in the order of the source, and derived writes were in any order.
update writes set seqs = array(select seq from unnest(seqs) seq order by seq)
  where state in ('planned', 'sending', 'unanswered', 'in_doubt')
    and seqs <> array(select seq from unnest(seqs) seq order by seq);

-- One row for each of p_ids: what became of its claim. The payload is in the order of the write's seqs.
create or replace function claim_writes(
  p_run_no integer, p_ids bigint[], p_lease_ms integer, p_holder text, p_tenant text
) returns table (
  claimed_id bigint, verdict text, new_fence integer, new_lost_answers integer, new_known_sent boolean, wait_ms integer,
  payload text
) language plpgsql as $$
declare
  v_now timestamptz;
  v_steering text;
  v_blocked timestamptz;
  v_found bigint[] := '{}';
  v_records integer;
  v_sha256 text;
  w writes;
begin
  perform pg_advisory_xact_lock_shared(4201, p_run_no);
  v_now := clock_timestamp();
  select steering into v_steering from runs where run_no = p_run_no;
  if v_steering is distinct from 'go' then
    return query select unnest(p_ids), coalesce(v_steering, 'stopped'), 0, 0, false, 0, null::text;
    return;
  end if;
  select blocked_until into v_blocked from rate_budgets where tenant = p_tenant;
  if v_blocked > v_now then
    return query select unnest(p_ids), 'blocked', 0, 0, false,
      -- An integer ends after 25 days; a block of a day is the longest that the program stores.
      least(ceil(extract(epoch from v_blocked - v_now) * 1000), 2147483647)::integer, null::text;
    return;
  end if;
  -- A write that somebody else has locked is being claimed or settled at this moment: the others need not wait for it.
  for w in select * from writes where id = any(p_ids) and run_no = p_run_no order by id for update skip locked loop
    v_found := v_found || w.id;
    claimed_id := w.id;
    new_fence := 0;
    new_lost_answers := 0;
    new_known_sent := false;
    wait_ms := 0;
    payload := null;
    if w.state = 'sending' and w.lease_until > v_now then
      verdict := 'leased';
      wait_ms := ceil(extract(epoch from w.lease_until - v_now) * 1000);
    elsif w.state not in ('planned', 'unanswered', 'sending') then
      verdict := 'settled';
    else
      -- Usually in the order of the source. For this the database need not join, which takes twice as long.
      if w.seqs = array(select seq from unnest(w.seqs) seq order by seq) then
        select '[' || string_agg(record::text, ',' order by seq) || ']', count(record) into payload, v_records
          from records where run_no = p_run_no and seq = any(w.seqs);
      else
        select '[' || string_agg(record::text, ',' order by place) || ']', count(record) into payload, v_records
          from unnest(w.seqs) with ordinality wanted(seq, place)
            join records r on r.run_no = p_run_no and r.seq = wanted.seq;
      end if;
      -- Checked here so that such a write is never sent; its settlement would only find out afterwards.
      if v_records <> cardinality(w.seqs) then
        raise exception 'write % has lost records', w.id;
      end if;
      v_sha256 := encode(sha256(convert_to(payload || coalesce(w.refs::text, ''), 'UTF8')), 'hex');
      if w.payload_sha256 <> v_sha256 then
        raise exception 'write % would be sent with another payload than before', w.id;
      end if;
      verdict := 'claimed';
      new_fence := w.fence + 1;
      -- The holder of an expired lease may have sent, so its answer counts as lost.
      new_lost_answers := w.lost_answers + case when w.state = 'sending' then 1 else 0 end;
      new_known_sent := w.known_sent or (w.state = 'sending' and w.sent_fence is not distinct from w.fence);
      update writes set
        state = 'sending', fence = new_fence, lost_answers = new_lost_answers, known_sent = new_known_sent,
        attempts = attempts + 1, payload_sha256 = v_sha256, holder = p_holder, sent_at = v_now,
        lease_until = v_now + p_lease_ms * interval '1 millisecond'
        where id = w.id;
    end if;
    return next;
  end loop;
  for claimed_id in select id from writes where id = any(p_ids) and run_no = p_run_no and id <> all(v_found) loop
    v_found := v_found || claimed_id;
    verdict := 'leased';
    new_fence := 0;
    new_lost_answers := 0;
    new_known_sent := false;
    wait_ms := 500;
    payload := null;
    return next;
  end loop;
  if cardinality(v_found) <> cardinality(p_ids) then
    raise exception 'a write of % does not exist in run %', p_ids, p_run_no;
  end if;
end $$;

-- False: the fence is not the current one. The answer is then kept as a late answer and changes nothing else. Derived
-- writes have their records in the order of the write that they come from.
create or replace function settle_write(
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
      select w.run_no, w.batch, part->>'kind', array(
        select seq from unnest(translate(part->>'seqs', '[]', '{}')::integer[]) seq order by array_position(w.seqs, seq)),
        part->'refs'
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
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
