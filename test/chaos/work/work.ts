/** What the operations have in common under chaos: runs that are started, watched and checked. */
import type { RunResult } from '../../../src/contract/run.ts';
import type { Run } from '../../../src/ledger/runs/runs.ts';

export interface Work {
  /** The runs that were started. */
  readonly runIds: readonly string[];
  /** How much of the work CXone has, from 0 to 1. */
  readonly progress: () => Promise<number>;
  /** Starts the same once more. Returns the run's id. Null: that would be another run. */
  readonly startAgain: (() => Promise<string>) | null;
  /** Checks what conservation does not know: how many records must have which outcome. */
  readonly check: (ended: readonly Ended[]) => Promise<void>;
}

export interface Ended {
  readonly runId: string;
  readonly state: Run['state'];
  readonly counts: RunResult['counts'];
  /** Null for a run that ended without a result: it failed, or it was cancelled in Temporal. */
  readonly result: RunResult | null;
  readonly failure: Run['failure'];
}
