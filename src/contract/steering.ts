/** How a run is steered and watched while it executes: signals, the update `decide`, the query `progress`. */
import type { Counts, Phase } from '../domain/run.ts';

export const STEERING_ACTIONS = ['approve', 'reject', 'cancel', 'pause', 'resume', 'resolve'] as const;
/** Each is a signal of that name. The update `decide` takes the same message plus `action`, and refuses what makes no sense now. */
export type SteeringAction = (typeof STEERING_ACTIONS)[number];

export interface SteeringMessage {
  readonly by?: string;
  readonly reason?: string;
  /** approve: the hash of the plan that was reviewed. Default: the plan that is current. */
  readonly planHash?: string;
  /** resolve: one write. Default: all that are in doubt. */
  readonly writeId?: string;
  /** resolve, for writes in doubt. */
  readonly verdict?: 'resend' | 'leave';
  /** resolve, for conflicts in a selection: whose change counts, for all of them or for each place. */
  readonly answers?: Answers;
  /** resolve, for conflicts: the hashes of those that were reviewed. Default: those that are current. */
  readonly seen?: readonly string[];
}
export type ConflictSide = 'mine' | 'theirs';
export type Answers = ConflictSide | Readonly<Record<string, ConflictSide>>;

/** A place in a selection that we and somebody else changed differently. Values are text without personal data. */
export interface ShownConflict {
  /** `lists/L1`, `filterRules/age/gte`, `priorityOrder`; or a whole part. */
  readonly place: string;
  readonly base: string;
  readonly theirs: string;
  readonly ours: string;
  /** Why the two changes exclude each other, if they are not at the same place. */
  readonly problem?: string;
  /** Hash of the three values: an answer applies only to what was reviewed. */
  readonly hash: string;
}

export interface Decision extends SteeringMessage {
  readonly action: SteeringAction;
}

export const DECIDE_UPDATE = 'decide';
export const PROGRESS_QUERY = 'progress';

/** More writes in doubt than this are not listed in a history; the ledger has all of them. */
export const MAX_LISTED_IN_DOUBT = 100;

/** A signal that changed nothing, and why. */
export interface Refusal {
  readonly action: string;
  readonly by: string | null;
  readonly why: string;
  readonly at: string;
}

/** The answer to the query `progress`. Counts are as of the last finished page; the ledger has the current ones. */
export interface Progress {
  readonly runId: string;
  /** The workflow type. */
  readonly kind: string;
  readonly phase: Phase;
  readonly counts: Counts;
  readonly planHash: string | null;
  /** What the run is waiting for, in words, or null. */
  readonly waitingFor: string | null;
  readonly since: string;
  readonly recordsPerSecond: number | null;
  readonly estimatedEnd: string | null;
  readonly refused: readonly Refusal[];
  /** Conflicts that wait for an answer (`resolve` with `answers`). */
  readonly conflicts?: readonly ShownConflict[];
}
