/** Hashes of the content of messages in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import type { ContentHash } from './content-hashes.ts';

export async function listContentHashes(db: Executor, runNo: number, seq: number): Promise<ContentHash[]> {
  const { rows } = await sql<ContentHash>`
    select m.attempt, m.write_id as "writeId", m.salt, m.content_hash as "contentHash",
      array(select other.content_hash from email_messages other where other.run_no = m.run_no
        and other.job_id = m.job_id and other.write_id = m.write_id order by other.seq) as batch
    from email_messages m where m.run_no = ${runNo} and m.seq = ${seq} order by m.attempt`.execute(db);
  return rows;
}
