/**
 * Closes runs whose execution in Temporal has ended without closing them: somebody terminated it, it timed out, or Temporal
 * ended it because of its size. By then the workflow itself cannot. Every worker looks for them when it starts and every 15 s,
 * one worker at a time; the ledger closes a run once, and never one that has been started again meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { describeEndedOutside, type RunFailureType, rootCause } from '../contract/failures.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ExecutingRun } from '../ledger/runs/runs.ts';
import { describeError, type Logger } from './log.ts';

const INTERVAL_MS = 15_000;
/** Of one pass; the next one continues with the runs after them. */
const MAX_RUNS = 100;
/** A pass begins with no further run after this time. Together they stay below the 10 s for which the lock is held. */
const PASS_MS = 3_000;
const REQUEST_MS = 1_500;
const MAX_WITNESSES = 3;

/** Every other status means that it executes, or that this version does not know what it means. */
const ENDED: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT']);

export interface EndedRunsDeps {
  readonly ledger: Pick<Ledger, 'runs'>;
  readonly temporal: Pick<Client, 'workflow' | 'withDeadline'>;
  readonly namespace: string;
  readonly log: Pick<Logger, 'warn'>;
}

export interface EndedRuns {
  stop(): Promise<void>;
}

export function watchEndedRuns(deps: EndedRunsDeps): EndedRuns {
  const stopped = new AbortController();
  const watcher = new EndedRunsWatcher(deps, stopped.signal);
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      await watcher.pass().catch((error: unknown) => {
        deps.log.warn({ error: describeError(error) }, 'could not look for runs whose execution has ended');
      });
      await delay(INTERVAL_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await watching;
    },
  };
}

interface Failure {
  readonly type: RunFailureType;
  readonly message: string;
}

/** A run is closed in the ledger before its execution completes (docs/adr/0028-restored-ledgers.md). */
const RESTORED: Failure = {
  type: 'LedgerRestored',
  message:
    'the workflow has completed, but the ledger still shows the run as running, so the ledger was restored from a backup. Writes that ' +
    'were open in the backup may have been sent and are in doubt; start the same run again to decide about them (docs/deployment.md)',
};

const describeEnd = ({ why }: End): Failure => ({
  type: 'ExecutionEnded',
  message: describeEndedOutside(why),
});

interface End {
  readonly why: string;
  readonly hasCompleted: boolean;
  /** In milliseconds; null if Temporal does not know. */
  readonly closedAt: number | null;
}

export class EndedRunsWatcher {
  readonly #deps: EndedRunsDeps;
  readonly #stopped: AbortSignal;
  readonly #leftAlone = new Set<string>();
  /** The number of the last run that was looked at. */
  #after = 0;

  constructor(deps: EndedRunsDeps, stopped: AbortSignal = new AbortController().signal) {
    this.#deps = deps;
    this.#stopped = stopped;
  }

  /** Looks at the next runs, unless another process is at it. Errors: the ledger does not answer. */
  async pass(maxRuns = MAX_RUNS): Promise<void> {
    await this.#deps.ledger.runs.watchAlone(() => this.#lookAtNext(maxRuns));
  }

  async #lookAtNext(maxRuns: number): Promise<void> {
    const { ledger, namespace, log } = this.#deps;
    const deadline = performance.now() + PASS_MS;
    // The ledger is read before Temporal; closing a run checks that the run still belongs to the execution read here.
    const runs = await ledger.runs.listExecuting(namespace, this.#after, maxRuns);
    const errors: unknown[] = [];
    for (const run of runs) {
      if (this.#stopped.aborted || performance.now() > deadline) break;
      this.#after = run.runNo;
      await this.#lookAt(run).catch((error: unknown) => errors.push(error));
    }
    const isLast = runs.length < maxRuns && (runs.at(-1)?.runNo ?? this.#after) === this.#after;
    if (isLast) this.#after = 0;
    if (errors.length > 0)
      log.warn(
        { runs: errors.length, error: describeError(errors[0]) },
        'Temporal did not say whether the executions of some runs have ended. They are asked for again',
      );
  }

  async #lookAt(run: ExecutingRun): Promise<void> {
    const { ledger, log } = this.#deps;
    const end = await this.#findEnd(run);
    if (end === null) return;
    const { closedAt, hasCompleted } = end;
    const failure = hasCompleted ? RESTORED : describeEnd(end);
    if (await ledger.runs.closeEnded({ ...run, closedAt, failure, hasCompleted }))
      log.warn({ run: run.runId }, failure.message);
  }

  /** How the execution ended; null while it is open, or if that is not certain. */
  async #findEnd(run: ExecutingRun): Promise<End | null> {
    const found = await this.#describe(run.runId);
    if (found) {
      const { name } = found.status;
      if (!ENDED.has(name)) return null;
      const why = (await this.#findReason(run.runId, found.runId)) ?? name.toLowerCase();
      return { why, hasCompleted: name === 'COMPLETED', closedAt: found.closeTime?.getTime() ?? null };
    }
    if (await this.#isOwnTemporal(run)) return { why: 'deleted', hasCompleted: false, closedAt: null };
    if (!this.#leftAlone.has(run.runId)) {
      this.#leftAlone.add(run.runId);
      const message =
        'its execution is not in Temporal, nor is that of any run shortly before it: check TEMPORAL_ADDRESS. The run is left as it is';
      this.#deps.log.warn({ run: run.runId }, message);
    }
    return null;
  }

  /**
   * A worker with the address of another Temporal finds no execution there, and those who start runs with the same wrong
   * address only later ones. So the Temporal counts as the run's own if it has the execution of a run that is older.
   */
  async #isOwnTemporal({ runNo }: ExecutingRun): Promise<boolean> {
    const { ledger, namespace } = this.#deps;
    for (const earlier of await ledger.runs.listEarlierExecutions(namespace, runNo, MAX_WITNESSES))
      if (await this.#describe(earlier.runId, earlier.executionId)) return true;
    return false;
  }

  /** What somebody has given as the reason, or Temporal. Null: nothing is known. */
  async #findReason(runId: string, executionId: string): Promise<string | null> {
    const { temporal } = this.#deps;
    const execution = temporal.workflow.getHandle(runId, executionId, { followRuns: false });
    return temporal
      .withDeadline(Date.now() + REQUEST_MS, () => execution.result())
      .then(
        () => null,
        (error: unknown) => (error instanceof WorkflowFailedError ? rootCause(error).message : null),
      );
  }

  /** Undefined: it is not found there. */
  async #describe(runId: string, executionId?: string) {
    const { temporal } = this.#deps;
    try {
      return await temporal.withDeadline(Date.now() + REQUEST_MS, () =>
        temporal.workflow.getHandle(runId, executionId).describe(),
      );
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }
}
