/** The port to the runs, one row each. Their state table is in ARCHITECTURE.md#a-run. */
import type { Selectable } from 'kysely';
import type { Counts, Phase, RunState, Steering } from '../../domain/run.ts';
import type { AttemptTime, RunRef } from '../fence.ts';
import type { RunSource, RunsTable } from '../schema.ts';

export interface Runs {
  find(runId: string): Promise<Run | undefined>;

  /** Errors: RunMissing. */
  get(runId: string): Promise<Run>;

  /** The ids that begin with this text, the newest first. */
  listIds(beginning: string, limit: number): Promise<string[]>;

  /** The newest first. */
  list(limit: number, filter?: RunFilter): Promise<Run[]>;

  /** How many `list` would return without a limit. */
  count(filter: RunFilter): Promise<number>;

  /**
   * A new run id → `running`, phase `staging`, with its audit entry in the same transaction. A known run is not changed:
   * `reopened` if it is `running`, or `failed` and not purged; otherwise `ended`. A repetition returns `reopened`.
   */
  open(run: OpenRun): Promise<Opened>;

  /**
   * A reopened run continues with the input and the moment of this start and the steering `go`, with its audit entry in the same
   * transaction. A `failed` run without a business key becomes `running`. One with a key stays `failed` until
   * `reserveBusinessKey` succeeds. False, and nothing was done: it is neither `running` nor `failed`, or was purged. A
   * repetition changes nothing. Errors: Superseded.
   */
  reopen(run: OpenRun): Promise<boolean>;

  /**
   * The run, for the attempt of a step. What an earlier attempt still wants to store fails with Superseded, and the other
   * methods accept the returned run until a later attempt takes it over. A repetition changes nothing. Errors: Superseded,
   * if a later attempt has taken it over; RunMissing.
   */
  takeOver(runId: string, attempt: AttemptTime): Promise<Run>;

  /**
   * `running` or `failed` → `running`, with this business key and without the old failure. `taken`: another run that is
   * `running` or `completed` has the key, unless one of the two has `again` or is a dry run; nothing changed. A unique index
   * decides, so two starts at the same moment cannot both succeed. A repetition returns `reserved`. Errors: Superseded;
   * RunEnded.
   */
  reserveBusinessKey(run: RunRef, businessKey: string): Promise<Reservation>;

  /**
   * How many runs of this key ended as `rejected` or `cancelled`, dry runs not counted. The next default run id is numbered
   * accordingly.
   */
  countEndedEarly(businessKey: string): Promise<number>;

  /** All runs whose default id is made of this key, in any state, dry runs not counted. */
  summarizeKey(businessKey: string): Promise<KeySummary>;

  /** Errors: Superseded. */
  setSource(run: RunRef, source: RunSource): Promise<void>;

  /** `waitingFor`: what an operator has to decide, or null. Does nothing if a later `attempt` has set the phase. */
  setPhase(runNo: number, phase: Phase, waitingFor: string | null, attempt?: AttemptTime): Promise<void>;

  /** Errors: Superseded. */
  setPlan(run: RunRef, plan: unknown, planHash: string): Promise<void>;

  /**
   * Waits for claims that are being committed. Once it has returned, no claim of any worker contradicts it. A run that is
   * `stopped` stays so until `reopen`. Errors: Superseded, if a later `attempt` has steered the run.
   */
  steer(runNo: number, steering: Steering, attempt?: AttemptTime): Promise<void>;

  /** Errors: the run does not exist. */
  getSteering(runNo: number): Promise<Steering>;

  /**
   * → `state`, phase `done`. The first end determines `finished_at`, the last one everything else. The caller has to make
   * sure that nothing is pending that should not be. Errors: Superseded.
   */
  close(run: RunRef, state: RunState, result: unknown, failure: unknown): Promise<void>;

  /**
   * Does `work` while no other process does. False: another one is at it; nothing was done. `work` takes less than the 10 s
   * after which the server releases the lock.
   */
  watchAlone(work: () => Promise<void>): Promise<boolean>;

