/** A ledger that was restored from a backup while one of its runs went on (docs/adr/0028-restored-ledgers.md). */
import { sql } from 'kysely';
import { addAuditEntry } from '../audit/entries.sql.ts';
import type { Executor } from '../database.ts';
import { lockRun } from '../locks.ts';
import { putInDoubt } from './in-doubt.sql.ts';
import type { BatchRange, Claims, PossiblySent, StartedRun } from './writes.ts';

export async function countClaims(
  db: Executor,
  runNo: number,
  { fromBatch, toBatch }: BatchRange = { fromBatch: 1, toBatch: 0 },
): Promise<Claims> {
  const { rows } = await sql<Claims>`
    select (r.claims_of_deleted_writes + coalesce(sum(w.attempts), 0))::int as "ofRun",
      (r.claims_of_deleted_writes + coalesce(sum(w.attempts) filter (where w.batch between ${fromBatch} and ${toBatch}), 0))::int
        as "ofBatches",
      max(w.sent_at) as "lastAt"
    from runs r left join writes w using (run_no) where r.run_no = ${runNo} group by r.run_no`.execute(db);
  return rows[0] ?? { ofRun: 0, ofBatches: 0, lastAt: null };
}

/** Of each record that may have been sent, and in the audit. */
const MAY_BE_SENT = 'may have been sent: the ledger was restored from an older backup';

export async function markPossiblySent(
  tx: Executor,
  { run_no: runNo, opened_at: openedAt }: StartedRun,
  { toBatch, becomes, audit }: PossiblySent,
): Promise<number | null> {
  await lockRun(tx, runNo);
  // Dates in JavaScript have no microseconds.
  const stopped = await sql`update runs set steering = 'stopped', restored_at = coalesce(restored_at, now())
    where run_no = ${runNo} and date_trunc('milliseconds', opened_at) = ${openedAt}`.execute(tx);
  // Somebody has started the run again, and knows: what a page of the start before finds stops it no more.
  if (stopped.numAffectedRows === 0n) return null;
  const reason = { code: 'answer_lost', message: MAY_BE_SENT } as const;
  const mayBeSent = sql<boolean>`state in ('planned', 'sending', 'unanswered') and ${isUpTo(toBatch)}`;
  const writes =
    becomes === 'in_doubt'
      ? await putInDoubt(tx, { runNo, which: mayBeSent, reason, details: MAY_BE_SENT })
      : await countAsUnanswered(tx, runNo, toBatch);
  await addAuditEntry(tx, { ...audit, action: 'ledger_restored', data: { ...audit.data, writes } });
  return writes;
}

const isUpTo = (batch: number | null) =>
  batch === null ? sql<boolean>`true` : sql<boolean>`batch <= ${batch}`;

/** What was sent by an open claim of the backup may be answered late: that settles nothing any more. */
async function countAsUnanswered(tx: Executor, runNo: number, toBatch: number | null): Promise<number> {
  const { numAffectedRows } = await sql`
    update writes set state = 'unanswered', lost_answers = lost_answers + 1, lease_until = null
    where run_no = ${runNo} and state in ('planned', 'sending') and ${isUpTo(toBatch)}`.execute(tx);
  return Number(numAffectedRows ?? 0);
}

/** For a run that has completed in Temporal, which had opened all of its batches. */
export async function markAllPossiblySent(
  tx: Executor,
  run: StartedRun & { readonly run_id: string },
): Promise<void> {
  const audit = { runId: run.run_id, data: { executionCompleted: true } };
  await markPossiblySent(tx, run, { toBatch: null, becomes: 'in_doubt', audit });
}
