/** What Temporal says of a run's workflow, in the few words that following one needs. Never throws. */
import { ApplicationFailure, isGrpcServiceError, WorkflowFailedError } from '@temporalio/client';
import { type CxflowClient, NoWorkerAnswered, RunNotFound } from '../client.ts';
import type { RunFailure } from '../queries/run-facts.ts';

export interface Executions {
  /** `unknown`: Temporal has no such workflow (any more). `unreachable`: it does not answer. */
  status(runId: string): Promise<'running' | 'ended' | 'unknown' | 'unreachable'>;
  /** Why an ended workflow failed; null: it did not, or nobody knows. */
  failure(runId: string): Promise<RunFailure | null>;
  /** Does a worker answer for this run? null: Temporal itself does not. Takes up to ten seconds. */
  hasWorker(runId: string): Promise<boolean | null>;
}

const OPEN = ['RUNNING', 'PAUSED', 'CONTINUED_AS_NEW'];
const UNAVAILABLE = 14;
const NOT_FOUND = 5;

type Client = Pick<CxflowClient, 'temporal' | 'progress' | 'result'>;

export function createExecutions(client: () => Promise<Client>): Executions {
  return {
    async status(runId) {
      try {
        const { temporal } = await client();
        const { status } = await temporal.workflow.getHandle(runId).describe();
        return OPEN.includes(status.name) ? 'running' : 'ended';
      } catch (error) {
        return isNotFound(error) ? 'unknown' : 'unreachable';
      }
    },

    async failure(runId) {
      try {
        await (await client()).result(runId);
        return null;
      } catch (error) {
        return error instanceof WorkflowFailedError ? failureOf(error) : null;
      }
    },

    async hasWorker(runId) {
      try {
        await (await client()).progress(runId);
        return true;
      } catch (error) {
        if (error instanceof NoWorkerAnswered) return false;
        if (error instanceof RunNotFound) return null;
        // Temporal refuses a query at once when it has seen no worker for a while.
        return codeOf(error) === null || codeOf(error) === UNAVAILABLE ? null : false;
      }
    },
  };
}

/** The innermost failure with a type: an activity's failure wraps what it really was. */
export function failureOf(error: WorkflowFailedError): RunFailure {
  let innermost: Error = error;
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause as Error | undefined) {
    innermost = cause;
  }
  const type = innermost instanceof ApplicationFailure ? innermost.type : null;
  return { type: type ?? innermost.name.replace(/Failure$/, ''), message: innermost.message };
}

function isNotFound(error: unknown): boolean {
  return (
    error instanceof RunNotFound ||
    errorName(error) === 'WorkflowNotFoundError' ||
    codeOf(error) === NOT_FOUND
  );
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** gRPC's code, of the error or of what it wraps. */
function codeOf(error: unknown): number | null {
  if (isGrpcServiceError(error)) return error.code;
  const cause = error instanceof Error ? error.cause : null;
  return isGrpcServiceError(cause) ? cause.code : null;
}
