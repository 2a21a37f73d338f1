/** A run in the ledger: opened, planned, steered, resolved, closed. The same for every kind. */
import type { BulkResult, CommonInput } from '../../contract/run.ts';
import type { Decision, Refusal } from '../../contract/steering.ts';
import type { OperationKind } from '../../contract/operations.ts';
import type { Counts, Phase, RunState, Steering } from '../../domain/run.ts';
import { successRatePercent } from '../../domain/run.ts';
import { canonicalize } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { retriedRunId } from '../../ledger/runs/retries.ts';
import type { WriteInDoubt } from '../../ledger/writes/writes.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { BulkKind, BulkKindName, Kinds } from './definition.ts';
import { fatalFailure, retryableFailure } from '../failures.ts';
import { countPlan, type Plan } from './plan.ts';

export interface OpenRunInput {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly input: CommonInput;
}

export interface OpenedRun {
  readonly startedAt: string;
  /** Are the search attributes registered, so that the workflow may set them? */
  readonly searchAttributes: boolean;
  /** Is there a CRM to tell? */
  readonly hasSubscriber: boolean;
}

/** An write that a person, or the policy, has to decide about. */
export type InDoubt = Omit<WriteInDoubt, 'sentAt'> & { readonly sentAt: string | null };

export interface ResolveInDoubt {
  readonly runId: string;
  readonly decision: Decision;
  readonly firstTimeOnly?: boolean;
}

export interface RunsDeps {
  readonly ledger: Ledger;
  readonly kinds: Kinds;
  /** What the result of a kind has besides what all have. */
  readonly extras?: Readonly<Partial<Record<OperationKind, (run: Run) => Promise<object>>>>;
  readonly ratePerMinute: number;
  readonly searchAttributes: () => boolean;
  readonly hasSubscriber: (kind: string) => boolean;
}

