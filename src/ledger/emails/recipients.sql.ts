/** Recipients of a run in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { HAS_RECORD } from '../writes/has-record.sql.ts';
import type { RecipientOfRecord } from './recipients.ts';

export async function listRecipients(
  db: Executor,
  runNo: number,
  seqs: readonly number[],
): Promise<ReadonlyMap<number, RecipientOfRecord>> {
  const { rows } = await sql<RecipientOfRecord & { readonly seq: number }>`
    select r.seq, r.record->>'toAddress' as "toAddress", r.key1 as mailbox, r.record->>'contactId' as "contactId"
    from records r where r.run_no = ${runNo} and r.seq = any(${[...seqs]}::int[]) and ${HAS_RECORD}`.execute(
    db,
  );
  return new Map(rows.map(({ seq, ...recipient }) => [seq, recipient]));
}

export async function findDelivered(
  db: Executor,
  runNo: number,
  seqs: readonly number[],
): Promise<ReadonlySet<number>> {
  const { rows } = await sql<{ seq: number }>`
    select distinct seq from email_messages
    where run_no = ${runNo} and seq = any(${[...seqs]}::int[]) and state = 'delivered'`.execute(db);
  return new Set(rows.map(({ seq }) => seq));
}

export async function findInJob(
  db: Executor,
  runNo: number,
  jobId: string,
  seqs: readonly number[],
): Promise<readonly number[]> {
  const { rows } = await sql<{ seq: number }>`
    select distinct seq from email_messages
    where run_no = ${runNo} and job_id = ${jobId} and seq = any(${[...seqs]}::int[])`.execute(db);
  return rows.map(({ seq }) => seq);
}

/** Neither delivered, bounced nor failed. */
export async function countUnknown(db: Executor, runNo: number, jobId: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from email_messages
    where run_no = ${runNo} and job_id = ${jobId} and state = 'accepted' and not erased`.execute(db);
  return rows[0]?.n ?? 0;
}

export async function countPolicyBounces(db: Executor, runNo: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from email_messages where run_no = ${runNo} and bounce_class = 'policy'`.execute(
    db,
  );
  return rows[0]?.n ?? 0;
}

export async function nextWriteAt(db: Executor, runNo: number): Promise<Date | null> {
  const { rows } = await sql<{ at: Date | null }>`
    select min(coalesce((refs->>'notBefore')::timestamptz, clock_timestamp())) as at from writes
    where run_no = ${runNo} and state in ('planned', 'unanswered')`.execute(db);
  return rows[0]?.at ?? null;
}
