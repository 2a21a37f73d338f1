/** A run in one object, as `runs` and `show` print it. Names as in the contract. */
import type { Counts } from '../domain/run.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { retriedRunId } from '../ledger/runs/retries.ts';
import type { Run, RunFilter } from '../ledger/runs/runs.ts';

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

/** A part of the list of runs. */
export interface RunsPage {
  /** The newest first. */
  readonly runs: readonly RunSummary[];
  /** How many older ones there are. */
  readonly older: number;
}

export async function listRuns(
  { runs }: Pick<Ledger, 'runs'>,
  limit: number,
  filter: RunFilter = {},
): Promise<RunsPage> {
  const listed = await runs.list(limit, filter);
  const counts = await runs.countsOf(listed.map(({ run_no: runNo }) => runNo));
  const oldest = listed.at(-1);
  const isFull = oldest !== undefined && listed.length === limit;
  return {
    runs: listed.map((run, i) => summarizeRun(run, counts[i] as Counts)),
    older: isFull ? await runs.count({ ...filter, before: oldest.run_no }) : 0,
  };
}
