/** Events about jobs in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { canonicalize, sha256 } from '../hashing.ts';
import type { AnnouncedContent, Announcement, JobMessage } from './announcements.ts';
import { lockJob, readJob } from './jobs.sql.ts';

/** The id is made of tenant, job and event, so that a restored ledger, in which the run has another number, delivers the same. */
export async function announce(
  tx: Executor,
  runNo: number,
  jobId: string,
  { first, later, hasSubscriber, describe }: Announcement,
): Promise<void> {
  await lockJob(tx, runNo, jobId);
  const job = await readJob(tx, runNo, jobId);
  const { auditEntry, ...content } = describe(job, await listJobMessages(tx, runNo, jobId));
  const hash = sha256(canonicalize({ auditEntry, ...content }));
  if (job.announcedHash === hash) return;
  const event = job.announcedAt === null ? first : later;
  const { rows } = await sql<{ auditId: string }>`
    insert into audit_pending (run_id, action, data)
    select run_id, ${event}, ${JSON.stringify(auditEntry)}::json from runs where run_no = ${runNo}
    returning audit_id as "auditId"`.execute(tx);
  if (hasSubscriber) {
    const tenant = await tx.selectFrom('ledger_tenant').select('name').executeTakeFirst();
    const id = canonicalize([tenant?.name ?? null, jobId, event, event === first ? null : hash]);
    await sql`
      insert into outbox (event_id, run_no, event, write_id, audit_id, counts, content)
      values (md5(${id})::uuid, ${runNo}, ${event}, ${job.writeId}, ${rows[0]?.auditId ?? null}, '{}', ${JSON.stringify(content)}::json)
      on conflict do nothing`.execute(tx);
  }
  await sql`
    update email_jobs set announced_at = coalesce(announced_at, clock_timestamp()), announced_hash = ${hash}
    where run_no = ${runNo} and job_id = ${jobId}`.execute(tx);
}

async function listJobMessages(tx: Executor, runNo: number, jobId: string): Promise<JobMessage[]> {
  const { rows } = await sql<JobMessage>`
    select seq, state, bounce_class as "bounceClass", bounce_code as "bounceCode", summary from email_messages
    where run_no = ${runNo} and job_id = ${jobId} and not erased order by seq`.execute(tx);
  return rows;
}

/** Entries about these recipients leave the events about their jobs, which may be few of the run's. */
export async function eraseFromAnnouncements(
  tx: Executor,
  runNo: number,
  seqs: readonly number[],
): Promise<void> {
  const { rows } = await sql<{ id: string; content: AnnouncedContent }>`
    select id, content from outbox where run_no = ${runNo} and content is not null and write_id in (
      select j.write_id from email_messages m join email_jobs j on j.run_no = m.run_no and j.job_id = m.job_id
      where m.run_no = ${runNo} and m.seq = any(${[...seqs]}::int[])) order by id for update`.execute(tx);
  const erased = new Set(seqs);
  for (const { id, content } of rows) {
    const entries = Object.fromEntries(
      Object.entries(content.entries).map(([name, list]) => [
        name,
        list.filter(({ seq }) => !erased.has(seq)),
      ]),
    );
    await sql`update outbox set content = ${JSON.stringify({ ...content, entries })}::json where id = ${id}`.execute(
      tx,
    );
  }
}
