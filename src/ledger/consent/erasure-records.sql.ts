/** Erasure of staged rows and their outcomes. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { eraseMessages } from '../emails/erasure.sql.ts';
import { lockJobsOf } from '../emails/jobs.sql.ts';
import { restoreSent } from '../emails/retries.sql.ts';
import { oneAtATime } from '../locks.ts';
import { ERASED_RECORD } from '../writes/has-record.sql.ts';
import { maybeApplied } from '../writes/maybe-applied.sql.ts';
import type { FoundRows } from './erasure-search.sql.ts';

/** A condition on records, runs and outcomes: the run has failed without sending the row, so it can do without it. */
const unsent = () => sql`(o.seq is null and runs.state = 'failed'
  and not exists (select 1 from writes w where w.run_no = r.run_no and r.seq = any(w.seqs)
    and (w.state in ('sending', 'unanswered', 'in_doubt') or ${maybeApplied('w')})))`;

/**
 * A failed run may never be started again. If it is, it must not find a row without content, so the pending rows that it has
 * not sent become `cancelled` and leave their writes. Rows that were sent without an answer stay, to be reconciled. If the
 * source was not read completely, the end of the staging counts the cancelled ones (`runs.total` is null until then). The
 * caller has locked the run: otherwise somebody could start it again and send these rows meanwhile.
 */
export async function cancelUnsent(tx: Executor, { runNo, seqs }: FoundRows): Promise<void> {
  // Who was sent an email before has not been sent only the next one.
  await restoreSent(tx, runNo, seqs);
  await sql`
    with unsent as (
      select r.run_no, r.seq
      from records r join runs using (run_no) left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where r.run_no = ${runNo} and r.seq = any(${[...seqs]}::int[]) and ${unsent()}),
    cancelled as (
      insert into outcomes (run_no, seq, outcome, reasons)
      select run_no, seq, 'cancelled', '[{"code": "erased"}]'::json from unsent),
    by_run as (select run_no, array_agg(seq) as seqs from unsent group by run_no),
    emptied as (
      delete from writes w using by_run
      where w.run_no = by_run.run_no and w.state = 'planned' and w.seqs <@ by_run.seqs
      returning w.run_no, w.attempts),
    -- A run never has fewer claims than before (writes/restored.sql.ts).
    counted as (
      update runs set
        cancelled_records = cancelled_records + case when runs.total is null then 0 else added.n end,
        claims_of_deleted_writes = claims_of_deleted_writes + coalesce(deleted.claims, 0)
      from (select run_no, count(*)::int as n from unsent group by run_no) added
      left join (select run_no, sum(attempts)::int as claims from emptied group by run_no) deleted using (run_no)
      where added.run_no = runs.run_no)
    -- Without the payload hash: the write now has another payload than the one that may have been refused.
    update writes w set payload_sha256 = null,
      seqs = array(select seq from unnest(w.seqs) with ordinality as kept(seq, place)
        where not seq = any(by_run.seqs) order by place)
    from by_run where w.run_no = by_run.run_no and w.state = 'planned'
      and w.seqs && by_run.seqs and not w.seqs <@ by_run.seqs`.execute(tx);
}

/**
 * Before it is planned, a list load makes duplicates and cancelled rows pending again (`returnUnplanned`). Until the transaction
 * ends it cannot, or a row would be emptied because it has an outcome, and be pending without content. Only such runs wait.
 */
export async function keepOutcomes(tx: Executor, { runNo, seqs }: FoundRows): Promise<void> {
  const { rows } = await sql`
    select from runs where run_no = ${runNo} and state in ('running', 'failed') and exists (
      select from records where run_no = ${runNo} and seq = any(${[...seqs]}::int[]) and keys is not null)`.execute(
    tx,
  );
  if (rows.length > 0) await oneAtATime(tx, runNo);
}

/** A row that is pending or in doubt is needed while its run is running, or may be started again. */
const NEEDED = sql`(o.seq is null or o.outcome = 'in_doubt') and runs.state in ('running', 'failed') and not runs.dry_run`;

export interface RowCounts {
  readonly runId: string;
  readonly emptied: number;
  /** Still needed by the run. */
  readonly kept: number;
}

export interface EmptiedRows extends RowCounts {
  /** Of the recipients of emails among the rows. */
  readonly mailboxes: readonly string[];
}

/**
 * Empties rows, and removes CXone's ids of them and the texts of their reasons, because messages of CXone may quote a row;
 * outcomes and codes stay. So do the numbers of the messages of the run, but not their texts, which may name anybody in it. Of
 * emails only what was counted stays.
 */
export async function emptyRecords(tx: Executor, { runNo, seqs }: FoundRows): Promise<EmptiedRows> {
  // Until the transaction ends, no email to them is planned once more.
  await lockJobsOf(tx, runNo, seqs);
  const { rows } = await sql<EmptiedRows & { readonly seqs: readonly number[] }>`
    with found as (
      select r.run_no, r.seq, ${NEEDED} as needed, case when runs.kind = 'emailSend' then r.key1 end as mailbox
      from records r join runs using (run_no) left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where r.run_no = ${runNo} and r.seq = any(${[...seqs]}::int[])),
    emptied as (
      update records r set fields = '{"cxflow_erased": true}', key1 = null, key2 = null, keys = null,
        record = case when r.record is null then null else ${ERASED_RECORD}::json end
      from found where r.run_no = found.run_no and r.seq = found.seq and not found.needed returning r.run_no, r.seq),
    redacted as (
      update outcomes o set cxone_id = null, reasons = (select json_agg(json_strip_nulls(json_build_object(
          'code', reason->'code', 'field', reason->'field'))) from json_array_elements(o.reasons) reason)
      from emptied e where o.run_no = e.run_no and o.seq = e.seq
        and (o.reasons is not null or o.cxone_id is not null)),
    unsaid as (delete from cxone_messages where run_no in (select run_no from found))
    select run_id as "runId", (select count(*) from found where not needed)::int as emptied,
      (select count(*) from found where needed)::int as kept,
      array(select seq from found where not needed) as seqs,
      array(select distinct mailbox from found where mailbox is not null) as mailboxes
    from runs where run_no = ${runNo}`.execute(tx);
  const [found] = rows;
  if (!found) return { runId: '', emptied: 0, kept: 0, mailboxes: [] };
  if (found.seqs.length > 0) await eraseMessages(tx, runNo, found.seqs);
  return found;
}

/** What `cancelUnsent` and `emptyRecords` would do. Reads only. */
export async function countRows(db: Executor, { runNo, seqs }: FoundRows): Promise<RowCounts> {
  const { rows } = await sql<RowCounts>`
    select runs.run_id as "runId", count(*) filter (where not needed)::int as emptied,
      count(*) filter (where needed)::int as kept
    from runs join lateral (
      select ${NEEDED} and not ${unsent()} as needed
      from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where r.run_no = runs.run_no and r.seq = any(${[...seqs]}::int[])) found on true
    where runs.run_no = ${runNo} group by 1`.execute(db);
  return rows[0] ?? { runId: '', emptied: 0, kept: 0 };
}
