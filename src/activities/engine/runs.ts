/** A run in the ledger: opened, planned, steered, resolved, closed. The same for every operation. */
import { Context } from '@temporalio/activity';
import { fatalFailure } from '../../contract/failures.ts';
import type { BulkResult, CommonInput } from '../../contract/run.ts';
import { type Decision, MAX_LISTED_IN_DOUBT, type Refusal } from '../../contract/steering.ts';
import { figuresOf, type Measures } from '../../domain/metrics.ts';
import {
  type Counts,
  type Phase,
  type RunState,
  type Steering,
  successRatePercent,
} from '../../domain/run.ts';
import { canonicalize } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { retriedRunId } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { WriteInDoubt } from '../../ledger/writes/writes.ts';
import { retryableFailure } from '../failures.ts';
import { countPlan, type Plan } from './plan.ts';
import type { Registry } from './registry.ts';
import { activityKey, attemptTime, takeOver } from './step.ts';

export interface OpenRunInput {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly input: CommonInput;
}

export interface OpenedRun {
  /** Are the search attributes registered, so that the workflow may set them? */
  readonly searchAttributes: boolean;
  /** Does anybody receive the events of this run? */
  readonly hasSubscriber: boolean;
}

/** A write that a person or the policy has to decide about. */
export type InDoubt = Omit<WriteInDoubt, 'sentAt'> & { readonly sentAt: string | null };

export interface ResolveInDoubt {
  readonly runId: string;
  readonly decision: Decision;
  /** Only writes that nobody has decided to resend yet. */
  readonly firstTimeOnly?: boolean;
}

export interface RecordRefusal {
  readonly runId: string;
  readonly refusal: Refusal;
  readonly more?: readonly Refusal[];
}

export interface SteerRun {
  readonly runId: string;
  readonly steering: Steering;
  readonly decision: Decision | null;
}

export interface CloseRun {
  readonly runId: string;
  readonly state: RunState;
  readonly failure: {
    readonly type: string;
    readonly breaksRules?: true;
    readonly message: string;
  } | null;
}

export interface ApprovedPlan {
  readonly runId: string;
  /** As the workflow knows it: the ledger may have another one by now. */
  readonly planHash: string;
}

export interface RunsDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly ratePerMinute: number;
  readonly searchAttributes: () => boolean;
}

export function createRunActivities(deps: RunsDeps) {
  const { ledger } = deps;
  return {
    /** Creates the run, or returns to one that did not end. Repeatable. */
    openRun: (input: OpenRunInput): Promise<OpenedRun> => openRun(deps, input),

    /** Stores where the run is, for readers of the ledger. Repeatable. */
    async setPhase({ runId, phase, waitingFor }: { runId: string; phase: Phase; waitingFor: string | null }) {
      const run = await ledger.runs.get(runId);
      await ledger.runs.setPhase(run.run_no, phase, waitingFor, attemptTime());
    },

    /** Cuts what is pending into batches and counts it. Repeatable: existing batches stay as they are. */
    planWrites: (runId: string): Promise<Plan> => planWrites(deps, runId),

    /**
     * Plans an approved run again if its plan is outdated; null: it is not, or something was sent already. Repeatable: if an
     * earlier attempt has taken the plan apart, it is made anew, and if one has made another, that is returned.
     */
    replanWrites: (approved: ApprovedPlan): Promise<Plan | null> => replanWrites(deps, approved),

    /** Once this has returned, no write is claimed against the new steering. Repeatable. */
    async steerRun({ runId, steering, decision }: SteerRun): Promise<void> {
      const run = await ledger.runs.get(runId);
      await ledger.runs.steer(run.run_no, steering, attemptTime());
      if (decision) await ledger.audit.add(runId, decision.action, { ...decision, steering }, activityKey());
    },

    async recordDecision({ runId, decision }: { runId: string; decision: Decision }): Promise<void> {
      await ledger.audit.add(runId, decision.action, { ...decision }, activityKey());
    },

    /** `more`: of a flood. Repeatable. */
    async recordRefusal({ runId, refusal, more = [] }: RecordRefusal): Promise<void> {
      for (const [i, each] of [refusal, ...more].entries())
        await ledger.audit.add(runId, 'steering_refused', { ...each }, activityKey(i === 0 ? '' : String(i)));
    },

    /**
     * The first MAX_LISTED_IN_DOUBT of them, because the result becomes part of the history. First those that nobody has
     * decided to resend yet. `id`: only this one, if it is in doubt.
     */
    async listInDoubt(runId: string, id?: string): Promise<InDoubt[]> {
      const run = await ledger.runs.get(runId);
      const query = { limit: MAX_LISTED_IN_DOUBT, ...(id !== undefined && { id }) };
      const writes = await ledger.writes.listInDoubt(run.run_no, query);
      return writes.map(({ sentAt, ...rest }) => ({ ...rest, sentAt: sentAt?.toISOString() ?? null }));
    },

    /** Opens writes in doubt again, or leaves their records in doubt for good. Repeatable. */
    resolveInDoubt: (input: ResolveInDoubt): Promise<number> => resolveInDoubt(deps, input),

    /**
     * Ends a run early: what may have been applied is in doubt, the rest was not written. Repeatable; waits for leases that
     * are still live.
     */
    async endPending({ runId, state }: { runId: string; state: 'cancelled' | 'rejected' }): Promise<void> {
      const run = await takeOver(ledger, runId);
      await ledger.runs.steer(run.run_no, 'stopped', attemptTime());
      await endPending(deps, run, state);
    },

    /**
     * Checks that every record has its outcome and that they add up, then stores the result. Repeatable; waits for leases
     * that are still live.
     */
    closeRun: (end: CloseRun): Promise<BulkResult> => closeRun(deps, end),
  };
}

