/** What an erasure removes of messages. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { eraseFromAnnouncements } from './announcements.sql.ts';
import { lockJobsOf } from './jobs.sql.ts';

/** Of an id only a hash is left behind this prefix, which shows later events of the message for what they are. */
export const ERASED_ID = 'erased:';

/**
 * Texts of bounces and addresses of links may name a person, and so may the source of a consent. Types, times and states of the messages stay, and so do all
 * figures. Events of the same jobs whose recipient is not known may be about the person.
 */
export async function eraseMessages(tx: Executor, runNo: number, seqs: readonly number[]): Promise<void> {
  // Some of the messages may have been sent only just now.
  await lockJobsOf(tx, runNo, seqs);
  await eraseFromAnnouncements(tx, runNo, seqs);
  await tx.deleteFrom('email_consents').where('run_no', '=', runNo).where('seq', 'in', seqs).execute();
  const hashed = (column: string) => sql`case when starts_with(${sql.ref(column)}, ${ERASED_ID})
    then ${sql.ref(column)} else ${ERASED_ID} || encode(sha256(convert_to(${sql.ref(column)}, 'UTF8')), 'hex') end`;
  await sql`
    with erased as (
      update email_messages set erased = true, summary = null, replaced_outcome = null, salt = null,
        message_id = ${hashed('message_id')}, recipient_id = ${hashed('recipient_id')}
      where run_no = ${runNo} and seq = any(${[...seqs]}::int[]) returning job_id)
    update email_events set data = '{}', message_id = null, recipient_id = null
    where run_no = ${runNo} and (seq = any(${[...seqs]}::int[])
      or (seq is null and job_id in (select job_id from erased)))`.execute(tx);
}
