/** Jobs in PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { Executor } from '../database.ts';
import { toStorable } from '../storable.ts';
import type { Job, JobPoll, NewJob, OpenJobs } from './jobs.ts';

/** The columns of a Job, from `email_jobs j join writes w`. */
export const JOB_COLUMNS = sql`
  j.job_id as "jobId", j.write_id as "writeId", w.batch, j.attempt, j.submitted_at as "submittedAt", j.recipients, j.status,
  j.is_final as "isFinal", j.final_at as "finalAt", j.spam_score as "spamScore", j.polls, j.polled_at as "polledAt",
  j.next_poll_at as "nextPollAt", j.ended_at as "endedAt", j.ended_how as "endedHow", j.announced_at as "announcedAt",
  j.announced_hash as "announcedHash"`;

export const JOBS = sql`email_jobs j join writes w on w.id = j.write_id`;

export async function recordJob(db: Executor, job: NewJob): Promise<void> {
  const { runNo, writeId, submittedAt, nextPollAt } = job;
  const { jobId, messages } = toStorable({ jobId: job.jobId, messages: job.messages });
  await sql`
    insert into email_jobs (run_no, job_id, write_id, attempt, submitted_at, recipients, next_poll_at)
    values (${runNo}, ${jobId}, ${writeId}, 1, ${submittedAt}, 0, coalesce(${nextPollAt}::timestamptz, clock_timestamp()))
    on conflict do nothing`.execute(db);
  await sql`
    insert into email_messages (run_no, seq, attempt, write_id, job_id, message_id, recipient_id, salt, content_hash)
    select ${runNo}, seq, ${nextAttempt(sql`${runNo}::int`)}, ${writeId}, ${jobId}, "messageId", "recipientId", salt,
      "contentHash"
    from json_to_recordset(${JSON.stringify(messages)}::json) as sent(seq int, "messageId" text, "recipientId" text,
      salt text, "contentHash" text)
    where ${writeId}::bigint <> all (select known.write_id from email_messages known
      where known.run_no = ${runNo} and known.seq = sent.seq)
    order by seq`.execute(db);
  // CXone may have answered two writes with the same id: then the job has the recipients of both.
  await sql`
    update email_jobs set (recipients, attempt) = (
      select count(*)::int, coalesce(max(attempt), 1) from email_messages where run_no = ${runNo} and job_id = ${jobId})
    where run_no = ${runNo} and job_id = ${jobId}`.execute(db);
}

/** For a record `seq`: 1 for its first message. */
const nextAttempt = (runNo: RawBuilder<unknown>) => sql`1 + coalesce((
  select max(earlier.attempt) from email_messages earlier where earlier.run_no = ${runNo} and earlier.seq = sent.seq), 0)`;

export async function listDueJobs(db: Executor, runNo: number, limit: number): Promise<Job[]> {
  const { rows } = await sql<Job>`
    select ${JOB_COLUMNS} from ${JOBS}
    where j.run_no = ${runNo} and j.ended_at is null and j.next_poll_at <= clock_timestamp()
    order by j.next_poll_at, j.job_id limit ${limit}`.execute(db);
  return rows;
}

export async function countOpenJobs(db: Executor, runNo: number): Promise<OpenJobs> {
  const { rows } = await sql<OpenJobs>`
    select count(*)::int as open, min(next_poll_at) as "nextPollAt" from email_jobs
    where run_no = ${runNo} and ended_at is null`.execute(db);
  return rows[0] ?? { open: 0, nextPollAt: null };
}

export async function listJobs(db: Executor, runNo: number): Promise<Job[]> {
  const { rows } = await sql<Job>`
    select ${JOB_COLUMNS} from ${JOBS} where j.run_no = ${runNo} order by j.submitted_at, j.write_id`.execute(
    db,
  );
  return rows;
}

/** Of the newest message to each of these recipients. */
export async function listJobsOf(db: Executor, runNo: number, seqs: readonly number[]): Promise<Job[]> {
  const { rows } = await sql<Job>`
    select ${JOB_COLUMNS} from ${JOBS} where j.run_no = ${runNo} and j.job_id in (
      select distinct on (seq) job_id from email_messages
      where run_no = ${runNo} and seq = any(${[...seqs]}::int[]) order by seq, attempt desc)
    order by j.submitted_at, j.write_id`.execute(db);
  return rows;
}

/** Errors: the job does not exist. */
export async function readJob(db: Executor, runNo: number, jobId: string): Promise<Job> {
  const { rows } = await sql<Job>`
    select ${JOB_COLUMNS} from ${JOBS} where j.run_no = ${runNo} and j.job_id = ${jobId}`.execute(db);
  const [job] = rows;
  if (!job) throw new Error(`run ${runNo} has no job with this id`);
  return job;
}

export async function savePoll(tx: Executor, runNo: number, jobId: string, poll: JobPoll): Promise<void> {
  const { isFinal, nextPollAt, spamScore } = poll;
  const status = poll.status === undefined ? undefined : toStorable(poll.status);
  const { numUpdatedRows } = await tx
    .updateTable('email_jobs')
    .set({
      polls: sql`polls + 1`,
      polled_at: sql`clock_timestamp()`,
      next_poll_at: nextPollAt,
      ...(status !== undefined && { status }),
      ...(isFinal !== undefined && { is_final: isFinal }),
      ...(isFinal === true && { final_at: sql<Date>`coalesce(final_at, clock_timestamp())` }),
      ...(spamScore !== undefined && { spam_score: spamScore }),
    })
    .where('run_no', '=', runNo)
    .where('job_id', '=', jobId)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new Error(`run ${runNo} has no job with this id`);
}

export async function endJob(tx: Executor, runNo: number, jobId: string, how: string): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('email_jobs')
    .set({ ended_at: sql`clock_timestamp()`, ended_how: how, next_poll_at: null })
    .where('run_no', '=', runNo)
    .where('job_id', '=', jobId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  // Nobody will be found for them any more, and an erasure would not find whom they name.
  await sql`update email_events set data = '{}', message_id = null, recipient_id = null
    where run_no = ${runNo} and job_id = ${jobId} and seq is null`.execute(tx);
}

/** Until the transaction ends, nobody else stores events of the job. Errors: the job does not exist. */
export async function lockJob(
  tx: Executor,
  runNo: number,
  jobId: string,
): Promise<{ readonly hasEnded: boolean }> {
  const { rows } = await sql<{ hasEnded: boolean }>`
    select ended_at is not null as "hasEnded" from email_jobs
    where run_no = ${runNo} and job_id = ${jobId} for no key update`.execute(tx);
  const [job] = rows;
  if (!job) throw new Error(`run ${runNo} has no job with this id`);
  return job;
}

/**
 * Locks the jobs of all messages of these recipients. Whoever changes messages together with outcomes, writes or records locks
 * their jobs first, so that nobody waits for somebody who waits for him.
 */
export async function lockJobsOf(tx: Executor, runNo: number, seqs: readonly number[]): Promise<void> {
  await sql`
    select from email_jobs where run_no = ${runNo} and job_id in (
      select job_id from email_messages where run_no = ${runNo} and seq = any(${[...seqs]}::int[]))
    order by job_id for no key update`.execute(tx);
}