async function openRun(deps: RunsDeps, { runId, kind, target, input }: OpenRunInput): Promise<OpenedRun> {
  const { ledger, registry } = deps;
  const { again = false, dryRun = false, requestedBy = null } = input;
  const asked = {
    runId,
    kind,
    target,
    again,
    dryRun,
    requestedBy,
    input,
    execution: thisExecution(),
    attempt: attemptTime(),
    openedAt: Context.current().info.scheduledTimestampMs,
    auditKey: activityKey(),
  };
  const opened = await ledger.runs.open(asked);
  if (opened.kind === 'ended') throw alreadyEnded(opened.run);
  if (opened.kind === 'reopened') await reopen(deps, asked, opened.run);
  return {
    searchAttributes: deps.searchAttributes(),
    hasSubscriber: registry.hasSubscriber(kind),
  };
}

function thisExecution() {
  const { workflowNamespace: namespace = '', workflowExecution } = Context.current().info;
  return { namespace, id: workflowExecution?.runId ?? '' };
}

type AskedRun = Parameters<Ledger['runs']['open']>[0];

/**
 * A failed run may be restarted with a corrected input of the same operation; once it has staged rows, only with an input that
 * reads and writes the same rows in the same way.
 */
async function reopen({ ledger, registry }: RunsDeps, asked: AskedRun, known: Run): Promise<void> {
  const meaning = ({ target, again, dryRun, input }: Omit<AskedRun, 'kind'>) =>
    canonicalize({
      target,
      again,
      dryRun,
      source: (input as { source?: unknown }).source ?? null,
      options: registry.get(known.kind).spec.fingerprint(input as CommonInput),
    });
  const before = { ...known, runId: known.run_id, dryRun: known.dry_run, requestedBy: known.requested_by };
  if (known.kind !== asked.kind) {
    const message = `run ${asked.runId} is known as a ${known.kind}, so it cannot be a ${asked.kind}. Choose another run id`;
    throw fatalFailure('InvalidInput', message);
  }
  if (known.source !== null && meaning(before) !== meaning(asked)) {
    const message = `run ${asked.runId} began with another input. Start it as it was, or choose another run id`;
    throw fatalFailure('InvalidInput', message);
  }
  // It may have been purged since it was found.
  if (!(await ledger.runs.reopen(asked))) throw alreadyEnded(await ledger.runs.get(asked.runId));
}

async function planWrites(deps: RunsDeps, runId: string): Promise<Plan> {
  const run = await takeOver(deps.ledger, runId);
  const plan = await makePlan(deps, run);
  // Another attempt may find other figures, and what is approved is the plan of the last one.
  await deps.ledger.audit.add(runId, 'planned', { ...plan, reasons: undefined }, activityKey(plan.hash));
  return plan;
}

async function replanWrites(
  deps: RunsDeps,
  { runId, planHash: approved }: ApprovedPlan,
): Promise<Plan | null> {
  const { ledger } = deps;
  const run = await takeOver(ledger, runId);
  const isReplaced = run.plan_hash !== null && run.plan_hash !== approved;
  // An attempt that died when it had stored another plan has left that, which nobody has approved.
  const plan = isReplaced ? (run.plan as Plan) : await planAgain(deps, run, approved);
  if (plan) {
    const data = { approved, ...plan, reasons: undefined };
    await ledger.audit.add(runId, 'approval_void', data, `approval_void ${plan.hash}`);
  }
  return plan;
}

async function planAgain(deps: RunsDeps, run: Run, approved: string): Promise<Plan | null> {
  const { ledger, registry } = deps;
  const check = await registry.bulk(run.kind).recheck?.(run);
  // Once a plan is taken apart its approval is void, whatever has become of the reason: some records may be settled by now.
  if (run.plan_hash !== null) {
    if (!check?.isOutdated) return null;
    // If something was sent before, the run was started again, and the gate decides about the rest.
    if (!(await ledger.writes.unplan(run))) return null;
  }
  await check?.screen();
  return makePlan(deps, run, async (figures) => {
    const { suppressed = 0 } = await ledger.runs.exactCounts(run.run_no);
    const n = suppressed - ((run.plan as Plan).suppressed ?? 0);
    const why = [`${n} of its records must not be sent by now`, ...(check?.describeChange(figures) ?? [])];
    return [`the approval of plan ${approved} is void: ${why.join('. ')}`];
  });
}