export function createRunActivities(deps: RunsDeps) {
  const { ledger } = deps;
  return {
    /** First word of a run, or the return to one that did not end. Repeatable. */
    async openRun({ runId, kind, target, input }: OpenRunInput): Promise<OpenedRun> {
      const { again = false, dryRun = false, requestedBy = null } = input;
      const opened = await ledger.runs.open({ runId, kind, target, again, dryRun, requestedBy, input });
      if (opened.kind === 'ended') throw alreadyEnded(opened.run);
      if (opened.kind === 'reopened') {
        await goOnWith({ runId, kind, target, again, dryRun, requestedBy, input }, opened.run);
        // What was decided about the execution before this one is over with it.
        await ledger.runs.steer(opened.run.run_no, 'go');
        await ledger.audit.add(runId, 'run_reopened', { kind, target, requestedBy, again, dryRun });
      }
      return {
        startedAt: opened.run.started_at.toISOString(),
        searchAttributes: deps.searchAttributes(),
        hasSubscriber: deps.hasSubscriber(kind),
      };
    },

    /** Where the run is, for those who read the ledger. Repeatable. */
    async setPhase({ runId, phase, waitingFor }: { runId: string; phase: Phase; waitingFor: string | null }) {
      const run = await ledger.runs.get(runId);
      await ledger.runs.setPhase(run.run_no, phase, waitingFor);
    },

    /** Cuts what is pending into batches and counts. Repeatable: batches that are there stay as they are. */
    planWrites: (runId: string): Promise<Plan> => withHeartbeat(() => planWrites(runId)),

    /** Once this has returned, no write is claimed against the word given. Repeatable. */
    async steerRun({
      runId,
      steering,
      decision,
    }: {
      runId: string;
      steering: Steering;
      decision: Decision | null;
    }) {
      const run = await ledger.runs.get(runId);
      await ledger.runs.steer(run.run_no, steering);
      if (decision) await ledger.audit.add(runId, decision.action, { ...decision, steering });
    },

    async recordDecision({ runId, decision }: { runId: string; decision: Decision }): Promise<void> {
      await ledger.audit.add(runId, decision.action, { ...decision });
    },

    async recordRefusal({ runId, refusal }: { runId: string; refusal: Refusal }): Promise<void> {
      await ledger.audit.add(runId, 'steering_refused', { ...refusal });
    },

    /** The writes that a person has to decide about. */
    async listInDoubt(runId: string): Promise<InDoubt[]> {
      const run = await ledger.runs.get(runId);
      const writes = await ledger.writes.listInDoubt(run.run_no);
      return writes.map(({ sentAt, ...rest }) => ({ ...rest, sentAt: sentAt?.toISOString() ?? null }));
    },

    /** Opens writes in doubt again, or leaves their records in doubt for good. Repeatable. */
    async resolveInDoubt({ runId, decision, firstTimeOnly }: ResolveInDoubt): Promise<number> {
      const run = await ledger.runs.get(runId);
      const resolved = await ledger.writes.resolve({
        runNo: run.run_no,
        verdict: decision.verdict ?? 'leave',
        id: decision.writeId ?? null,
        firstTimeOnly: firstTimeOnly ?? false,
        event: eventOf(run),
      });
      await ledger.audit.add(runId, 'resolve', { ...decision, writes: resolved });
      return resolved;
    },

    /**
     * A run that ends before its end: what may have been applied is in doubt, the rest was not written. Repeatable;
     * waits for leases that are still live.
     */
    endPending: ({ runId, state }: Pick<CloseRun, 'runId'> & { state: 'cancelled' | 'rejected' }) =>
      withHeartbeat(async () => {
        const run = await ledger.runs.get(runId);
        await ledger.runs.steer(run.run_no, 'stopped');
        await endPending(run, state);
      }),

    /**
     * The last word: nothing stays pending (exceptions: decisions.md 8), the parts add up, the result is kept.
     * Repeatable; waits for leases that are still live.
     */
    closeRun: (end: CloseRun): Promise<BulkResult> => withHeartbeat(() => closeRun(end)),
  };

  async function closeRun({ runId, state, failure }: CloseRun): Promise<BulkResult> {
    const run = await ledger.runs.get(runId);
    // A page that outlived its run must not write what is counted here as not written.
    await ledger.runs.steer(run.run_no, 'stopped');
    if (state === 'cancelled' || state === 'rejected') await endPending(run, state);
    // It may never be started again.
    else if (state === 'failed') await kindOf(run)?.ended?.(run);
    const counts = await ledger.runs.exactCounts(run.run_no);
    if (state === 'completed' && !run.dry_run && counts.pending !== 0) {
      throw new Error(`run ${runId} would complete with ${counts.pending} records pending`);
    }
    const extra =
      (await deps.extras?.[run.kind as OperationKind]?.(run)) ?? (await kindOf(run)?.result?.(run, counts));
    const result = { ...(await resultOf(ledger, run, state, counts)), ...extra };
    await ledger.runs.close(run.run_no, state, result, failure);
    await ledger.audit.add(runId, 'run_closed', {
      state,
      counts,
      failure,
      averageLatencyMs: result.averageLatencyMs,
      ...extra,
    });
    return result;
  }

  async function endPending(run: Run, state: 'cancelled' | 'rejected'): Promise<void> {
    const liveMs = await ledger.writes.remainingLeaseMs(run.run_no);
    if (liveMs > 0)
      throw retryableFailure(
        'WritesInFlight',
        'requests are still in flight; they are settled first',
        liveMs + 100,
      );
    await ledger.writes.markInDoubt(run.run_no, {
      code: 'answer_lost',
      message: 'cancelled before it was reconciled',
    });
    // Nobody will decide any more.
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null, event: eventOf(run) });
    await ledger.records.cancelPending(run.run_no, {
      code: state === 'rejected' ? 'plan_rejected' : 'run_cancelled',
    });
    await kindOf(run)?.ended?.(run);
  }

  /** Undefined: a kind with an engine of its own. */
  function kindOf({ kind }: Run): BulkKind | undefined {
    const kinds: Readonly<Partial<Record<string, BulkKind>>> = deps.kinds;
    return kinds[kind];
  }

  /** What the CRM is told of a batch; null: nothing. */
  function eventOf(run: Run): string | null {
    const kind = kindOf(run);
    // One that lists what stands in CXone has nothing to say of a doubt.
    return deps.hasSubscriber(run.kind) && !kind?.render ? (kind?.event ?? null) : null;
  }

  async function planWrites(runId: string): Promise<Plan> {
    const run = await ledger.runs.get(runId);
    const kind = deps.kinds[run.kind as BulkKindName];
    const batches = await ledger.writes.plan(run.run_no, kind.firstWrite(run), kind.recordsPerBatch);
    const plan = await countPlan(ledger, run, kind, batches, deps.ratePerMinute);
    await ledger.runs.setPlan(run.run_no, plan, plan.hash);
    await ledger.audit.add(runId, 'planned', { ...plan, reasons: undefined });
    return plan;
  }

  /**
   * A run that failed may be started again with a corrected input; once rows are staged by the old one, only with an
   * input that means the same rows, read and written alike.
   */
  async function goOnWith(asked: OpenRunOf, known: Run): Promise<void> {
    const meaning = ({ target, again, dryRun, input }: Omit<OpenRunOf, 'kind'>) =>
      canonicalize({
        target,
        again,
        dryRun,
        source: (input as { source?: unknown }).source ?? null,
        options: deps.kinds[known.kind as BulkKindName].options(input),
      });
    const before = { ...known, runId: known.run_id, dryRun: known.dry_run, requestedBy: known.requested_by };
    if (known.source !== null && (known.kind !== asked.kind || meaning(before) !== meaning(asked))) {
      const message = `run ${asked.runId} began with another input. Start it as it was, or choose another run id`;
      throw fatalFailure('InvalidInput', message);
    }
    await ledger.runs.renewInput(asked);
  }
}

type OpenRunOf = Parameters<Ledger['runs']['open']>[0];

export interface CloseRun {
  readonly runId: string;
  readonly state: RunState;
  readonly failure: { readonly type: string; readonly message: string } | null;
}

function alreadyEnded(run: Run) {
  const message =
    `run ${run.run_id} ended before (${run.state}). Nothing was written. ` +
    'Choose another run id to start it again (cxflow: --id, or --again for an id of its own)';
  return fatalFailure('AlreadyRun', message);
}

async function resultOf(ledger: Ledger, run: Run, state: RunState, counts: Counts): Promise<BulkResult> {
  const { requests, averageMs } = await ledger.writes.latencies(run.run_no);
  const retryOf = retriedRunId(run);
  return {
    runId: run.run_id,
    kind: run.kind,
    state,
    dryRun: run.dry_run,
    counts,
    planHash: run.plan_hash,
    ...(retryOf !== null && { retryOf }),
    startedAt: run.started_at.toISOString(),
    finishedAt: (run.finished_at ?? new Date()).toISOString(),
    successRatePercent: successRatePercent(counts),
    averageLatencyMs: Math.round(averageMs * 100) / 100,
    requests,
    events: await ledger.outbox.countDeliveries(run.run_no),
  };
}
