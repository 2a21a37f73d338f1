/** How a run is steered and watched while it executes: signals, the update `decide`, the query `progress`. */
import { isObject } from '../domain/json.ts';
import type { Counts, Phase } from '../domain/run.ts';
import { shorten } from '../domain/shorten.ts';
import { quoteName, TEXT_RULES, type TextRule, textProblem } from '../domain/text.ts';
import type { ChecksOf, FieldCheck } from './input.ts';

export const STEERING_ACTIONS = ['approve', 'reject', 'cancel', 'pause', 'resume', 'resolve'] as const;
/** Each is a signal of that name. The update `decide` takes the same message plus `action`, and refuses what makes no sense. */
export type SteeringAction = (typeof STEERING_ACTIONS)[number];

export interface SteeringMessage {
  readonly by?: string;
  readonly reason?: string;
  /** approve: the hash of the plan that was reviewed. Default: the plan that is current. */
  readonly planHash?: string;
  /**
   * approve: if the run has no plan yet, the approval is kept until it has one; with `planHash`, it approves that plan and no
   * other. Default false: an approval that comes before the plan is refused.
   */
  readonly whenPlanned?: boolean;
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
/** As a message may give it: `ours` means the same as `mine`. */
export type GivenSide = ConflictSide | 'ours';
export type Answers = GivenSide | Readonly<Record<string, GivenSide>>;

export const isGivenSide = (value: unknown): value is GivenSide =>
  value === 'mine' || value === 'ours' || value === 'theirs';
export const toSide = (given: GivenSide): ConflictSide => (given === 'ours' ? 'mine' : given);

/** Longer texts of a decision are shortened, so that a long reason does not make a pause fail. */
const MAX_TEXT_LENGTH = TEXT_RULES.note.maxCharacters;
/** More than there can be: base, theirs and ours have at most 500 places each, and a conflict needs two of them. */
const MAX_CONFLICTS = 1_000;
const PLACE_RULE = { ...TEXT_RULES.name, maxCharacters: 2_000 };

const textOf =
  (rule: TextRule): FieldCheck =>
  (value) =>
    typeof value === 'string' ? textProblem(shorten(value, rule.maxCharacters), rule) : 'must be a text';
const shortId = textOf({ ...TEXT_RULES.id, maxCharacters: MAX_TEXT_LENGTH });

/** null and undefined are not checked: the field is not given. */
export const STEERING_CHECKS: ChecksOf<SteeringMessage> = {
  by: textOf({ ...TEXT_RULES.name, maxCharacters: MAX_TEXT_LENGTH }),
  reason: textOf(TEXT_RULES.note),
  planHash: shortId,
  whenPlanned: (value) => (typeof value === 'boolean' ? null : 'must be true or false'),
  writeId: shortId,
  verdict: shortId,
  answers: checkAnswers,
  seen: checkSeen,
};

function checkAnswers(value: unknown): string | null {
  // A text is one side for all of them.
  const entries: [string, unknown][] = isObject(value) ? Object.entries(value) : [['', value]];
  if (entries.length > MAX_CONFLICTS) return `must have at most ${MAX_CONFLICTS} places`;
  if (!entries.every(([, side]) => isGivenSide(side)))
    return 'must be "mine", "theirs", or an object {place: "mine" | "theirs"}';
  for (const [place] of entries) {
    const problem = textProblem(place, PLACE_RULE);
    if (problem !== null) return `has the place ${quoteName(place)}, which ${problem}`;
  }
  return null;
}

function checkSeen(value: unknown): string | null {
  const isList = Array.isArray(value) && value.length <= MAX_CONFLICTS;
  if (
    !isList ||
    !value.every((hash) => typeof hash === 'string' && textProblem(hash, TEXT_RULES.id) === null)
  )
    return 'must be a list of hashes, e.g. ["3f9a0c1d2e4b5a67"]';
  return null;
}

/** Returns the decision, or why the message is not one: any Temporal client can send anything. Drops unknown fields. */
export function readDecision(action: unknown, message: unknown): Decision | string {
  if (!STEERING_ACTIONS.includes(action as SteeringAction)) {
    return `action must be one of ${STEERING_ACTIONS.join(', ')}`;
  }
  if (message !== undefined && message !== null && !isObject(message)) {
    return 'the message must be one JSON object, e.g. {"by": "dana", "reason": "checked"}';
  }
  const decision: Record<string, unknown> = { action };
  for (const [field, check] of Object.entries(STEERING_CHECKS)) {
    const value = message?.[field];
    if (value === undefined || value === null) continue;
    const problem = check(value);
    if (problem !== null) return `${field} ${problem}`;
    decision[field] = typeof value === 'string' ? shorten(value, MAX_TEXT_LENGTH) : value;
  }
  return decision as unknown as Decision;
}

/** A place in a selection that we and somebody else changed differently. Values are text without personal data. */
export interface ShownConflict {
  /** `lists/L1`, `filterRules/age/gte`, `priorityOrder`; or all rules of a field, `filterRules/age`, or a whole part. */
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
  /** An approval that is kept until the run has a plan (`approve` with `whenPlanned`). */
  readonly keptApproval?: { readonly by: string | null; readonly planHash: string | null };
  /** Conflicts that wait for an answer (`resolve` with `answers`). */
  readonly conflicts?: readonly ShownConflict[];
}
