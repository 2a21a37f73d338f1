/** A run in one object, as `runs` and `show` print it. Names as in the contract. */
import type { Counts } from '../domain/run.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { retriedRunId } from '../ledger/runs/retries.ts';
import type { Run, RunFilter } from '../ledger/runs/runs.ts';
import { type Page, toPage } from './page.ts';

export interface RunSummary {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly state: Run['state'];
  readonly phase: Run['phase'];
  readonly waitingFor: string | null;
  readonly dryRun: boolean;
  /** The run whose records this one took over. */
  readonly retryOf?: string;
  readonly counts: Counts;
  readonly requestedBy: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** When its rows, requests and events were deleted (cxflow purge); absent if they were not. */
  readonly purgedAt?: Date;
}

export function summarizeRun(run: Run, counts: Counts): RunSummary {
  const retryOf = retriedRunId(run);
  return {
    runId: run.run_id,
    kind: run.kind,
    target: run.target,
    state: run.state,
    phase: run.phase,
    waitingFor: run.waiting_for,
    dryRun: run.dry_run,
    ...(retryOf !== null && { retryOf }),
    counts,
    requestedBy: run.requested_by,
    startedAt: run.started_at,
    finishedAt: run.finished_at,
    ...(run.purged_at !== null && { purgedAt: run.purged_at }),
  };
}

export async function listRuns(
  { runs }: Pick<Ledger, 'runs'>,
  limit: number,
  filter: RunFilter = {},
): Promise<Page<ListedRun>> {
  const { rows, older } = await toPage(await runs.list(limit, filter), limit, (oldest) =>
    runs.count({ ...filter, before: oldest.run_no }),
  );
  const counts = await runs.countsOf(rows.map(({ run_no: runNo }) => runNo));
  return {
    rows: rows.map((run, i) => ({ run, summary: summarizeRun(run, counts[i] as Counts) })),
    older,
  };
}

export interface ListedRun {
  readonly run: Run;
  readonly summary: RunSummary;
}
