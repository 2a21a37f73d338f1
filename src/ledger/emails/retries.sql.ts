/** Retries of messages in PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { Executor } from '../database.ts';
import { lockRun } from '../locks.ts';
import { HAS_RECORD } from '../writes/has-record.sql.ts';
import { maybeApplied } from '../writes/maybe-applied.sql.ts';
import { lockJobsOf } from './jobs.sql.ts';
import type { Retry, RetryableMessage, RetryablePage } from './retries.ts';

/** A condition on `email_messages m`. */
const IS_NEWEST = sql<boolean>`not exists (select from email_messages later
  where later.run_no = m.run_no and later.seq = m.seq and later.attempt > m.attempt)`;

/** `email_messages m` with the record `r` and the outcome `o` of the recipient, who is `sent` and was not erased. */
const SENT = sql`email_messages m
  join outcomes o on o.run_no = m.run_no and o.seq = m.seq and o.outcome = 'sent'
  join records r on r.run_no = m.run_no and r.seq = m.seq and ${HAS_RECORD}`;

export async function listRetryable(
  db: Executor,
  runNo: number,
  { bounceClasses, lastAttempt, afterSeq, limit }: RetryablePage,
): Promise<RetryableMessage[]> {
  const { rows } = await sql<RetryableMessage>`
    select m.seq, m.attempt, m.summary, j.submitted_at as "submittedAt", history.bounces
    from ${SENT} join email_jobs j on j.run_no = m.run_no and j.job_id = m.job_id,
      lateral (select array_agg(bounce_class order by attempt) as bounces,
          bool_and(state = 'bounced' and not complained and not unsubscribed) as "haveBounced"
        from email_messages each where each.run_no = m.run_no and each.seq = m.seq) history
    where m.run_no = ${runNo} and m.seq > ${afterSeq} and m.state = 'bounced' and not m.retried
      and m.bounce_class = any(${[...bounceClasses]}::text[]) and m.attempt <= ${lastAttempt}
      and history."haveBounced" and ${IS_NEWEST}
    order by m.seq limit ${limit}`.execute(db);
  return rows;
}

/** `n` more records of a write `w` are `sent`, or fewer; `counts` has no zeros. */
const withSent = (n: RawBuilder<unknown>) => sql`(
  select case when sent = 0 then counts - 'sent' else counts || jsonb_build_object('sent', sent) end
  from (select coalesce(w.counts::jsonb, '{}') as counts, coalesce((w.counts->>'sent')::int, 0) + ${n} as sent) known)::json`;

export async function planRetries(tx: Executor, runNo: number, retries: readonly Retry[]): Promise<number> {
  const wanted = [...new Map(retries.map((retry) => [retry.seq, retry])).values()];
  if (wanted.length === 0) return 0;
  const seqs = wanted.map(({ seq }) => seq);
  await lockJobsOf(tx, runNo, seqs);
  // Statistics may be older than the run. The numbers are repeated so that no plan reads all records of it.
  const isWanted = (table: string) =>
    sql`(${sql.ref(`${table}.run_no`)} = ${runNo} and ${sql.ref(`${table}.seq`)} = any(${seqs}::int[]))`;
  const { rows } = await sql<{ n: number }>`
    with ready as materialized (
      select m.seq, m.attempt, w.batch, wanted.kind,
        coalesce(wanted.refs, '{}') || jsonb_build_object('notBefore', wanted."notBefore") as refs
      from ${SENT} join writes w on w.id = o.write_id
        join json_to_recordset(${JSON.stringify(wanted)}::json) as wanted(seq int, attempt int, "notBefore" text,
          kind text, refs jsonb) on wanted.seq = m.seq and wanted.attempt = m.attempt
      where ${isWanted('m')} and ${isWanted('o')} and ${isWanted('r')} and not m.retried and ${IS_NEWEST}),
    reopened as (
      delete from outcomes o using ready where ${isWanted('o')} and o.seq = ready.seq
      returning o.seq, o.write_id, json_strip_nulls(json_build_object('writeId', o.write_id::text, 'reasons', o.reasons,
        'evidence', o.evidence, 'cxoneId', o.cxone_id, 'settledAt', o.settled_at)) as outcome),
    lowered as (
      update writes w set counts = ${withSent(sql`-less.n`)}
      from (select write_id, count(*)::int as n from reopened group by 1) less where w.id = less.write_id),
    marked as (
      update email_messages m set retried = true, replaced_outcome = reopened.outcome
      from ready join reopened using (seq)
      where ${isWanted('m')} and m.seq = ready.seq and m.attempt = ready.attempt),
    planned as (
      insert into writes (run_no, batch, kind, seqs, refs)
      select ${runNo}, batch, kind, array_agg(seq order by seq), refs::json from ready join reopened using (seq)
      group by batch, kind, refs order by batch, min(seq) returning id),
    audited as (
      insert into audit_pending (run_id, action, data)
      select run_id, 'retries_planned', json_build_object('recordCount', (select count(*) from reopened),
        'writes', (select count(*) from planned))
      from runs where run_no = ${runNo} and exists (select from reopened))
    select count(*)::int as n from reopened`.execute(tx);
  return rows[0]?.n ?? 0;
}

