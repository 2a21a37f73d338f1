/** Requests that a worker answers: a short workflow that the client starts and awaits. */
import { randomBytes } from 'node:crypto';
import { ApplicationFailure, type Client, TimeoutFailure, WorkflowFailedError } from '@temporalio/client';
import type { Duration } from '@temporalio/common';
import { type Checked, runIdProblem } from '../contract/input.ts';
import { TASK_QUEUE } from '../contract/run.ts';
import { InputError, NotDone } from './errors.ts';
import { explainSilence } from './workers.ts';

export interface Request {
  readonly type: string;
  readonly workflowId: string;
  readonly input: unknown;
  /** How long to wait for a worker and its answer. Default: for ever. */
  readonly timeout?: Duration;
}

/** Throws NoWorkerAnswered, NotDone and errors of the connection. */
export async function executeRequest<Result>(temporal: Client, request: Request): Promise<Result> {
  const { type, workflowId, input, timeout } = request;
  const options = {
    taskQueue: TASK_QUEUE,
    workflowId,
    args: [input],
    ...(timeout && { workflowExecutionTimeout: timeout }),
  };
  try {
    return (await temporal.workflow.execute(type, options)) as Result;
  } catch (error) {
    throw await toClientError(error, type, temporal);
  }
}

export function newRequestId(prefix: string): string {
  return `${prefix}:${randomBytes(8).toString('hex')}`;
}

/** Throws InputError for what cannot be the id of a run or a check: neither Temporal nor the ledger is asked about it. */
export function requireRunId(runId: string): string {
  const problem = runIdProblem(runId);
  if (problem !== null) throw new InputError([problem]);
  return runId;
}

/** Throws InputError. */
export function requireValid<T>(checked: Checked<T>): T {
  if ('problems' in checked) throw new InputError(checked.problems);
  return checked.input;
}

async function toClientError(error: unknown, type: string, temporal: Client): Promise<Error> {
  if (!(error instanceof WorkflowFailedError)) {
    return error instanceof Error ? error : new Error(String(error));
  }
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return explainSilence(temporal, '');
  // The failure of an activity wraps the failure that it threw.
  const failure = [cause, cause?.cause].find((each) => each instanceof ApplicationFailure);
  if (failure instanceof ApplicationFailure) return new NotDone(failure.type ?? type, failure.message);
  return new NotDone(type, cause?.message ?? error.message);
}
