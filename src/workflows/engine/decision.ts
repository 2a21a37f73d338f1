/** What anybody may send to a run, read: the decision in it, or why there is none. Pure. */
import { type Decision, STEERING_ACTIONS, type SteeringAction } from '../../contract/steering.ts';
import { isObject } from '../../domain/json.ts';

const LONGEST_TEXT = 500;
/** Of hashes: more conflicts than a selection has places. */
const MOST_SEEN = 500;

const TEXT_FIELDS = ['by', 'reason', 'planHash', 'writeId', 'verdict'] as const;

/** Anybody may send anything: returns the decision, or why it cannot be read. Unknown fields are dropped. */
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
    decision[field] = value.slice(0, LONGEST_TEXT);
  }
  const answers = message?.answers;
  if (answers === undefined || answers === null) return decision as unknown as Decision;
  const seen = message?.seen ?? null;
  if (seen !== null && !isTexts(seen)) return 'seen must be a list of hashes, e.g. ["3f9a0c1d2e4b5a67"]';
  const sides = isObject(answers) ? Object.values(answers) : [answers];
  if (sides.some((side) => side !== 'mine' && side !== 'theirs'))
    return 'answers must be "mine", "theirs", or an object {place: "mine" | "theirs"}';
  return { ...decision, answers, ...(seen && { seen }) } as unknown as Decision;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MOST_SEEN && value.every((each) => typeof each === 'string');
}