/** `describeChange`: notes beside those of the operation. */
async function makePlan(
  { ledger, registry, ratePerMinute }: RunsDeps,
  run: Run,
  describeChange?: (figures: object | undefined) => Promise<readonly string[]>,
): Promise<Plan> {
  const definition = registry.bulk(run.kind);
  const { order, recordsPerBatch } = definition;
  const addition = await definition.prepare?.(run);
  const notes = (await describeChange?.(addition?.figures)) ?? [];
  const kind = definition.firstWrite(run);
  const batches = await ledger.writes.plan(run, kind, recordsPerBatch, order && { order });
  const plan = await countPlan({ ledger, ratePerMinute }, run, definition, { batches, addition, notes });
  await ledger.runs.setPlan(run, plan, plan.hash);
  return plan;
}

async function resolveInDoubt(
  { ledger, registry }: RunsDeps,
  { runId, decision, firstTimeOnly = false }: ResolveInDoubt,
): Promise<number> {
  const run = await takeOver(ledger, runId);
  return ledger.writes.resolve({
    runNo: run.run_no,
    fence: run.fence,
    verdict: decision.verdict ?? 'leave',
    id: decision.writeId ?? null,
    firstTimeOnly,
    event: registry.eventWithoutAnswer(run.kind),
    audit: { runId, data: { ...decision }, key: activityKey() },
  });
}

async function closeRun(deps: RunsDeps, { runId, state, failure }: CloseRun): Promise<BulkResult> {
  const { ledger, registry } = deps;
  const run = await takeOver(ledger, runId);
  const definition = registry.get(run.kind);
  // A page that outlived its run must not write what is counted here as not written.
  await ledger.runs.steer(run.run_no, 'stopped', attemptTime());
  if (state === 'cancelled' || state === 'rejected') await endPending(deps, run, state);
  // It may never be started again.
  else if (state === 'failed') await definition.onEndedEarly?.(run);
  const counts = await ledger.runs.exactCounts(run.run_no);
  if (state === 'completed' && !run.dry_run && counts.pending !== 0)
    throw new Error(`run ${runId} would complete with ${counts.pending} records pending`);
  const measures = await ledger.metrics.ofRun(run.run_no);
  const more = (await definition.result?.(run, state, measures)) ?? {};
  const computed = { ...(await commonResult(ledger, run, state, { counts, measures })), ...more };
  // An earlier attempt has closed it, and what the result was computed from may be deleted since.
  const result = run.state === state && run.result !== null ? (run.result as BulkResult) : computed;
  await ledger.runs.close(run, state, result, failure);
  const { averageLatencyMs } = result;
  const own = Object.entries(result).filter(([name]) => name in more);
  const closed = { state, counts, failure, averageLatencyMs, ...Object.fromEntries(own) };
  await ledger.audit.add(runId, 'run_closed', closed, activityKey());
  const entry = definition.auditEntry?.(run, state, result) ?? null;
  if (entry) await ledger.audit.add(runId, entry.action, entry.data, activityKey(entry.action));
  return result;
}

async function endPending(
  { ledger, registry }: RunsDeps,
  run: Run,
  state: 'cancelled' | 'rejected',
): Promise<void> {
  const liveMs = await ledger.writes.remainingLeaseMs(run.run_no);
  if (liveMs > 0) {
    const why = 'requests are still in flight; they are settled first';
    throw retryableFailure('WritesInFlight', why, liveMs + 100);
  }
  await ledger.writes.markInDoubt(run, {
    code: 'answer_lost',
    message: 'cancelled before it was reconciled',
  });
  // Nobody will decide about them any more.
  const event = registry.eventWithoutAnswer(run.kind);
  const { run_no: runNo, fence } = run;
  await ledger.writes.resolve({ runNo, fence, verdict: 'leave', id: null, event });
  await ledger.records.cancelPending(run, {
    code: state === 'rejected' ? 'plan_rejected' : 'run_cancelled',
  });
  await registry.get(run.kind).onEndedEarly?.(run);
}

function alreadyEnded(run: Run) {
  const message =
    `run ${run.run_id} ended before (${run.state}${run.purged_at === null ? '' : ', and its rows were purged'}). Nothing was written. ` +
    'Choose another run id to start it again (cxflow: --id, or --again for an id of its own)';
  return fatalFailure('AlreadyRun', message);
}

async function commonResult(
  ledger: Ledger,
  run: Run,
  state: RunState,
  { counts, measures }: { readonly counts: Counts; readonly measures: Measures },
): Promise<BulkResult> {
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
    averageLatencyMs: figuresOf(measures).averageLatencyMs ?? 0,
    requests: measures.requests,
    events: await ledger.outbox.countDeliveries(run.run_no),
  };
}
