/** How a run ends. However it ends, it is closed in the ledger with its result. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  TemporalFailure,
} from '@temporalio/workflow';
import { BREAKS_RULES, fatalFailure, type RunFailureType } from '../../contract/failures.ts';
import type { RunResult } from '../../contract/run.ts';
import type { RunState } from '../../domain/run.ts';
import { isLedgerRestored, ledgerScans } from '../policies.ts';
import { deliverRemaining } from './delivery.ts';
import type { Run } from './run.ts';

interface Failure {
  readonly type: string;
  readonly breaksRules?: true;
  readonly message: string;
}

/** Checks in the ledger that every record has its outcome and that they add up, then stores the result. */
export async function close<R extends RunResult>(
  run: Run,
  state: RunState,
  failure: Failure | null = null,
): Promise<R> {
  const { runId, seen } = run;
  const result = await ledgerScans.closeRun.executeWithOptions({ summary: state }, [
    { runId, state, failure, seen },
  ]);
  Object.assign(run, {
    phase: 'done',
    since: new Date(),
    waitingFor: null,
    counts: result.counts,
    resumes: {},
  });
  run.steering.submitKeptApproval();
  run.steering.inbox.release();
  run.show();
  await run.allMessagesProcessed();
  // The activity returns the result of this run's operation.
  return result as RunResult as R;
}

/**
 * Runs the steps of an operation. A run that is cancelled by signal ends with a result, one that is cancelled by Temporal
 * ends as Canceled, and one that fails ends with a failure that says what to do. The ledger has the result in each case.
 */
export async function runToCompletion<R extends RunResult>(run: Run, steps: () => Promise<R>): Promise<R> {
  let claimsStopped: Promise<void> = Promise.resolve();
  CancellationScope.current().cancelRequested.catch(() => {
    // At once rather than after the pages, because they keep claiming until the ledger stops them.
    if (run.isOpen()) claimsStopped = CancellationScope.nonCancellable(() => run.stopClaims());
  });
  try {
    return await run.scope.run(steps);
  } catch (error) {
    // The ledger has either nothing of this run, or an earlier run with its id, whose result must stay.
    if (!run.isOpen()) throw unwrap(error);
    await claimsStopped;
    // A page that was waiting for its next attempt fails with the error of its last one when it is cancelled.
    if (isCancelled(run) || (run.failure === undefined && isCancellation(error))) return endCancelled(run);
    const cause = unwrap(run.failure ?? error);
    // Anything else is a bug in this code: Temporal repeats the workflow task until a worker with corrected code takes it.
    if (cause instanceof TemporalFailure) throw await endFailed(run, cause);
    throw cause;
  }
}

function isCancelled(run: Run): boolean {
  return run.isCancelled() || CancellationScope.current().consideredCancelled;
}

function endCancelled<R extends RunResult>(run: Run): Promise<R> {
  return CancellationScope.nonCancellable(async () => {
    const { runId, seen } = run;
    if (run.onEndingEarly || (run.delivery && run.hasSubscriber))
      await ledgerScans.endPending.executeWithOptions({ summary: 'cancel what is pending' }, [
        { runId, state: 'cancelled', seen },
      ]);
    await run.onEndingEarly?.();
    await deliverRemaining(run);
    const result = await close<R>(run, 'cancelled');
    if (!run.isCancelled()) throw new CancelledFailure('cancelled in Temporal');
    return result;
  });
}

async function endFailed(run: Run, cause: TemporalFailure): Promise<ApplicationFailure> {
  const type = cause instanceof ApplicationFailure ? (cause.type ?? 'Bug') : 'Bug';
  const breaksRules = cause instanceof ApplicationFailure && cause.details?.includes(BREAKS_RULES) === true;
  const failure = fatalFailure(type as RunFailureType, cause.message);
  await CancellationScope.nonCancellable(async () => {
    await run.onEndingEarly?.();
    await deliverRemaining(run);
    await close(run, 'failed', { type, ...(breaksRules && { breaksRules }), message: failure.message });
  }).catch((error: unknown) => {
    // It cannot be closed in a ledger that no longer has it.
    if (!isLedgerRestored(cause) || !isLedgerRestored(unwrap(error))) throw error;
  });
  return failure;
}

/** The failure that the activity threw. */
function unwrap(error: unknown): unknown {
  return error instanceof ActivityFailure ? (error.cause ?? error) : error;
}
