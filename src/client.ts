/**
 * What a service imports: stage rows or a file, start a run, watch it, decide, wait for its result.
 *
 * ```ts
 * const cxflow = await connect({ databaseUrl: process.env.DATABASE_URL });
 * const { source } = await cxflow.stageFile('contacts.csv');
 * const { runId } = await cxflow.startContactImport({ listId: 'L1', source, approval: true });
 * await cxflow.decide(runId, { action: 'approve', by: 'dana' });
 * const result = await cxflow.result<ContactImportResult>(runId);
 * ```
 */
import { basename } from 'node:path';
import {
  Client,
  Connection,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { createConsentClient } from './client/consent.ts';
import { DecisionRefused, InputError, NoWorkerAnswered, RunNotFound } from './client/errors.ts';
import { type AnyInput, checkRetry, defaultRunId, refuseAnother } from './client/run-ids.ts';
import { createSelectionClient } from './client/selection.ts';
import { readThrough, type Staged, type StageOptions } from './client/staging.ts';
import {
  type ContactImportInput,
  DECIDE_UPDATE,
  type Decision,
  type Kind,
  PREFERENCES_TARGET,
  type PreferenceUpdateInput,
  PROGRESS_QUERY,
  type Progress,
  type RunResult,
  TASK_QUEUE,
} from './contract/run.ts';
import {
  checkContactImport,
  checkPreferenceUpdate,
  contactImportOptions,
  preferenceUpdateOptions,
} from './contract/input.ts';
import { type Ledger, openLedger } from './ledger/ledger.ts';
import { decodeSource } from './sources/decode.ts';
import { readFileBytes, unchanged } from './sources/files.ts';
import { formatOf } from './sources/format.ts';

/** Inputs, results, decisions: a service needs no other import. */
export type * from './contract/run.ts';
export * from './client/errors.ts';

export interface ConnectOptions {
  /** The ledger, `postgres://…`. */
  readonly databaseUrl: string;
  /** What the worker has as CXFLOW_PEPPER, for reading whose entries are whose. Default: none. */
  readonly pepper?: string | null;
  /** Temporal's own settings (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS …). Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export type { Staged, StageOptions } from './client/staging.ts';

export interface Started {
  readonly runId: string;
  /** `running`: the same run was already under way; `finished`: it had ended before, and `result` is what it came to. */
  readonly status: 'started' | 'running' | 'finished';
  readonly result: RunResult | null;
}

const DECIDE_DEADLINE_MS = 15_000;
const QUERY_DEADLINE_MS = 10_000;

/** Connects to Temporal and opens the ledger. Throws when Temporal cannot be reached. */
export async function connect(options: ConnectOptions) {
  const env = options.env ?? process.env;
  const config = loadClientConnectConfig({ overrideEnvVars: defined(env) });
  const connection = await Connection.connect(config.connectionOptions);
  const temporal = new Client({ connection, namespace: config.namespace ?? 'default' });
  const ledger = openLedger(options.databaseUrl, 4, options.pepper);
  return {
    ...createClient({ temporal, ledger }),
    /** For reading: counts, records, audit. */
    ledger,
    temporal,
    async close(): Promise<void> {
      await ledger.close();
      await connection.close();
    },
  };
}

export type CxflowClient = Awaited<ReturnType<typeof connect>>;

export function createClient({ temporal, ledger }: { readonly temporal: Client; readonly ledger: Ledger }) {
  const resultInLedger = async (runId: string): Promise<RunResult | null> => {
    const run = await ledger.runs.find(runId);
    return (run?.result ?? null) as RunResult | null;
  };

  /** Its end stands in the ledger for good; Temporal forgets it after its retention. A failed run may start again. */
  const endedBefore = async (runId: string): Promise<Started | null> => {
    const run = await ledger.runs.find(runId);
    if (!run || run.state === 'running' || run.state === 'failed') return null;
    return { runId, status: 'finished', result: run.result as RunResult | null };
  };

  const isRunning = async (runId: string): Promise<boolean> => {
    const { status } = await temporal.workflow.getHandle(runId).describe();
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  };

  const startRun = async (kind: Kind, runId: string, input: AnyInput, summary: string): Promise<Started> => {
    await refuseAnother(ledger, runId, kind, input);
    const ended = await endedBefore(runId);
    if (ended) return ended;
    const { source } = input;
    if (source && 'retryOf' in source) await checkRetry(ledger, runId, source.retryOf);
    try {
      await temporal.workflow.start(kind, {
        taskQueue: TASK_QUEUE,
        workflowId: runId,
        args: [input],
        staticSummary: `${summary}${input.dryRun ? ' (dry run)' : ''}`,
        workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
        // Not USE_EXISTING: it does the same, but would not tell us that the run was there already.
        workflowIdConflictPolicy: 'FAIL',
      });
      return { runId, status: 'started', result: null };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      // A failed run that was started again still has the result of its failure for a moment.
      if (await isRunning(runId)) return { runId, status: 'running', result: null };
      return { runId, status: 'finished', result: await resultInLedger(runId) };
    }
  };

  return {
    ...createSelectionClient({ temporal, ledger, startRun }),
    ...createConsentClient({ temporal, ledger }),

    /**
     * Reads a file to its end (so that one that cannot be read stages nothing), then hands its bytes to the ledger.
     * Throws SourceError for the file, InputError for its columns.
     */
    async stageFile(path: string, options: StageOptions = {}): Promise<Staged> {
      const name = basename(path);
      const format = formatOf(path, options.format);
      const text = () => decodeSource(readFileBytes(path), { name, encoding: options.encoding });
      const first = await text();
      const { rows, sha256 } = await readThrough(first.bytes, name, format, options);
      const second = await text();
      const dataset = await ledger.datasets
        .stage(name, format, unchanged(second.bytes, sha256, name))
        .finally(second.close);
      const source = { dataset: dataset.id, ...(options.map && { map: options.map }) };
      return { ...dataset, rows, encoding: first.encoding, source };
    },

    /** Rows from a service: objects with the columns' names. */
    async stageRows(rows: AsyncIterable<object> | Iterable<object>, name = 'rows'): Promise<Staged> {
      let count = 0;
      const lines = async function* () {
        for await (const row of rows) {
          count += 1;
          yield Buffer.from(`${JSON.stringify(row)}\n`);
        }
      };
      const dataset = await ledger.datasets.stage(name, 'ndjson', lines());
      return { ...dataset, rows: count, encoding: 'utf-8', source: { dataset: dataset.id } };
    },

    /**
     * Starts an import, or finds it: the same content for the same list with the same options is the same run
     * (decisions.md 1). Throws InputError with every problem of the input.
     */
    async startContactImport(input: ContactImportInput, options: { runId?: string } = {}): Promise<Started> {
      const checked = checkContactImport(input);
      if ('problems' in checked) throw new InputError(checked.problems);
      const { listId: target } = input;
      const runId =
        options.runId ??
        (await defaultRunId(ledger, {
          kind: 'contactImport',
          target,
          input,
          options: contactImportOptions(input),
        }));
      return startRun('contactImport', runId, input, `contacts → list ${target}`);
    },

    /**
     * Starts an update of consent preferences, or finds it: the same content is the same run. Throws InputError with
     * every problem of the input.
     */
    async startPreferenceUpdate(
      input: PreferenceUpdateInput,
      options: { runId?: string } = {},
    ): Promise<Started> {
      const checked = checkPreferenceUpdate(input);
      if ('problems' in checked) throw new InputError(checked.problems);
      const more = { target: PREFERENCES_TARGET, options: preferenceUpdateOptions(input) };
      const runId =
        options.runId ?? (await defaultRunId(ledger, { kind: 'preferenceUpdate', input, ...more }));
      return startRun('preferenceUpdate', runId, input, 'consent preferences');
    },

    /** Phase, counts, what the run waits for. Needs a worker; `describe` does not. */
    async progress(runId: string): Promise<Progress> {
      const asked = temporal.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
        temporal.workflow.getHandle(runId).query<Progress>(PROGRESS_QUERY),
      );
      return asked.catch((error: unknown) => Promise.reject(translate(error, runId)));
    },

    /** Approve, reject, cancel, pause, resume, resolve. Throws DecisionRefused where it makes no sense now. */
    async decide(runId: string, decision: Decision): Promise<Progress> {
      const decided = temporal.withDeadline(Date.now() + DECIDE_DEADLINE_MS, () =>
        temporal.workflow
          .getHandle(runId)
          .executeUpdate<Progress, [Decision]>(DECIDE_UPDATE, { args: [decision] }),
      );
      return decided.catch(async (error: unknown) => {
        // Temporal refuses an execution that has ended in the words of one that never was.
        const run = error instanceof WorkflowNotFoundError ? await ledger.runs.find(runId) : undefined;
        if (!run || run.state === 'running') throw translate(error, runId);
        throw new DecisionRefused(
          `${runId} has ended (${run.state}); there is nothing left to ${decision.action}`,
        );
      });
    },

    /** Waits for the end. A run that failed throws its failure (`cause` of Temporal's WorkflowFailedError). */
    async result<R extends RunResult = RunResult>(runId: string): Promise<R> {
      try {
        return (await temporal.workflow.getHandle(runId).result()) as R;
      } catch (error) {
        // A native cancel ends the run as Canceled; the ledger has the same result (decisions.md 11).
        if (error instanceof WorkflowFailedError && error.cause?.name === 'CancelledFailure') {
          const result = await resultInLedger(runId);
          if (result) return result as R;
        }
        throw translate(error, runId);
      }
    },
  };
}

function defined(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** A query that nobody answers fails in the words of its call; why stands in the gRPC error below. */
/** Of google.rpc.Code: our deadline as one of the two ends noticed it, and a run that no worker has taken up yet. */
const UNANSWERED: readonly number[] = [1, 4, 9];

function isUnanswered(error: unknown): boolean {
  return isGrpcServiceError(error) && UNANSWERED.includes(Number(error.code));
}

function translate(error: unknown, runId: string): Error {
  if (error instanceof WorkflowNotFoundError) return new RunNotFound(runId);
  if (error instanceof WorkflowUpdateFailedError)
    return new DecisionRefused(error.cause?.message ?? error.message);
  const late =
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    isUnanswered(error) ||
    (error instanceof Error && isUnanswered(error.cause));
  if (late)
    return new NoWorkerAnswered(`no worker answered for ${runId}; is one running? (\`cxflow worker\`)`);
  return error instanceof Error ? error : new Error(String(error));
}
