/** What a run that ends early still learns of the messages that it has sent: nobody follows its jobs afterwards. */
import { Context } from '@temporalio/activity';
import pLimit from 'p-limit';
import { CxoneError } from '../../cxone/errors.ts';
import type { Job } from '../../ledger/emails/jobs.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { isAbort, RateWait, throwIfAborted } from '../failures.ts';
import { announce } from './events.ts';
import { readWithPermit } from './job.ts';
import { readEventsIfKnown } from './job-events.ts';
import type { EmailSendDeps } from './settings.ts';

const JOBS_AT_ONCE = 4;
/** A run that somebody cancels has to end soon, also in an outage of CXone. */
const LONGEST_MS = 30_000;

/**
 * Reads the events of each open job once more, so that whoever has objected by now is on our own list, and ends the job. What
 * cannot be read in time is not waited for. Repeatable: jobs that have ended are not read again.
 */
export async function readOpenJobs(deps: EmailSendDeps, run: Run): Promise<void> {
  const { emails } = deps.ledger;
  const { cancellationSignal } = Context.current();
  const signal = AbortSignal.any([AbortSignal.timeout(LONGEST_MS), cancellationSignal]);
  const limit = pLimit(JOBS_AT_ONCE);
  const open = (await emails.jobs(run.run_no)).filter(({ endedAt }) => endedAt === null);
  const readLast = async (job: Job): Promise<void> => {
    try {
      throwIfAborted(signal);
      await readEventsIfKnown(deps, {
        run,
        ref: run,
        job,
        ask: (request) => readWithPermit(deps, signal, request),
      });
      await announce(deps, run, job);
    } catch (error) {
      // Another worker repeats it.
      throwIfAborted(cancellationSignal);
      if (!(error instanceof CxoneError || error instanceof RateWait || isAbort(error))) throw error;
    }
    await emails.endJob(run, job.jobId, 'run_ended');
  };
  const results = await Promise.allSettled(open.map((job) => limit(() => readLast(job))));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
