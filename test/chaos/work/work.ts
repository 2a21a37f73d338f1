/** What the operations have in common under chaos: starting, observing and checking runs. */
import type { RunResult } from '../../../src/contract/run.ts';
import type { Run } from '../../../src/ledger/runs/runs.ts';

export interface Work {
  /** The runs that were started. */
  readonly runIds: readonly string[];
  /** The share of the work that CXone has applied, from 0 to 1. */
  readonly progress: () => Promise<number>;
  /** Starts the same content again and returns the run's id. Null if that would be a different run. */
  readonly startAgain: (() => Promise<string>) | null;
  /** Checks the expected number of each outcome, which the conservation check does not know. */
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
