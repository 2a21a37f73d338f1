/**
 * Answers that arrived after their write had been taken over (docs/adr/0014-lost-answers.md#order-of-the-steps). They settle
 * nothing when they arrive, but show what CXone did once somebody has to decide.
 */
import { type RawBuilder, sql } from 'kysely';
import type { Executor } from '../database.ts';
import { firstLine } from './first-line.sql.ts';
import type { LateAnswer } from './writes.ts';

/** For a select from `writes`: the last late answer, or null. An entry without a status is no answer. */
export const LATE_ANSWER: RawBuilder<LateAnswer | null> = sql`(
  select json_build_object('httpStatus', answer->'httpStatus', 'at', answer->'at', 'counts', answer->'counts')
  from json_array_elements(late_answers) answer where answer->>'httpStatus' is not null
  order by (answer->>'at')::timestamptz desc limit 1)`;

interface Scope {
  readonly runNo: number;
  /** null: all writes of the run that are in doubt. */
  readonly id: string | null;
  /** null: no event. */
  readonly event: string | null;
}

/**
 * Settles writes in doubt by a late answer that gives the same successful outcome to all their records: it is true for each
 * of them, however late it came. Returns how many were settled.
 */
export async function settleByLateAnswers(db: Executor, { runNo, id, event }: Scope): Promise<number> {
  const { rows } = await sql`
    with answered as (
      select distinct on (w.id) w.id, part.key as outcome, (answer->>'httpStatus')::integer as http_status,
        answer->>'cxoneId' as cxone_id
      from writes w, json_array_elements(w.late_answers) answer, json_each_text(answer->'counts') part
      where w.run_no = ${runNo} and w.state = 'in_doubt' and (${id}::bigint is null or w.id = ${id}::bigint)
        and part.key in ('created', 'updated', 'sent') and part.value::integer = cardinality(w.seqs)
      order by w.id),
    settled as (
      update writes w set state = 'settled', settled_at = clock_timestamp(), http_status = a.http_status,
        cxone_id = a.cxone_id, counts = json_build_object(a.outcome, cardinality(w.seqs))
      from answered a where w.id = a.id and w.state = 'in_doubt'
      returning w.id, w.run_no, w.batch, w.kind, w.seqs, a.outcome, w.http_status, w.cxone_id, w.counts),
    known as (
      update outcomes o set outcome = s.outcome, reasons = null, evidence = 'late_answer', settled_at = clock_timestamp()
      from settled s where o.run_no = s.run_no and o.write_id = s.id and o.outcome = 'in_doubt'),
    -- An email that was sent after all: its job is followed from now on.
    jobs as (
      insert into email_jobs (run_no, job_id, write_id, attempt, submitted_at, recipients, next_poll_at)
      select run_no, cxone_id, id, coalesce((select max(attempt) from email_messages m
          where m.run_no = s.run_no and m.seq = any(s.seqs)), 0) + 1,
        clock_timestamp(), cardinality(seqs), clock_timestamp()
      from settled s where outcome = 'sent' and cxone_id is not null
      on conflict do nothing),
    messages as (
      insert into email_messages (run_no, seq, attempt, write_id, job_id)
      select s.run_no, seq, 1 + coalesce((
          select max(attempt) from email_messages m where m.run_no = s.run_no and m.seq = sent.seq), 0), s.id, s.cxone_id
      from settled s, unnest(s.seqs) as sent (seq) where outcome = 'sent' and cxone_id is not null),
    audited as (
      insert into audit_pending (run_id, action, data)
      select r.run_id, 'batch_settled', json_build_object('batch', s.batch,
        'batchStartIndex', ${firstLine('s')}, 'writeId', s.id::text, 'kind', s.kind,
        'recordCount', cardinality(s.seqs), 'counts', s.counts, 'status', 'success', 'httpStatus', s.http_status,
        'cxoneId', s.cxone_id, 'details', 'in doubt until now; CXone had answered late')
      from settled s join runs r on r.run_no = s.run_no
      returning audit_id, data->>'writeId' as write_id),
    announced as (
      insert into outbox (run_no, event, write_id, audit_id, counts)
      select run_no, ${event}::text, id, audit_id, counts from settled join audited on write_id = id::text
      where ${event}::text is not null)
    select id from settled`.execute(db);
  return rows.length;
}
