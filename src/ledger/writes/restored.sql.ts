/** A ledger that was restored from a backup while one of its runs went on (docs/adr/0028-restored-ledgers.md). */
import { sql } from 'kysely';
import { addAuditEntry } from '../audit/entries.sql.ts';
import type { Executor } from '../database.ts';
import { lockRun } from '../locks.ts';
import { putInDoubt } from './in-doubt.sql.ts';
import type { Claims, Doubt } from './writes.ts';

export async function countClaims(
  db: Executor,
  runNo: number,
  fromBatch: number,
  toBatch: number,
): Promise<Claims> {
  const { rows } = await sql<Claims>`
    select (r.forgotten_claims + coalesce(sum(w.attempts), 0))::int as "ofRun",
      (r.forgotten_claims + coalesce(sum(w.attempts) filter (where w.batch between ${fromBatch} and ${toBatch}), 0))::int
        as "ofBatches",
      max(w.sent_at) as "lastAt"
    from runs r left join writes w using (run_no) where r.run_no = ${runNo} group by r.run_no`.execute(db);
  return rows[0] ?? { ofRun: 0, ofBatches: 0, lastAt: null };
}

export async function doubt(
  tx: Executor,
  runNo: number,
  { toBatch, becomes, message, audit }: Doubt,
): Promise<number> {
  await lockRun(tx, runNo);
  await sql`update runs set steering = 'stopped', restored_at = coalesce(restored_at, now())
    where run_no = ${runNo}`.execute(tx);
  const mayBeSent = sql<boolean>`state in ('planned', 'sending', 'unanswered') and batch <= ${toBatch}`;
  const reason = { code: 'answer_lost', message } as const;
  const writes =
    becomes === 'in_doubt'
      ? await putInDoubt(tx, { runNo, which: mayBeSent, reason, details: message })
      : await countAsUnanswered(tx, runNo, toBatch);
  await addAuditEntry(tx, { ...audit, action: 'ledger_restored', data: { ...audit.data, writes } });
  return writes;
}

/** What was sent by an open claim of the backup may be answered late: that settles nothing any more. */
async function countAsUnanswered(tx: Executor, runNo: number, toBatch: number): Promise<number> {
  const { numAffectedRows } = await sql`
    update writes set state = 'unanswered', lost_answers = lost_answers + 1, lease_until = null
    where run_no = ${runNo} and state in ('planned', 'sending') and batch <= ${toBatch}`.execute(tx);
  return Number(numAffectedRows ?? 0);
}
