/** Writes whose answer is missing and that must not simply be repeated. */
import { type RawBuilder, sql } from 'kysely';
import type { Reason } from '../../domain/run.ts';
import { addAuditEntry } from '../audit/entries.sql.ts';
import type { Executor } from '../database.ts';
import { assertFence } from '../fence.ts';
import { firstLine } from './first-line.sql.ts';
import { LATE_ANSWER, settleByLateAnswers } from './late-answers.sql.ts';
import { maybeApplied } from './maybe-applied.sql.ts';
import type { InDoubtQuery, Resolution, WriteInDoubt } from './writes.ts';

export async function markInDoubt(db: Executor, runNo: number, reason: Reason): Promise<void> {
  const which = sql<boolean>`state = 'unanswered' or (state = 'sending' and lease_until <= clock_timestamp())
    or ${maybeApplied()}`;
  await putInDoubt(db, { runNo, which, reason, details: 'cancelled before its answer was known' });
}

interface NewlyInDoubt {
  readonly runNo: number;
  /** A condition on `writes`, whose records are pending. */
  readonly which: RawBuilder<boolean>;
  readonly reason: Reason;
  /** For the audit. */
  readonly details: string;
}

/** Returns how many writes. */
export async function putInDoubt(
  db: Executor,
  { runNo, which, reason, details }: NewlyInDoubt,
): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    with marked as (
      update writes set state = 'in_doubt', lease_until = null, settled_at = clock_timestamp(),
        counts = json_build_object('in_doubt', cardinality(seqs))
      where run_no = ${runNo} and (${which})
      returning id, run_no, batch, kind, seqs),
    audited as (${auditInDoubt('marked', details)}),
    stored as (
      insert into outcomes (run_no, seq, outcome, reasons, write_id)
      select ${runNo}, seq, 'in_doubt', ${JSON.stringify([reason])}::json, id from marked, unnest(seqs) seq)
    select count(*)::int as n from marked`.execute(db);
  return rows[0]?.n ?? 0;
}

export async function listInDoubt(
  db: Executor,
  runNo: number,
  { id, limit }: InDoubtQuery,
): Promise<WriteInDoubt[]> {
  return db
    .selectFrom('writes')
    .select(['id', 'batch', 'sent_at as sentAt', sql<number>`cardinality(seqs)`.as('records')])
    .select([
      sql<boolean>`coalesce(refs->>'resent' = 'true', false)`.as('resent'),
      sql<boolean>`known_sent or sent_fence is not distinct from fence`.as('knownSent'),
      LATE_ANSWER.as('lateAnswer'),
    ])
    .where('run_no', '=', runNo)
    .where('state', '=', 'in_doubt')
    .$if(id !== undefined, (query) => query.where('id', '=', id as string))
    .orderBy('resent')
    .orderBy('batch')
    .orderBy('id')
    .$if(limit !== undefined, (query) => query.limit(limit as number))
    .execute();
}

export async function resolve(tx: Executor, resolution: Resolution): Promise<number> {
  const { runNo, id, event = null, fence, audit } = resolution;
  const answeredLate = await settleByLateAnswers(tx, { runNo, id, event });
  const decided = resolution.verdict === 'resend' ? resend : leave;
  const writes = answeredLate + (await decided(tx, resolution));
  if (audit) await addAuditEntry(tx, { ...audit, action: 'resolve', data: { ...audit.data, writes } });
  if (fence !== undefined) await assertFence(tx, { run_no: runNo, fence });
  return writes;
}

/** `resent` permits one attempt; it also keeps in mind that an earlier one may have been applied. */
async function resend(db: Executor, { runNo, id, firstTimeOnly = false }: Resolution): Promise<number> {
  const { rows } = await sql`
    with resolved as (
      update writes set state = 'planned', payload_sha256 = null, lost_answers = 0, known_sent = false, counts = null,
        refs = (coalesce(refs::jsonb, '{}') || '{"resent": true}')::json
      where ${isResolvable(runNo, id, firstTimeOnly)} returning id),
    reopened as (
      delete from outcomes o using resolved
      where o.run_no = ${runNo} and o.write_id = resolved.id and o.outcome = 'in_doubt')
    select id from resolved`.execute(db);
  return rows.length;
}

/** Only now is it known what subscribers are to receive about these writes. */
async function leave(
  db: Executor,
  { runNo, id, firstTimeOnly = false, event = null }: Resolution,
): Promise<number> {
  const { rows } = await sql`
    with resolved as (
      update writes set state = 'left' where ${isResolvable(runNo, id, firstTimeOnly)}
      returning id, run_no, batch, kind, seqs),
    audited as (${auditInDoubt('resolved', 'left in doubt')} returning audit_id, data->>'writeId' as write_id),
    announced as (
      insert into outbox (run_no, event, write_id, audit_id, counts)
      select ${runNo}, ${event}::text, id, audit_id, json_build_object('in_doubt', cardinality(seqs))
      from resolved join audited on write_id = id::text where ${event}::text is not null)
    select id from resolved`.execute(db);
  return rows.length;
}

/** An entry for each write in `changed`, which has its id, run, batch, kind and seqs. */
const auditInDoubt = (changed: string, details: string) => sql`
  insert into audit_pending (run_id, action, data)
  select r.run_id, 'batch_settled', json_build_object('batch', c.batch, 'batchStartIndex', ${firstLine('c')},
    'writeId', c.id::text, 'kind', c.kind, 'recordCount', cardinality(c.seqs),
    'counts', json_build_object('in_doubt', cardinality(c.seqs)), 'status', 'in_doubt', 'details', ${details}::text)
  from ${sql.table(changed)} c join runs r on r.run_no = c.run_no`;

const isResolvable = (runNo: number, id: string | null, firstTimeOnly: boolean) => sql`
  run_no = ${runNo} and state = 'in_doubt' and (${id}::bigint is null or id = ${id}::bigint)
  and not (${firstTimeOnly} and coalesce(refs->>'resent' = 'true', false))`;
