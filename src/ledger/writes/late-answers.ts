/**
 * Answers that came after their write had gone to another holder (decisions.md 14): they settle nothing when they
 * come, and say what CXone did when somebody has to decide.
 */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Outcome } from '../../domain/run.ts';
import type { LedgerTables } from '../schema.ts';

export interface LateAnswer {
  readonly httpStatus: number;
  /** ISO 8601. */
  readonly at: string;
  readonly counts: Readonly<Partial<Record<Outcome, number>>>;
}

/** For a select from `writes`: the last one, or null. What came without a status is no answer. */
export const LATE_ANSWER: RawBuilder<LateAnswer | null> = sql`(
  select json_build_object('httpStatus', e->'httpStatus', 'at', e->'at', 'counts', e->'counts')
  from json_array_elements(late_answers) e where e->>'httpStatus' is not null
  order by (e->>'at')::timestamptz desc limit 1)`;

interface Scope {
  readonly runNo: number;
  /** One write, or all that are in doubt. */
  readonly id: string | null;
  /** What the CRM is told of them; null: nothing. */
  readonly event: string | null;
}

/**
 * Settles what is in doubt no more: an answer, however late, that gives all records of its write the same outcome
 * is the truth about each of them. Whatever a person says then, none of these goes out again. Returns how many.
 */
export async function settleByLateAnswers(
  db: Kysely<LedgerTables>,
  { runNo, id, event }: Scope,
): Promise<number> {
  const { rows } = await sql`
    with answered as (
      select distinct on (o.id) o.id, part.key as outcome, (e->>'httpStatus')::integer as http_status
      from writes o, json_array_elements(o.late_answers) e, json_each_text(e->'counts') part
      where o.run_no = ${runNo} and o.state = 'in_doubt' and (${id}::bigint is null or o.id = ${id}::bigint)
        and part.key in ('created', 'updated') and part.value::integer = cardinality(o.seqs)
      order by o.id),
    settled as (
      update writes o set state = 'settled', settled_at = clock_timestamp(), http_status = a.http_status,
        counts = json_build_object(a.outcome, cardinality(o.seqs))
      from answered a where o.id = a.id and o.state = 'in_doubt'
      returning o.id, o.run_no, o.batch, o.kind, cardinality(o.seqs) as n, a.outcome, a.http_status, o.counts),
    known as (
      update outcomes x set outcome = s.outcome, reasons = null, evidence = 'late_answer', settled_at = clock_timestamp()
      from settled s where x.run_no = s.run_no and x.write_id = s.id and x.outcome = 'in_doubt'),
    audited as (
      insert into audit_pending (run_id, action, data)
      select r.run_id, 'batch_settled', json_build_object('batch', s.batch, 'writeId', s.id::text, 'kind', s.kind,
        'recordCount', s.n, 'counts', s.counts, 'status', 'success', 'httpStatus', s.http_status,
        'details', 'in doubt until now; CXone had answered late')
      from settled s join runs r on r.run_no = s.run_no),
    told as (
      insert into outbox (run_no, event, write_id, counts)
      select run_no, ${event}::text, id, counts from settled where ${event}::text is not null)
    select id from settled`.execute(db);
  return rows.length;
}
