/** Decisions that a run receives: how a message is read, and what is decided so far. Pure. */
import { type Decision, STEERING_ACTIONS, type SteeringAction } from '../../contract/steering.ts';
import { isObject } from '../../domain/json.ts';

/** What has been decided and not yet acted upon. Carried over when the run continues as new. */
export interface Decisions {
  readonly approved: Decision | null;
  readonly rejected: Decision | null;
  readonly cancelled: Decision | null;
  /** The decision that paused the run; null once it is resumed. */
  readonly paused: Decision | null;
}

export const NOTHING_DECIDED: Decisions = { approved: null, rejected: null, cancelled: null, paused: null };

const MAX_TEXT_LENGTH = 500;
/** A selection has fewer places than this, so it cannot have more conflicts. */
const MAX_SEEN_HASHES = 500;

const TEXT_FIELDS = ['by', 'reason', 'planHash', 'writeId', 'verdict'] as const;

/** Returns the decision, or why the message is not one: any Temporal client can send anything. Drops unknown fields. */
export function readDecision(action: unknown, message: unknown): Decision | string {
  if (!STEERING_ACTIONS.includes(action as SteeringAction)) {
    return `action must be one of ${STEERING_ACTIONS.join(', ')}`;
  }
  if (message !== undefined && message !== null && !isObject(message)) {
    return 'the message must be one JSON object, e.g. {"by": "dana", "reason": "checked"}';
  }
  const decision: Record<string, unknown> = { action };
  for (const field of TEXT_FIELDS) {
    const value = message?.[field];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string') return `${field} must be a text`;
    decision[field] = value.slice(0, MAX_TEXT_LENGTH);
  }
  const answers = message?.answers;
  if (answers === undefined || answers === null) return decision as unknown as Decision;
  const seen = message?.seen ?? null;
  if (seen !== null && !isHashList(seen)) return 'seen must be a list of hashes, e.g. ["3f9a0c1d2e4b5a67"]';
  const sides = isObject(answers) ? Object.values(answers) : [answers];
  if (sides.some((side) => side !== 'mine' && side !== 'theirs'))
    return 'answers must be "mine", "theirs", or an object {place: "mine" | "theirs"}';
  return { ...decision, answers, ...(seen && { seen }) } as unknown as Decision;
}

function isHashList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.length <= MAX_SEEN_HASHES && value.every((each) => typeof each === 'string')
  );
}

export function applyDecision(decisions: Decisions, decision: Decision): Decisions {
  switch (decision.action) {
    case 'approve':
      return { ...decisions, approved: decision };
    case 'reject':
      return { ...decisions, rejected: decision };
    case 'cancel':
      return { ...decisions, cancelled: decision };
    case 'pause':
      return { ...decisions, paused: decision };
    case 'resume':
      return { ...decisions, paused: null };
    case 'resolve':
      return decisions;
  }
}
