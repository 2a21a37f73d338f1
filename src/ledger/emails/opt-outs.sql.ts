/** Complaints and unsubscriptions in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { HAS_RECORD } from '../writes/has-record.sql.ts';
import type { OptOut, OptOutPage } from './opt-outs.ts';

export async function listOptOuts(db: Executor, runNo: number, page: OptOutPage): Promise<OptOut[]> {
  const { rows } = await sql<OptOut>`
    select m.seq, m.attempt, r.record->>'contactId' as "contactId", m.complained, m.unsubscribed, m.opted_out_at as at
    from email_messages m join records r on r.run_no = m.run_no and r.seq = m.seq and ${HAS_RECORD}
    where m.run_no = ${runNo} and m.seq > ${page.afterSeq} and (m.complained or m.unsubscribed) and m.synced_at is null
    order by m.seq, m.attempt limit ${page.limit}`.execute(db);
  return rows;
}

export async function markOptOutsSynced(
  tx: Executor,
  runNo: number,
  optOuts: readonly Pick<OptOut, 'seq' | 'attempt'>[],
): Promise<void> {
  const rows = optOuts.map(({ seq, attempt }) => ({ seq, attempt }));
  await sql`
    update email_messages m set synced_at = clock_timestamp()
    from json_to_recordset(${JSON.stringify(rows)}::json) as synced(seq int, attempt int)
    where m.run_no = ${runNo} and m.seq = synced.seq and m.attempt = synced.attempt and m.synced_at is null`.execute(
    tx,
  );
}
