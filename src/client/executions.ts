/** The state of a run's workflow in Temporal, for following a run. None of the methods throws. */
import {
  ApplicationFailure,
  isGrpcServiceError,
  type Client as TemporalClient,
  WorkflowFailedError,
} from '@temporalio/client';
import { rootCause } from '../contract/failures.ts';
import { NoWorkerAnswered, RunNotFound } from './errors.ts';
import { wasWorkerSeen } from './workers.ts';

export interface Executions {
  /** `unknown`: Temporal does not have the workflow, or no longer. `unreachable`: Temporal does not answer. */
  status(runId: string): Promise<'running' | 'ended' | 'unknown' | 'unreachable'>;
  /** Why an ended workflow failed; null if it did not, or if nothing is known about it. */
  failure(runId: string): Promise<ExecutionFailure | null>;
  /**
   * Whether a worker answers for this run. `busy`: it was seen lately, and does not answer. null: Temporal does not answer. Takes
   * up to ten seconds.
   */
  findWorker(runId: string): Promise<WorkerState | null>;
}

export type WorkerState = 'answers' | 'busy' | 'none';

export interface ExecutionFailure {
  readonly type: string;
  readonly message: string;
}

const OPEN = ['RUNNING', 'PAUSED', 'CONTINUED_AS_NEW'];
/** gRPC status codes. */
const UNAVAILABLE = 14;
const NOT_FOUND = 5;

interface Client {
  readonly temporal: TemporalClient;
  progress(runId: string): Promise<unknown>;
  result(runId: string): Promise<unknown>;
}

/** @internal */
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
        return error instanceof WorkflowFailedError ? describeFailure(error) : null;
      }
    },

    async findWorker(runId) {
      try {
        await (await client()).progress(runId);
        return 'answers';
      } catch (error) {
        if (error instanceof RunNotFound) return null;
        if (error instanceof NoWorkerAnswered) return error.worker;
        // Any other code is Temporal's refusal of a query for which it has not seen a worker for a while.
        const code = grpcCode(error);
        if (code === null || code === UNAVAILABLE) return null;
        return (await wasWorkerSeen((await client()).temporal)) ? 'busy' : 'none';
      }
    },
  };
}

function describeFailure(error: WorkflowFailedError): ExecutionFailure {
  const innermost = rootCause(error);
  const type = innermost instanceof ApplicationFailure ? innermost.type : null;
  return { type: type ?? innermost.name.replace(/Failure$/, ''), message: innermost.message };
}

function isNotFound(error: unknown): boolean {
  if (error instanceof RunNotFound || grpcCode(error) === NOT_FOUND) return true;
  return error instanceof Error && error.name === 'WorkflowNotFoundError';
}

/** The code of a gRPC error, or of the gRPC error that it wraps. */
function grpcCode(error: unknown): number | null {
  if (isGrpcServiceError(error)) return error.code;
  const cause = error instanceof Error ? error.cause : null;
  return isGrpcServiceError(cause) ? cause.code : null;
}
