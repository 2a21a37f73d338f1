/** The port to retries: runs that take up what an earlier run left (docs/adr/0013-sources-and-files.md#sources). */
import type { ColumnMap } from '../../domain/columns.ts';
import { canonicalize, sha256 } from '../hashing.ts';
import type { SettledRecord } from './records.ts';
import type { Run, Runs } from './runs.ts';
import { readSource } from './sources.ts';

export interface Retries {
  /** Why the run cannot be retried now and what to do about it, as a continuation of its name. null: it can. */
  findObstacle(run: Run): Promise<string | null>;

  /**
   * Runs that retried this one and may have written some of its rows, the oldest first. Dry runs and rejected plans have
   * written nothing.
   */
  list(runId: string): Promise<Retry[]>;

  /**
   * What a retry of this run takes up (RETRIED in domain/run.ts), in the order of the source: never somebody to whom the run has
   * sent a message. As `Records.list` reads them.
   */
  listRecords(runNo: number): AsyncIterable<SettledRecord>;
}

export interface Retry {
  readonly runId: string;
  readonly target: string;
  readonly state: Run['state'];
}

/** Hash of the content of a retry. A dry run left all its rows, so a retry of it has the content of its source. */
export function retryContentSha256({ run_id: runId, dry_run, source }: Run): string {
  const content = source?.sha256 ?? null;
  return dry_run && content !== null ? content : sha256(canonicalize({ retryOf: runId, source: content }));
}

/** The run that this one retries, according to its input. */
export function retriedRunId(run: Pick<Run, 'input'>): string | null {
  const { retryOf } = readSource(run);
  return typeof retryOf === 'string' ? retryOf : null;
}

/** Rows of a retry keep the column names of the original source, through any number of retries. */
export async function findColumnMap(runs: Pick<Runs, 'find'>, run: Pick<Run, 'input'>): Promise<ColumnMap> {
  const retried = retriedRunId(run);
  if (retried === null) return readSource(run).map ?? {};
  const older = await runs.find(retried);
  return older ? findColumnMap(runs, older) : {};
}
