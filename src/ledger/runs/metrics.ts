/**
 * The port to the governance metrics (docs/metrics.md). What a run measures is stored when it ends in a final state, and when
 * it is purged; until then it is computed from its writes. So the sums read one row for each ended run, and survive a purge.
 * Reads only.
 */
import type { Measures } from '../../domain/metrics.ts';
import type { Phase, RunState } from '../../domain/run.ts';

export interface Metrics {
  /** By operation, in the order of their names; operations without a run in the scope are missing. */
  byOperation(scope: MetricsScope): Promise<OperationMeasures[]>;

  /** The runs that `byOperation` adds up, the newest first. */
  log(scope: MetricsScope, limit: number): Promise<MeasuredRun[]>;

  /** Also of a dry run. Errors: the run does not exist. */
  ofRun(runNo: number): Promise<Measures>;
}

/** Dry runs never count: they write nothing, and the same rows are checked again by the run that follows. */
export interface MetricsScope {
  /** Runs that were started then or later; null: all. */
  readonly since: Date | null;
  /** Of this operation; null: of all. */
  readonly kind: string | null;
}

export interface OperationMeasures extends Measures {
  readonly kind: string;
  readonly runs: number;
  /** Of these runs: those that have not ended, and those that failed. */
  readonly running: number;
  readonly failed: number;
}

export interface MeasuredRun extends Measures {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly state: 'running' | RunState;
  readonly phase: Phase;
  readonly startedAt: Date;
}