/** The run is locked, so that nobody claims these writes meanwhile. */
export async function dropRetries(tx: Executor, runNo: number): Promise<number> {
  await lockRun(tx, runNo);
  return restoreSent(tx, runNo, null);
}

/**
 * Pending recipients to whom a message was sent before, in writes that CXone certainly has not applied: they get their outcome
 * back. `among`: only these; null: all. The caller has locked the run.
 */
export async function restoreSent(
  tx: Executor,
  runNo: number,
  among: readonly number[] | null,
): Promise<number> {
  const { rows } = await sql<{ seqs: number[] | null }>`
    select array_agg(seq) as seqs from writes w, unnest(w.seqs) seq
    where w.run_no = ${runNo} and w.state = 'planned' and ${maybeApplied('w')} is not true
      and (${among === null}::boolean or seq = any(${[...(among ?? [])]}::int[]))
      and exists (select from email_messages m where m.run_no = ${runNo} and m.seq = seq.seq)`.execute(tx);
  const seqs = rows[0]?.seqs ?? [];
  if (seqs.length === 0) return 0;
  await lockJobsOf(tx, runNo, seqs);
  const restored = await sql<{ n: number }>`
    with newest as (
      select distinct on (seq) seq, attempt, write_id, replaced_outcome as replaced from email_messages
      where run_no = ${runNo} and seq = any(${seqs}::int[]) order by seq, attempt desc),
    restored as (
      insert into outcomes (run_no, seq, outcome, reasons, write_id, evidence, cxone_id, settled_at)
      select ${runNo}, seq, 'sent', replaced->'reasons', coalesce((replaced->>'writeId')::bigint, write_id),
        replaced->>'evidence', replaced->>'cxoneId', coalesce((replaced->>'settledAt')::timestamptz, clock_timestamp())
      from newest on conflict do nothing returning seq, write_id),
    by_write as (
      select w.id, array_agg(seq) as seqs from writes w, unnest(w.seqs) seq join restored using (seq)
      where w.run_no = ${runNo} and w.state = 'planned' group by w.id),
    removed as (delete from writes w using by_write b where w.id = b.id and w.seqs <@ b.seqs returning w.attempts),
    -- A run never has fewer claims than before (writes/restored.sql.ts).
    claimed as (
      update runs set claims_of_deleted_writes = claims_of_deleted_writes + n
      from (select sum(attempts)::int as n from removed) deleted where run_no = ${runNo} and n > 0),
    unmarked as (
      update email_messages m set retried = false, replaced_outcome = null from newest join restored using (seq)
      where m.run_no = ${runNo} and m.seq = newest.seq and m.attempt = newest.attempt),
    changed as (
      -- The payload of a write that is shorter now is another one.
      select id, array(select seq from unnest(w.seqs) with ordinality kept(seq, place)
        where not seq = any(b.seqs) order by place) as seqs, null::bigint as more
      from writes w join by_write b using (id) where not w.seqs <@ b.seqs
      union all
      select write_id, null, count(*) from restored group by write_id),
    counted as (
      update writes w set seqs = coalesce(c.seqs, w.seqs),
        payload_sha256 = case when c.seqs is null then w.payload_sha256 end,
        counts = case when c.more is null then w.counts else ${withSent(sql`c.more::int`)} end
      from changed c where w.id = c.id),
    audited as (
      insert into audit_pending (run_id, action, data)
      select run_id, 'retries_dropped', json_build_object('recordCount', (select count(*) from restored))
      from runs where run_no = ${runNo} and exists (select from restored))
    select count(*)::int as n from restored`.execute(tx);
  return restored.rows[0]?.n ?? 0;
}
