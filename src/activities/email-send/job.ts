/** One step with one job of CXone: its status, or once that is final, its events. */
import type { emailSendTimes } from '../../contract/email-send.ts';
import { type CxoneError, CxoneRateLimited, CxoneUnavailable } from '../../cxone/errors.ts';
import type { Job } from '../../ledger/emails/jobs.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { isFinal } from '../failures.ts';
import { announce } from './events.ts';
import { endOf, type JobToRead, readEventsIfKnown } from './job-events.ts';
import type { EmailSendDeps } from './settings.ts';

export interface FollowedJob {
  readonly run: Run;
  readonly job: Job;
  readonly times: Pick<ReturnType<typeof emailSendTimes>, 'pollDeadlineMs' | 'watchEventsMs'>;
  readonly signal: AbortSignal;
  /** How many jobs of the run are open: the more, the less often each of them is asked about. */
  readonly openJobs: number;
}

/** From 2 s, doubling. */
const FIRST_POLL_MS = 2_000;
const LONGEST_POLL_MS = 30_000;
/** The events of a job that is done are asked for less and less often. */
const LONGEST_EVENTS_POLL_MS = 5 * 60_000;
/** How long a job is asked about after its deadline if it could not be read then. */
const LONGEST_DELAY_MS = 3_600_000;
/** Polls take at most this share of the rate budget, so that they leave room for what is sent. */
const SHARE_OF_RATE = 0.2;
/** Each wait differs by up to this share, so that the jobs of a page are not all asked about at once. */
const JITTER = 0.2;

/** When a job that was submitted now is asked about first. */
export const firstPollAt = (nowMs: number): Date => new Date(nowMs + vary(FIRST_POLL_MS));

/** Errors: those of CXone, which leave the job as it was. */
export async function followJob(deps: EmailSendDeps, followed: FollowedJob): Promise<void> {
  const { job } = followed;
  if (!job.isFinal) await pollStatus(deps, followed);
  else await readEvents(deps, followed);
}

/**
 * A job whose status or events cannot be read is asked about again until nothing more is expected of it. Then it ends with what is
 * known; if CXone may answer later, only after a while, so that an outage at its deadline costs no events. Not before the moment
 * that CXone names (`Retry-After`).
 */
export async function postponeJob(
  deps: EmailSendDeps,
  { run, job, times }: FollowedJob,
  error: CxoneError,
): Promise<void> {
  const { emails } = deps.ledger;
  const deadline = deadlineOf(job, Math.max(times.pollDeadlineMs, times.watchEventsMs));
  if (Date.now() < deadline + (isFinal(error) ? 0 : LONGEST_DELAY_MS)) {
    const nextMs = Math.max(nextPoll(job.polls, LONGEST_POLL_MS).getTime(), Date.now() + retryAfterMs(error));
    await emails.savePoll(run, job.jobId, { nextPollAt: new Date(nextMs) });
    return;
  }
  await announce(deps, run, job);
  await emails.endJob(run, job.jobId, 'deadline');
}

const retryAfterMs = (error: CxoneError): number =>
  error instanceof CxoneUnavailable || error instanceof CxoneRateLimited ? (error.retryAfterMs ?? 0) : 0;

async function pollStatus(deps: EmailSendDeps, followed: FollowedJob): Promise<void> {
  const { ledger, cxone } = deps;
  const { run, job, times, signal } = followed;
  const { jobId } = job;
  const status = await readWithPermit(deps, signal, () => cxone.email.getJob({ jobId, signal }));
  const isOver = Date.now() >= deadlineOf(job, times.pollDeadlineMs);
  const isEnded = status !== null && ENDED.includes(status.known);
  await ledger.emails.savePoll(run, jobId, {
    // As CXone calls it, for reports; 404: not known, or not yet.
    status: status?.status ?? 'not_found',
    isFinal: isEnded,
    nextPollAt: isEnded ? new Date() : nextPoll(job.polls, longestWait(deps, followed.openJobs)),
    spamScore: status?.spamScore ?? job.spamScore,
  });
  if (isEnded || !isOver) return;
  // Its events may say more than its status does.
  await readEventsIfKnown(deps, asked(deps, followed));
  if (status === null) await ledger.emails.failRemaining(run, jobId, 'in_doubt', 'job_not_found');
  await announce(deps, run, job);
  await ledger.emails.endJob(run, jobId, 'deadline');
}

const ENDED: readonly string[] = ['completed', 'failed', 'cancelled'];

async function readEvents(deps: EmailSendDeps, followed: FollowedJob): Promise<void> {
  const { ledger } = deps;
  const { run, job, times } = followed;
  const ended = endOf(job);
  await readEventsIfKnown(deps, asked(deps, followed));
  if (ended !== null) await ledger.emails.failRemaining(run, job.jobId, 'failed', `job_${ended}`);
  const open = await ledger.emails.countUnknown(run.run_no, job.jobId);
  await announce(deps, run, job, { isComplete: open === 0 });
  const watchedUntil = deadlineOf(job, times.watchEventsMs);
  const deadline = open === 0 ? watchedUntil : Math.max(watchedUntil, deadlineOf(job, times.pollDeadlineMs));
  const now = Date.now();
  if (now >= deadline) {
    await announce(deps, run, job);
    await ledger.emails.endJob(run, job.jobId, open === 0 ? 'completed' : 'deadline');
    return;
  }
  const longestMs = Math.max(LONGEST_EVENTS_POLL_MS, longestWait(deps, followed.openJobs));
  const nextPollAt = new Date(Math.min(nextPoll(job.polls, longestMs).getTime(), deadline));
  await ledger.emails.savePoll(run, job.jobId, { nextPollAt });
}

const deadlineOf = ({ submittedAt }: Job, ms: number): number => submittedAt.getTime() + ms;

function longestWait({ rateLimiter }: EmailSendDeps, openJobs: number): number {
  const { ratePerMinute } = rateLimiter;
  const fairMs = ratePerMinute === 0 ? 0 : (openJobs * 60_000) / (ratePerMinute * SHARE_OF_RATE);
  return Math.max(LONGEST_POLL_MS, fairMs);
}

function nextPoll(polls: number, longestMs: number): Date {
  return new Date(Date.now() + vary(Math.min(FIRST_POLL_MS * 2 ** Math.min(polls, 20), longestMs)));
}

const vary = (ms: number): number => ms * (1 - JITTER + 2 * JITTER * Math.random());

function asked(deps: EmailSendDeps, { run, job, signal }: FollowedJob): JobToRead {
  return { run, ref: run, job, ask: (request) => readWithPermit(deps, signal, request) };
}

export function readWithPermit<T>(
  { rateLimiter }: EmailSendDeps,
  signal: AbortSignal,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return rateLimiter.withRequestSlot(() => rateLimiter.sendWithPermit(() => request(signal), signal));
}
