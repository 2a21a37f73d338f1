/** Reads the progress of a run, steers it, and waits for its result. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
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
import type { ClientDeps } from './deps.ts';
import { DecisionRefused, NoWorkerAnswered, RunNotFound } from './errors.ts';
import { requireRunId } from './requests.ts';
import { readStoredResult } from './start.ts';
import { explainSilence } from './workers.ts';

/** Without an answer for this long, it matters whether there is a worker at all. */
const ATTEMPT_MS = 15_000;
const DECIDE_TIMEOUT_MS = 120_000;
/** Temporal may refuse an attempt at once, for example while it shuts down. */
const PAUSE_MS = 500;
const QUERY_DEADLINE_MS = 10_000;

export interface DecideOptions {
  /** How long to wait for a worker that is there, but busy. Default: two minutes. */
  readonly timeoutMs?: number;
}

export interface SteeringClient {
  /** Phase, counts and what the run waits for. A worker has to be running. Throws RunNotFound, NoWorkerAnswered. */
  progress(runId: string): Promise<Progress>;

  /**
   * Approves, rejects, cancels, pauses, resumes or resolves. Throws RunNotFound, DecisionRefused if that is not possible now, and
   * NoWorkerAnswered: the run may still carry out the decision once a worker is there.
   */
  decide(runId: string, decision: Decision, options?: DecideOptions): Promise<Progress>;

  /** Waits until the run ends. Throws Temporal's WorkflowFailedError if it failed; `cause` is the failure. */
  result<R extends RunResult = RunResult>(runId: string): Promise<R>;
}

/** @internal `attemptMs`: for tests. */
export function createSteeringClient(
  { temporal, ledger }: Pick<ClientDeps, 'temporal' | 'ledger'>,
  attemptMs = ATTEMPT_MS,
): SteeringClient {
  return {
    async progress(runId) {
      const answer = temporal.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
        temporal.workflow.getHandle(requireRunId(runId)).query<Progress>(PROGRESS_QUERY),
      );
      return answer.catch(async (error: unknown) => {
        throw await toClientError(error, runId, temporal);
      });
    },

    async decide(runId, decision, { timeoutMs = DECIDE_TIMEOUT_MS } = {}) {
      const handle = temporal.workflow.getHandle(requireRunId(runId));
      // Temporal carries out an update only once under the same id, so to ask again is not to decide again.
      const update = { updateId: randomUUID(), args: [decision] as [Decision] };
      const giveUpAt = Date.now() + timeoutMs;
      for (;;) {
        try {
          return await temporal.withDeadline(Math.min(Date.now() + attemptMs, giveUpAt), () =>
            handle.executeUpdate<Progress, [Decision]>(DECIDE_UPDATE, update),
          );
        } catch (error) {
          const failure = await toDecideError(error, runId, decision, { temporal, ledger });
          const isBusy = failure instanceof NoWorkerAnswered && failure.worker === 'busy';
          if (!isBusy || Date.now() + PAUSE_MS >= giveUpAt) throw failure;
          await delay(PAUSE_MS);
        }
      }
    },

    async result<R extends RunResult = RunResult>(runId: string): Promise<R> {
      try {
        return (await temporal.workflow.getHandle(requireRunId(runId)).result()) as R;
      } catch (error) {
        // A workflow that was cancelled in Temporal has no result there, but the ledger has it.
        if (error instanceof WorkflowFailedError && error.cause?.name === 'CancelledFailure') {
          const result = await readStoredResult(ledger, runId);
          if (result) return result as R;
        }
        throw await toClientError(error, runId, temporal);
      }
    },
  };
}

async function toDecideError(
  error: unknown,
  runId: string,
  { action }: Decision,
  { temporal, ledger }: Pick<ClientDeps, 'temporal' | 'ledger'>,
): Promise<Error> {
  // Temporal reports a workflow that has ended with the same error as one that never existed.
  const run = error instanceof WorkflowNotFoundError ? await ledger.runs.find(runId) : undefined;
  if (!run || run.state === 'running') return toClientError(error, runId, temporal);
  return new DecisionRefused(`run ${runId} has ended (${run.state}), so there is nothing to ${action}`);
}

/** gRPC codes: our deadline as client or server reports it, and a run that no worker has taken up yet. */
const UNANSWERED: readonly number[] = [1, 4, 9];

function isUnanswered(error: unknown): boolean {
  return isGrpcServiceError(error) && UNANSWERED.includes(Number(error.code));
}

async function toClientError(error: unknown, runId: string, temporal: Client): Promise<Error> {
  if (error instanceof WorkflowNotFoundError) return new RunNotFound(runId);
  if (error instanceof WorkflowUpdateFailedError)
    return new DecisionRefused(error.cause?.message ?? error.message);
  const timedOut =
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    isUnanswered(error) ||
    // An unanswered query fails with an error of its own, whose cause is the gRPC error.
    (error instanceof Error && isUnanswered(error.cause));
  if (timedOut) return explainSilence(temporal, ` for run ${runId}`);
  return error instanceof Error ? error : new Error(String(error));
}