  /**
   * Runs that are `running` in executions of this namespace, as far as the ledger knows, by their numbers; only numbers above
   * `after`. Reads only.
   */
  listExecuting(namespace: string, after: number, limit: number): Promise<ExecutingRun[]>;

  /** Runs in any state with a number below `before` and an execution in this namespace, the newest first. Reads only. */
  listEarlierExecutions(namespace: string, before: number, limit: number): Promise<ExecutingRun[]>;

  /**
   * `running` → `failed`, for a run whose execution has ended without closing it, with its audit entry in the same
   * transaction. No claim follows, and every attempt of that execution is superseded. If it has completed, its open writes →
   * `in_doubt` (`Writes.doubt`). False: the run has ended, or another
   * execution has opened it since; nothing changed. A repetition returns false.
   */
  closeEnded(ended: EndedExecution): Promise<boolean>;

  /** From what staging, the writes and the end of the run have settled. Fast at any size. Errors: the run does not exist. */
  counts(runNo: number): Promise<Counts>;

  /** The same of several runs at once, in their order. Errors: one of them does not exist. */
  countsOf(runNos: readonly number[]): Promise<Counts[]>;

  /**
   * From the outcomes themselves, which takes longer for a million records. These are the numbers that results and reports
   * state. Errors: total ≠ pending + the sum of the outcomes.
   */
  exactCounts(runNo: number): Promise<Counts>;
}

export type Run = Selectable<RunsTable>;

/** Every field that is given has to hold. */
export interface RunFilter {
  readonly kind?: string;
  readonly target?: string;
  readonly state?: RunState | 'running';
  /** It is `running` in one of these phases. */
  readonly phases?: readonly Phase[];
  /** Started then or later. */
  readonly since?: Date;
  /** Older than the run with this number. */
  readonly before?: number;
}

/** It ended in a state in which it cannot be started again, or was purged. */
export class RunEnded extends Error {
  override readonly name = 'RunEnded';
  constructor() {
    super('the run has ended, or its rows were purged; choose another run id to start it again');
  }
}

/** The ledger does not know the run. */
export class RunMissing extends Error {
  override readonly name = 'RunMissing';
  constructor(runId: string) {
    super(`run ${runId} is not in the ledger`);
  }
}

export interface OpenRun {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  /** Run the same content once more. */
  readonly again: boolean;
  readonly dryRun: boolean;
  readonly requestedBy: string | null;
  readonly input: unknown;
  /** The attempt of the activity that opens it. Default: no fence is set. */
  readonly attempt?: AttemptTime;
  /** When this start was made, in milliseconds: the same in each attempt of the activity that opens the run. Default: now. */
  readonly openedAt?: number;
  /** The key of its audit entry (see Audit.add). */
  readonly auditKey?: string;
  /** The execution that opens the run. Default: unknown. */
  readonly execution?: Execution;
}

/** An execution of a workflow in Temporal. */
export interface Execution {
  readonly namespace: string;
  /** What Temporal calls a run id. */
  readonly id: string;
}

export interface ExecutingRun {
  readonly runId: string;
  readonly runNo: number;
  readonly executionId: string;
}

export interface EndedExecution extends Omit<ExecutingRun, 'runId'> {
  /** When it ended, in milliseconds by Temporal's clock; null if Temporal does not know. */
  readonly closedAt: AttemptTime | null;
  readonly failure: { readonly type: string; readonly message: string };
  /** It has completed, so whatever is open in the ledger may have been sent: the ledger was restored from a backup. */
  readonly hasCompleted?: boolean;
}

export interface Opened {
  readonly kind: 'opened' | 'reopened' | 'ended';
  readonly run: Run;
}

export type Reservation =
  | { readonly kind: 'reserved' }
  /** `by`: the id of the run that has the key. */
  | { readonly kind: 'taken'; readonly by: string; readonly isRunning: boolean };

export interface KeySummary {
  readonly count: number;
  readonly newest: { readonly runId: string; readonly state: string } | null;
}
