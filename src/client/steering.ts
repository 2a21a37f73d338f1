/** Watching, steering and awaiting a run. */
import {
  type Client,
  isGrpcServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { RunResult } from '../contract/run.ts';
import { DECIDE_UPDATE, type Decision, PROGRESS_QUERY, type Progress } from '../contract/steering.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { DecisionRefused, NoWorkerAnswered, RunNotFound } from './errors.ts';
import { storedResult } from './start.ts';

const DECIDE_DEADLINE_MS = 15_000;
const QUERY_DEADLINE_MS = 10_000;

export interface SteeringDeps {
  readonly temporal: Client;
  readonly ledger: Ledger;
}

export function createSteeringClient({ temporal, ledger }: SteeringDeps) {
  return {
    /** Phase, counts, what the run is waiting for. A worker has to be running. Throws RunNotFound, NoWorkerAnswered. */
    async progress(runId: string): Promise<Progress> {
      const asked = temporal.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
        temporal.workflow.getHandle(runId).query<Progress>(PROGRESS_QUERY),
      );
      return asked.catch((error: unknown) => Promise.reject(translate(error, runId)));
    },

    /** Approve, reject, cancel, pause, resume, resolve. Throws DecisionRefused where that is not possible now. */
    async decide(runId: string, decision: Decision): Promise<Progress> {
      const decided = temporal.withDeadline(Date.now() + DECIDE_DEADLINE_MS, () =>
        temporal.workflow
          .getHandle(runId)
          .executeUpdate<Progress, [Decision]>(DECIDE_UPDATE, { args: [decision] }),
      );
      return decided.catch(async (error: unknown) => {
        // Temporal reports a workflow that has ended in the same words as one that never existed.
        const run = error instanceof WorkflowNotFoundError ? await ledger.runs.find(runId) : undefined;
        if (!run || run.state === 'running') throw translate(error, runId);
        throw new DecisionRefused(
          `${runId} has ended (${run.state}); there is nothing left to ${decision.action}`,
        );
      });
    },

    /** Waits for the end. For a run that failed it throws Temporal's WorkflowFailedError, whose `cause` is the failure. */
    async result<R extends RunResult = RunResult>(runId: string): Promise<R> {
      try {
        return (await temporal.workflow.getHandle(runId).result()) as R;
      } catch (error) {
        // A cancellation in Temporal ends the workflow as Canceled; the ledger has the result all the same.
        if (error instanceof WorkflowFailedError && error.cause?.name === 'CancelledFailure') {
          const result = await storedResult(ledger, runId);
          if (result) return result as R;
        }
        throw translate(error, runId);
      }
    },
  };
}

/** gRPC codes: our deadline as either end reports it, and a run that no worker has picked up yet. */
const UNANSWERED: readonly number[] = [1, 4, 9];

function isUnanswered(error: unknown): boolean {
  return isGrpcServiceError(error) && UNANSWERED.includes(Number(error.code));
}

function translate(error: unknown, runId: string): Error {
  if (error instanceof WorkflowNotFoundError) return new RunNotFound(runId);
  if (error instanceof WorkflowUpdateFailedError)
    return new DecisionRefused(error.cause?.message ?? error.message);
  const timedOut =
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    isUnanswered(error) ||
    // A query that nobody answers fails with its own error; the gRPC error is its cause.
    (error instanceof Error && isUnanswered(error.cause));
  if (timedOut)
    return new NoWorkerAnswered(`no worker answered for ${runId}; is one running? (\`cxflow worker\`)`);
  return error instanceof Error ? error : new Error(String(error));
}
