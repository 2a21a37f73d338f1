/**
 * Follows the jobs of a run: their status until it is final, then their events until nothing more is expected. One attempt works
 * through the jobs that are due; then Temporal repeats the activity when the next one is, so the history does not grow.
 */
import { Context } from '@temporalio/activity';
import pLimit from 'p-limit';
import { emailSendTimes, emailSend as spec } from '../../contract/email-send.ts';
import { CxoneError } from '../../cxone/errors.ts';
import { plural } from '../../domain/numbers.ts';
import type { Counts } from '../../domain/run.ts';
import type { Job } from '../../ledger/emails/jobs.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { runInput } from '../engine/run-input.ts';
import { takeOver } from '../engine/step.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { isFinal, retryableFailure } from '../failures.ts';
import { followJob, postponeJob } from './job.ts';
import { isAboutOneJob } from './job-events.ts';
import { planRetries } from './retries.ts';
import type { EmailSendDeps } from './settings.ts';

export interface TrackMessages {
  readonly runId: string;
  /** The run is still writing: returns only if the run has to do something about it. */
  readonly beside: boolean;
  /** How many bounces about the sender the run knows of. */
  readonly policyBounces: number;
  /** How many records are pending, as far as the run knows. */
  readonly pending: number;
  /** The jobs of so many first batches are read on, because a first share has not been judged yet. Default: 0. */
  readonly unjudgedBatches?: number;
}

/** Counts only, because it becomes part of the history. */
export interface Tracked {
  readonly counts: Counts;
  /** Nothing more is expected of any job. */
  readonly isEnded: boolean;
  /** ISO 8601: when the first message may be sent again that bounced temporarily; null: there is none. */
  readonly notBefore: string | null;
  readonly policyBounces: number;
  /** Opt-outs that CXone's preferences do not have yet. */
  readonly optOuts: number;
}

const JOBS_AT_ONCE = 4;
const JOBS_PER_PASS = 200;
const MAX_OPT_OUTS = 1_000;
/** How long the activity waits at most before it asks again whether anything is due. */
const LONGEST_PAUSE_MS = 30_000;
const PAUSE_WHILE_SENDING_MS = 2_000;
const SHORTEST_PAUSE_MS = 500;
/** For so long the run may show too few pending records. */
const COUNTS_MAX_AGE_MS = 60_000;
/** So many failures in a row, and none of them worth giving up a job for, are an outage. */
const OUTAGE_AFTER = 5;

export async function trackMessages(deps: EmailSendDeps, request: TrackMessages): Promise<Tracked> {
  const { ledger, draining } = deps;
  const run = await takeOver(ledger, request.runId);
  await followDueJobs(deps, run, request);
  await throwIfStopping(draining);
  await planRetries(deps, run);
  const [{ open, nextPollAt }, policyBounces, optOuts, notBefore] = await Promise.all([
    ledger.emails.countOpenJobs(run.run_no),
    ledger.emails.countPolicyBounces(run.run_no),
    ledger.emails.listOptOuts(run.run_no, { afterSeq: 0, limit: MAX_OPT_OUTS }),
    ledger.emails.nextWriteAt(run.run_no),
  ]);
  const tracked: Tracked = {
    counts: await ledger.runs.counts(run.run_no),
    isEnded: open === 0,
    notBefore: notBefore?.toISOString() ?? null,
    policyBounces,
    optOuts: optOuts.length,
  };
  const needsTheRun =
    policyBounces > request.policyBounces || optOuts.length > 0 || showsMore(request, tracked);
  const isDone = !request.beside && (tracked.isEnded || tracked.notBefore !== null);
  if (needsTheRun || isDone) return tracked;
  const dueInMs = nextPollAt === null ? pauseWithoutJobs(run, notBefore) : nextPollAt.getTime() - Date.now();
  throw retryableFailure(
    'JobsOpen',
    open === 0 ? 'no job is open at the moment' : `${plural(open, 'job is', 'jobs are')} open at CXone`,
    Math.min(Math.max(dueInMs, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS),
  );
}

/** More messages are to be sent again than the run shows. Not at once, because each time makes the history longer. */
function showsMore({ pending }: TrackMessages, { counts }: Tracked): boolean {
  const { scheduledTimestampMs } = Context.current().info;
  return counts.pending > pending && Date.now() - scheduledTimestampMs > COUNTS_MAX_AGE_MS;
}

/** While the run sends, the next job may come at any moment. It may have begun before its phase says so. */
function pauseWithoutJobs({ steering, waiting_for: waitingFor }: Run, notBefore: Date | null): number {
  const mayBeSending = waitingFor === null || (notBefore !== null && notBefore.getTime() <= Date.now());
  return steering === 'go' && mayBeSending ? PAUSE_WHILE_SENDING_MS : LONGEST_PAUSE_MS;
}

/** A job that fails by itself is asked again later; if CXone answers nothing, the attempt fails and Temporal's backoff grows. */
async function followDueJobs(
  deps: EmailSendDeps,
  run: Run,
  { unjudgedBatches = 0 }: TrackMessages,
): Promise<void> {
  const { ledger, draining } = deps;
  const times = emailSendTimes(runInput(spec, run));
  const { cancellationSignal } = Context.current();
  const limit = pLimit(JOBS_AT_ONCE);
  const failures = new FailuresInARow();
  const { open: openJobs } = await ledger.emails.countOpenJobs(run.run_no);
  const follow = async (job: Job): Promise<void> => {
    if (draining.aborted || cancellationSignal.aborted || failures.areAnOutage) return;
    const watchEventsMs = job.batch <= unjudgedBatches ? Infinity : times.watchEventsMs;
    const followed = {
      ...{ run, job, openJobs, signal: cancellationSignal },
      times: { ...times, watchEventsMs },
    };
    try {
      await followJob(deps, followed);
      failures.reset();
    } catch (error) {
      if (!(error instanceof CxoneError) || (isFinal(error) && !isAboutOneJob(error))) throw error;
      failures.note(error);
      await postponeJob(deps, followed, error);
    }
  };
  const due = await ledger.emails.listDueJobs(run.run_no, JOBS_PER_PASS);
  const results = await Promise.allSettled(due.map((job) => limit(() => follow(job))));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  failures.throwIfOutage();
}

class FailuresInARow {
  #count = 0;
  #last: CxoneError | null = null;

  get areAnOutage(): boolean {
    return this.#count >= OUTAGE_AFTER;
  }

  reset(): void {
    this.#count = 0;
  }

  note(error: CxoneError): void {
    this.#count += 1;
    this.#last = error;
  }

  throwIfOutage(): void {
    if (this.areAnOutage && this.#last) throw this.#last;
  }
}
