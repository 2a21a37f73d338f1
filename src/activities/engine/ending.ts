/** A run in the ledger is ended early, or closed with its result. The same for every operation. */
import type { BulkResult } from '../../contract/run.ts';
import { figuresOf } from '../../domain/metrics.ts';
import { plural } from '../../domain/numbers.ts';
import { type RunState, successRatePercent } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { retriedRunId } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { retryableFailure } from '../failures.ts';
import type { Counted } from './definition.ts';
import type { Registry } from './registry.ts';
import { markIfRestored, type SeenLedger } from './restored.ts';
import { activityKey, attemptTime, takeOver } from './step.ts';

export interface CloseRun {
  readonly runId: string;
  readonly state: RunState;
  readonly failure: {
    readonly type: string;
    readonly breaksRules?: true;
    readonly message: string;
  } | null;
  /** Absent in histories of earlier versions. */
  readonly seen?: SeenLedger;
}

export interface EndPending {
  readonly runId: string;
  readonly state: 'cancelled' | 'rejected';
  /** Absent in histories of earlier versions. */
  readonly seen?: SeenLedger;
}

export interface EndingDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
}

export function createEnding(deps: EndingDeps) {
  const { ledger } = deps;
  return {
    /**
     * Ends a run early: what may have been applied is in doubt, the rest was not written. Repeatable; waits for leases that
     * are still live.
     */
    async endPending({ runId, state, seen }: EndPending): Promise<void> {
      const run = await takeOver(ledger, runId);
      await markIfRestored(deps, run, seen);
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

async function closeRun(deps: EndingDeps, { runId, state, failure, seen }: CloseRun): Promise<BulkResult> {
  const { ledger, registry } = deps;
  const run = await takeOver(ledger, runId);
  const restored = await markIfRestored(deps, run, seen, failure?.type === 'LedgerRestored');
  if (restored && state === 'completed') throw restored;
  const definition = registry.get(run.kind);
  // A page that outlived its run must not write what is counted here as not written.
  await ledger.runs.steer(run.run_no, 'stopped', attemptTime());
  if (state === 'cancelled' || state === 'rejected') await endPending(deps, run, state);
  // It may never be started again.
  else if (state === 'failed') await definition.onEndedEarly?.(run);
  const counts = await ledger.runs.exactCounts(run.run_no);
  if (state === 'completed' && !run.dry_run && counts.pending !== 0)
    throw new Error(`run ${runId} would complete with ${plural(counts.pending, 'record')} pending`);
  const counted = { counts, measures: await ledger.metrics.ofRun(run.run_no) };
  const more = (await definition.result?.(run, state, counted)) ?? {};
  const computed = { ...(await commonResult(ledger, run, state, counted)), ...more };
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
  { ledger, registry }: EndingDeps,
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
  await registry.get(run.kind).beforeEndingEarly?.(run);
  await ledger.records.cancelPending(run, {
    code: state === 'rejected' ? 'plan_rejected' : 'run_cancelled',
  });
  await registry.get(run.kind).onEndedEarly?.(run);
}

async function commonResult(
  ledger: Ledger,
  run: Run,
  state: RunState,
  { counts, measures }: Counted,
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
