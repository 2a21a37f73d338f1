/** One run as the JSON documents of `runs` and `show` have it. Pure; names as in the contract. */
import type { Counts } from '../domain/run.ts';
import { retriedRunId } from '../ledger/runs/retries.ts';
import type { Run } from '../ledger/runs/runs.ts';

export function summaryOf(run: Run, counts: Counts) {
  return {
    runId: run.run_id,
    kind: run.kind,
    target: run.target,
    state: run.state,
    phase: run.phase,
    waitingFor: run.waiting_for,
    dryRun: run.dry_run,
    ...(retriedRunId(run) !== null && { retryOf: retriedRunId(run) }),
    counts,
    requestedBy: run.requested_by,
    startedAt: run.started_at,
    finishedAt: run.finished_at,
  };
}
