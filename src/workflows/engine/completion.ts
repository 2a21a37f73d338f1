/** How a run ends: closed in the ledger with its result, whatever became of it. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
} from '@temporalio/workflow';
import type { RunFailureType, RunResult } from '../../contract/run.ts';
import type { RunState } from '../../domain/run.ts';
import { allRecords, fatalFailure } from '../policies.ts';
import type { Run } from './run.ts';
import { deliverRemaining } from './steps.ts';

interface Failure {
  readonly type: string;
  readonly message: string;
}

/** The last word: every record has its outcome, the parts add up, the result is kept. */
export async function close<R extends RunResult>(
  run: Run,
  state: RunState,
  failure: Failure | null = null,
): Promise<R> {
  const { runId, now } = run;
  const result = await allRecords.closeRun.executeWithOptions({ summary: state }, [
    { runId, state, failure },
  ]);
  Object.assign(now, { phase: 'done', waitingFor: null, counts: result.counts });
  run.show();
  await run.settledDown();
  // Of the kind that the run is.
  return result as RunResult as R;
}

/**
 * Tells the story to its end, whichever: cancelled by signal (a result), cancelled by Temporal (Canceled), failed (a
 * failure that says what to do). In all of them the ledger has the result.
 */
export async function runToCompletion<R extends RunResult>(run: Run, story: () => Promise<R>): Promise<R> {
  let stopped: Promise<void> = Promise.resolve();
  CancellationScope.current().cancelRequested.catch(() => {
    // At once, and not after the pages: until the claims are stopped, they go on claiming.
    if (run.now.opened) stopped = CancellationScope.nonCancellable(() => run.stopClaims());
  });
  try {
    return await run.work.run(story);
  } catch (error) {
    // Not opened: the ledger has nothing of this run, or an older run of this id, whose result stays as it is.
    if (!run.now.opened) throw causeOf(error);
    await stopped;
    // A page that was about to be tried again fails with what it failed of before, once it is cancelled.
    if (isCancellation(error) || isCancelled(run)) return endCancelled(run);
    const cause = causeOf(error);
    if (cause instanceof ApplicationFailure) throw await endFailed(run, cause);
    throw error;
  }
}

function isCancelled(run: Run): boolean {
  return run.isCancelled() || CancellationScope.current().consideredCancelled;
}

/** By signal: a result. By Temporal: the execution ends as Canceled. */
function endCancelled<R extends RunResult>(run: Run): Promise<R> {
  return CancellationScope.nonCancellable(async () => {
    if (run.now.delivery && run.now.hasSubscriber) {
      const { runId } = run;
      await allRecords.endPending.executeWithOptions({ summary: 'what is left' }, [
        { runId, state: 'cancelled' },
      ]);
      await deliverRemaining(run);
    }
    const result = await close<R>(run, 'cancelled');
    if (!run.isCancelled()) throw new CancelledFailure('cancelled in Temporal');
    return result;
  });
}

async function endFailed(run: Run, cause: ApplicationFailure): Promise<ApplicationFailure> {
  const failure = { type: cause.type ?? 'Bug', message: cause.message };
  await CancellationScope.nonCancellable(async () => {
    await deliverRemaining(run);
    await close(run, 'failed', failure);
  });
  return fatalFailure(failure.type as RunFailureType, failure.message);
}

function causeOf(error: unknown): unknown {
  return error instanceof ActivityFailure ? (error.cause ?? error) : error;
}
