/** Starts runs: one `start…` method for each operation in the registry. */
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { type CommonInput, type RunResult, type Source, TASK_QUEUE } from '../contract/run.ts';
import type { InputOf, OperationSpec, OperationSpecs } from '../contract/spec.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { InputError } from './errors.ts';
import { checkRetry, defaultRunId, requireOwnRunId } from './run-ids.ts';

export interface Started {
  readonly runId: string;
  /** `running`: the same run was already executing. `finished`: it had ended earlier, and `result` is its result. */
  readonly status: 'started' | 'running' | 'finished';
  readonly result: RunResult | null;
}

export interface StartOptions {
  /** Default: derived from target, content and options, so that starting the same run twice finds the first one. */
  readonly runId?: string;
}

/** `startContactImport(input, options)` and so on. Each throws InputError with every problem of its input. */
export type StartMethods<Specs extends OperationSpecs> = {
  readonly [Kind in keyof Specs & string as `start${Capitalize<Kind>}`]: (
    input: InputOf<Specs[Kind]>,
    options?: StartOptions,
  ) => Promise<Started>;
};

interface StartDeps<Specs extends OperationSpecs> {
  readonly temporal: Client;
  readonly ledger: Ledger;
  readonly operations: Specs;
}

export function createStartMethods<Specs extends OperationSpecs>(
  deps: StartDeps<Specs>,
): StartMethods<Specs> {
  const methods = Object.values(deps.operations).map((spec) => [
    `start${spec.kind.charAt(0).toUpperCase()}${spec.kind.slice(1)}`,
    (input: CommonInput, options: StartOptions = {}) => startRun(deps, spec, input, options),
  ]);
  return Object.fromEntries(methods) as StartMethods<Specs>;
}

async function startRun(
  { temporal, ledger }: Omit<StartDeps<OperationSpecs>, 'operations'>,
  spec: OperationSpec,
  given: CommonInput,
  options: StartOptions,
): Promise<Started> {
  const checked = spec.check(given);
  if ('problems' in checked) throw new InputError(checked.problems);
  const input: CommonInput & { readonly source?: Source } = checked.input;
  const runId = options.runId ?? (await defaultRunId(ledger, spec, input));
  await requireOwnRunId(ledger, runId, spec, input);
  const ended = await findEnded(ledger, runId);
  if (ended) return ended;
  if (input.source && 'retryOf' in input.source) await checkRetry(ledger, runId, input.source.retryOf);
  try {
    await temporal.workflow.start(spec.kind, {
      taskQueue: TASK_QUEUE,
      workflowId: runId,
      args: [input],
      staticSummary: `${spec.title(input)}${input.dryRun ? ' (dry run)' : ''}`,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      // USE_EXISTING would attach to a running workflow as well, but not report that it was already running.
      workflowIdConflictPolicy: 'FAIL',
    });
    return { runId, status: 'started', result: null };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // A failed run that has just been restarted has the result of its failure for a short time.
    const { status } = await temporal.workflow.getHandle(runId).describe();
    if (status.name === 'RUNNING' || status.name === 'PAUSED')
      return { runId, status: 'running', result: null };
    return { runId, status: 'finished', result: await readStoredResult(ledger, runId) };
  }
}

/** The ledger keeps results for ever, Temporal only for its retention period. A failed run may be started again. */
async function findEnded(ledger: Ledger, runId: string): Promise<Started | null> {
  const run = await ledger.runs.find(runId);
  if (!run || run.state === 'running' || run.state === 'failed') return null;
  return { runId, status: 'finished', result: run.result as RunResult | null };
}

export async function readStoredResult(ledger: Ledger, runId: string): Promise<RunResult | null> {
  const run = await ledger.runs.find(runId);
  return (run?.result ?? null) as RunResult | null;
}
