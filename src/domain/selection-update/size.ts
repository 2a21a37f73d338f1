/**
 * How large a selection may be. Selections are compared place by place and pair by pair, and what is decided about them
 * travels through Temporal's history, so both the desired one and that of CXone are bounded before anything else is done
 * with them (docs/selection-update.md#limits). Pure.
 */
import type { JsonProblem } from '../json.ts';

interface Sized {
  readonly targetListIds: readonly string[];
  readonly exclusionListIds: readonly string[];
  readonly filterRules: readonly { readonly field: string; readonly operator: string }[];
  readonly priorityOrder: readonly unknown[];
}

/** Lists, rules and priorities together. Campaigns have a few dozen. */
export const MAX_ENTRIES = 500;
/** The id of a list; the field or the operator of a rule. */
export const MAX_NAME_CHARACTERS = 200;
/** A rule or a priority, as JSON. */
const MAX_VALUE_CHARACTERS = 10_000;

/** Does nothing but count, so it comes before every other check. */
export function countProblems(value: Readonly<Record<string, unknown>>, path: string): JsonProblem[] {
  const n = Object.values(value).reduce<number>(
    (sum, part) => sum + (Array.isArray(part) ? part.length : 0),
    0,
  );
  if (n <= MAX_ENTRIES) return [];
  return [{ path, message: `has ${n} lists, rules and priorities; cxflow handles at most ${MAX_ENTRIES}` }];
}

/** What is wrong with a rule or a priority that is given, or null. Its names are checked as texts. */
export function lengthProblem(entry: unknown): string | null {
  const length = jsonLength(entry);
  if (length <= MAX_VALUE_CHARACTERS) return null;
  return `must have at most ${MAX_VALUE_CHARACTERS} characters as JSON, but has ${length}`;
}

/** Why a selection that was read from CXone, or that a change of it gives, cannot be compared with others. */
export function sizeProblems(selection: Sized, path: string): JsonProblem[] {
  const tooMany = countProblems({ ...selection }, path);
  if (tooMany.length > 0) return tooMany;
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection;
  const names = [...targetListIds, ...exclusionListIds, ...filterRules.flatMap((r) => [r.field, r.operator])];
  const values = [...filterRules, ...priorityOrder];
  const problems: JsonProblem[] = [];
  if (names.some((name) => name.length > MAX_NAME_CHARACTERS))
    problems.push({ path, message: `has a name of more than ${MAX_NAME_CHARACTERS} characters` });
  if (values.some((each) => jsonLength(each) > MAX_VALUE_CHARACTERS))
    problems.push({
      path,
      message: `has a rule or priority of more than ${MAX_VALUE_CHARACTERS} characters`,
    });
  return problems;
}

/** Infinity: it is nested more deeply than can be written. */
function jsonLength(value: unknown): number {
  try {
    return JSON.stringify(value)?.length ?? 0;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
