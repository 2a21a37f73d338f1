/** How a run ends: closed in the ledger with its result, whatever became of it. */
import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import type { ContactImportResult, RunFailureType } from '../contract.ts';
import type { RunState } from '../domain/run.ts';
import { endsTheRun, ledger } from './policies.ts';
import type { Run } from './run.ts';

interface Failure {
  readonly type: string;
  readonly message: string;
}

/** The last word: every record has its outcome, the parts add up, the result is kept. */
export async function close(
  run: Run,
  state: RunState,
  failure: Failure | null = null,
): Promise<ContactImportResult> {
  const { runId, now } = run;
  const result = await ledger.closeRun.executeWithOptions({ summary: state }, [{ runId, state, failure }]);
  Object.assign(now, { phase: 'done', waitingFor: null, counts: result.counts });
  run.show();
  await run.settledDown();
  return result;
}

/**
 * Tells the story to its end, whichever: cancelled by signal (a result), cancelled by Temporal (Canceled), failed (a
 * failure that says what to do). In all of them the ledger has the result.
 */
export async function tellStory(
  run: Run,
  story: () => Promise<ContactImportResult>,
): Promise<ContactImportResult> {
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
    if (isCancellation(error)) return endCancelled(run, error);
    const cause = causeOf(error);
    if (cause instanceof ApplicationFailure) throw await endFailed(run, cause);
    throw error;
  }
}

function endCancelled(run: Run, error: unknown): Promise<ContactImportResult> {
  return CancellationScope.nonCancellable(async () => {
    const result = await close(run, 'cancelled');
    if (!run.isCancelled()) throw error;
    return result;
  });
}

async function endFailed(run: Run, cause: ApplicationFailure): Promise<ApplicationFailure> {
  const failure = { type: cause.type ?? 'Bug', message: cause.message };
  await CancellationScope.nonCancellable(() => close(run, 'failed', failure));
  return endsTheRun(failure.type as RunFailureType, failure.message);
}

function causeOf(error: unknown): unknown {
  return error instanceof ActivityFailure ? (error.cause ?? error) : error;
}
