/**
 * Waits for the plan of a run. It reads the ledger, and so survives restarts of workers, PostgreSQL and Temporal. Once the run
 * seems to have a plan it is asked itself, because the ledger may still show an earlier execution of it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from '../contract/steering.ts';
import type { Counts, Phase, RunState } from '../domain/run.ts';
import { isTransient } from '../ledger/errors.ts';
import type { Run } from '../ledger/runs/runs.ts';
import type { ClientDeps } from './deps.ts';
import { NotPlannedInTime, RunNotFound } from './errors.ts';
import { createExecutions, type ExecutionFailure, type Executions } from './executions.ts';
import { requireRunId } from './requests.ts';

export interface PlanWaitOptions {
  /** Throw NotPlannedInTime after this time. Default: wait for as long as it takes. */
  readonly timeoutMs?: number;
  /** Ends the wait, which then rejects with the reason of the signal. The run goes on. */
  readonly signal?: AbortSignal;
}

/** `counts`: as of the plan or later; what is pending is going to be written. */
export type Planned =
  /** It waits for `decide` with `approve` or `reject`. */
  | { readonly status: 'awaiting_approval'; readonly planHash: string; readonly counts: Counts }
  /** It goes on by itself: it needs no approval, or has been approved. */
  | { readonly status: 'approved'; readonly planHash: string | null; readonly counts: Counts }
  /** A dry run has a plan by now. A run that was cancelled or has failed may have none; `failure` says why it failed. */
  | {
      readonly status: 'ended';
      readonly state: RunState;
      readonly planHash: string | null;
      readonly failure: ExecutionFailure | null;
    };

const POLL_MS = 250;
/** Only Temporal knows that a workflow was terminated, or failed before a worker had opened its run. */
const ASK_TEMPORAL_EVERY_MS = 2_000;
const BEFORE_THE_PLAN: readonly Phase[] = ['staging', 'planning'];

interface WaitDeps extends Pick<ClientDeps, 'temporal' | 'ledger'> {
  progress(runId: string): Promise<Progress>;
  result(runId: string): Promise<unknown>;
}

export interface PlanWait {
  /**
   * Waits until a run has its plan, or has ended. A worker has to be running. Throws RunNotFound, NotPlannedInTime, the reason
   * of the signal, and errors of the database that do not pass; outages of Temporal and of the database are waited out.
   */
  waitForPlan(runId: string, options?: PlanWaitOptions): Promise<Planned>;
}

/** @internal */
export function createPlanWait(deps: WaitDeps): PlanWait {
  return {
    async waitForPlan(runId, { timeoutMs, signal } = {}) {
      const poller = new Poller(deps, requireRunId(runId));
      const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
      const stop = AbortSignal.any([signal, timeout].filter((each) => each !== undefined));
      try {
        return await poller.untilPlanned(stop);
      } catch (error) {
        signal?.throwIfAborted();
        if (timeout?.aborted) throw new NotPlannedInTime(runId, poller.phase);
        throw error;
      }
    },
  };
}

class Poller {
  /** As of the last poll; null: no worker has opened the run yet. */
  phase: Phase | null = null;
  readonly #deps: WaitDeps;
  readonly #runId: string;
  readonly #executions: Executions;
  #askedMs = performance.now();
  #timesUnknown = 0;

  constructor(deps: WaitDeps, runId: string) {
    this.#deps = deps;
    this.#runId = runId;
    this.#executions = createExecutions(() => Promise.resolve(deps));
  }

  async untilPlanned(stop: AbortSignal): Promise<Planned> {
    for (;;) {
      stop.throwIfAborted();
      const planned = await unlessAborted(this.#poll(), stop);
      if (planned) return planned;
      await delay(POLL_MS, undefined, { signal: stop });
    }
  }

  async #poll(): Promise<Planned | null> {
    try {
      const run = await this.#deps.ledger.runs.find(this.#runId);
      this.phase = run?.phase ?? null;
      if (run?.state === 'running' && !BEFORE_THE_PLAN.includes(run.phase)) return await this.#askRun();
      // A failed run that was started again stays `failed` until a worker opens it.
      if (run && run.state !== 'running' && run.state !== 'failed') return ended(run);
      return await this.#askTemporal(run?.state === 'failed');
    } catch (error) {
      if (!isTransient(error)) throw error;
      return null;
    }
  }

  /** Also finds out whether Temporal and a worker answer, which a decision needs. */
  async #askRun(): Promise<Planned | null> {
    const now = await this.#deps.progress(this.#runId).catch(() => null);
    if (now === null) return this.#askTemporal(false);
    const { phase, planHash, counts } = now;
    if (phase === 'done' || BEFORE_THE_PLAN.includes(phase)) return null;
    if (phase !== 'awaiting_approval') return { status: 'approved', planHash, counts };
    return planHash === null ? null : { status: phase, planHash, counts };
  }

  async #askTemporal(isUrgent: boolean): Promise<Planned | null> {
    if (!isUrgent && performance.now() - this.#askedMs < ASK_TEMPORAL_EVERY_MS) return null;
    this.#askedMs = performance.now();
    const status = await this.#executions.status(this.#runId);
    if (status !== 'unknown') this.#timesUnknown = 0;
    if (status === 'running' || status === 'unreachable') return null;
    // A worker closes a run in the ledger before its workflow ends, so the ledger may have the end by now.
    const run = await this.#deps.ledger.runs.find(this.#runId);
    if (run && run.state !== 'running') return ended(run);
    if (status === 'unknown') return this.#doubt(run);
    const failure = await this.#executions.failure(this.#runId);
    return { status: 'ended', state: 'failed', planHash: run?.plan_hash ?? null, failure };
  }

  /** A server that has just started may not know its namespace yet, and so none of its workflows. */
  #doubt(run: Run | undefined): null {
    this.#timesUnknown += 1;
    if (run === undefined && this.#timesUnknown > 1) throw new RunNotFound(this.#runId);
    return null;
  }
}

function ended({ state, plan_hash: planHash, failure }: Run): Planned {
  // Only a worker writes it, as the contract defines it.
  return { status: 'ended', state: state as RunState, planHash, failure: failure as ExecutionFailure | null };
}

/** A server that does not answer must not delay the end of the wait. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const over = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: over.signal });
  });
  return Promise.race([work, aborted]).finally(() => over.abort());
}
