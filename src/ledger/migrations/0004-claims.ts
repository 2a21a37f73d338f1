/**
 * A claim that has expired may never have been sent: its worker may have died before. So the ledger keeps which requests are
 * known to have left (docs/adr/0014-lost-answers.md#what-a-lost-answer-means). And a claim takes the writes that it can have,
 * and waits for no other session. `claim_writes` differs from the one of 0001 in `new_known_sent`, in `skip locked`, and in
 * what it returns for the writes that it skips.
 */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
alter table writes
  add column sent_fence integer,
  add column known_sent boolean not null default false;

drop function claim_writes;

-- One row for each of p_ids: what became of its claim.
create function claim_writes(
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
      select '[' || string_agg(record::text, ',' order by seq) || ']', count(record) into payload, v_records
        from records where run_no = p_run_no and seq = any(w.seqs);
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
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
