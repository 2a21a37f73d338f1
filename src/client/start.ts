/** Starts runs: one `start…` method for each operation in the registry. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { type CommonInput, type RunResult, type Source, TASK_QUEUE } from '../contract/run.ts';
import type { InputOf, OperationSpec, OperationSpecs } from '../contract/spec.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Run } from '../ledger/runs/runs.ts';
import type { ClientDeps } from './deps.ts';
import { InputError } from './errors.ts';
import { requireRunId } from './requests.ts';
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

/** @internal */
export function createStartMethods<Specs extends OperationSpecs>(
  deps: ClientDeps<Specs>,
): StartMethods<Specs> {
  const methods = Object.values(deps.operations).map((spec) => [
    `start${spec.kind.charAt(0).toUpperCase()}${spec.kind.slice(1)}`,
    (input: CommonInput, options: StartOptions = {}) => startRun(deps, spec, input, options),
  ]);
  return Object.fromEntries(methods) as StartMethods<Specs>;
}

async function startRun(
  { temporal, ledger }: Pick<ClientDeps, 'temporal' | 'ledger'>,
  spec: OperationSpec,
  given: CommonInput,
  options: StartOptions,
): Promise<Started> {
  const checked = spec.check(given);
  if ('problems' in checked) throw new InputError(checked.problems);
  const input: CommonInput & { readonly source?: Source } = checked.input;
  const runId =
    options.runId === undefined ? await defaultRunId(ledger, spec, input) : requireRunId(options.runId);
  const known = await requireOwnRunId(ledger, runId, spec, input);
  if (known && hasEnded(known)) return toFinished(known);
  // A retry that was started before is accepted.
  if (!known && input.source && 'retryOf' in input.source) await checkRetry(ledger, input.source.retryOf);
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

/** A failed run may be started again. */
function hasEnded({ state }: Run): boolean {
  return state !== 'running' && state !== 'failed';
}

/** The ledger keeps results for ever, Temporal only for its retention period. */
function toFinished({ run_id: runId, result }: Run): Started {
  return { runId, status: 'finished', result: result as RunResult | null };
}

export async function readStoredResult(ledger: Ledger, runId: string): Promise<RunResult | null> {
  const run = await ledger.runs.find(runId);
  return (run?.result ?? null) as RunResult | null;
}
