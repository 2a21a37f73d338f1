/**
 * Filter rules: which are the same, which exclude each other, and the three-way merge of their changes
 * (docs/adr/0010-selections-are-states.md#filter-rules). Pure.
 */
import { canonicalText } from '../json.ts';

export interface FilterRule {
  readonly field: string;
  readonly operator: string;
  /** Any JSON value, including `false`, `0` and `null`. */
  readonly value: unknown;
}

/**
 * Identifies a rule: its field, its operator and its value. Values are compared as JSON: 1 and "1" differ, as do lists in
 * another order; the order of an object's keys does not count. Further fields that CXone keeps with a rule do not either.
 */
export const ruleKey = ({ field, operator, value }: FilterRule): string =>
  canonicalText([field, operator, value]);

/** The first of each. */
export function uniqueRules(rules: readonly FilterRule[]): FilterRule[] {
  return withoutRules(rules, []);
}

/** The first of each that the others do not have. */
export function withoutRules(rules: readonly FilterRule[], others: readonly FilterRule[]): FilterRule[] {
  const keys = new Set(others.map(ruleKey));
  return rules.filter((rule) => {
    const key = ruleKey(rule);
    return !keys.has(key) && keys.add(key);
  });
}

/** The values that a rule lets its field have. null: the operator lists no values. An empty list is the vendor's to explain. */
function allowedValues(rule: FilterRule): ReadonlySet<string> | null {
  const known = ALLOWED_VALUES.get(rule);
  if (known !== undefined) return known;
  const allowed = readAllowedValues(rule);
  ALLOWED_VALUES.set(rule, allowed);
  return allowed;
}

function readAllowedValues({ operator, value }: FilterRule): ReadonlySet<string> | null {
  if (isEquality(operator)) return new Set([canonicalText([value])]);
  if (operator.toLowerCase() !== 'in' || !Array.isArray(value) || value.length === 0) return null;
  return new Set(value.map((each) => canonicalText([each])));
}

/** Each rule is compared with many others, and its list may be long. */
const ALLOWED_VALUES = new WeakMap<FilterRule, ReadonlySet<string> | null>();

const isEquality = (operator: string): boolean => operator.toLowerCase() === 'eq';

/**
 * `eq` and `in` rules of one field without a common value. A contact has one value of a field and cannot satisfy both, so a
 * campaign with both dials nobody.
 */
export function excludeEachOther(a: FilterRule, b: FilterRule): boolean {
  if (a.field !== b.field) return false;
  const [these, those] = [allowedValues(a), allowedValues(b)];
  if (these === null || those === null) return false;
  for (const value of these) if (those.has(value)) return false;
  return true;
}

/**
 * Without what was found about fields whose rules exclude each other in the base: contacts seem to have several values of
 * them. The base is somebody else's and may have long lists, so it is only asked about what was found, once for each field.
 */
export function withoutExclusiveFields<Found extends { readonly rule: FilterRule }>(
  found: readonly Found[],
  base: readonly FilterRule[],
): Found[] {
  const fields = new Set(found.map(({ rule }) => rule.field));
  const exclusive = new Set(
    [...fields].filter((field) => haveExclusive(base.filter((rule) => rule.field === field))),
  );
  return found.filter(({ rule }) => !exclusive.has(rule.field));
}

const haveExclusive = (rules: readonly FilterRule[]): boolean =>
  rules.some((rule, index) => rules.slice(index + 1).some((other) => excludeEachOther(rule, other)));

/** What either side removed is gone, and what either side added is there. Each rule once. */
export function mergeRules(
  base: readonly FilterRule[],
  theirs: readonly FilterRule[],
  ours: readonly FilterRule[],
): readonly FilterRule[] {
  const [weRemoved, weAdded] = [withoutRules(base, ours), withoutRules(ours, base)];
  return [...withoutRules(theirs, weRemoved), ...withoutRules(weAdded, theirs)];
}

export interface RuleConflict {
  /** Why not both changes can stand; null: one side removed what the other one replaced. */
  readonly problem: string | null;
  /** Of the rules that it is about; has at least one. */
  readonly operators: ReadonlySet<string>;
}

/**
 * Why the rules of one field cannot be merged: both sides removed the same rule and each added another one, both sides added
 * rules that exclude each other, or one side removed what the field is to equal while the other side added such a rule. null:
 * they can.
 */
export function findRuleConflict(
  base: readonly FilterRule[],
  theirs: readonly FilterRule[],
  ours: readonly FilterRule[],
): RuleConflict | null {
  const bothRemoved = withoutRules(base, [...theirs, ...ours]);
  const theyAdded = withoutRules(theirs, [...base, ...ours]);
  const weAdded = withoutRules(ours, [...base, ...theirs]);
  const changed = [...bothRemoved, ...theyAdded, ...weAdded];
  const isReplaced = bothRemoved.length > 0 && theyAdded.length > 0 && weAdded.length > 0;
  const problem = isReplaced ? 'both sides replaced the same rule' : null;
  const exclude = theyAdded.some((rule) => weAdded.some((other) => excludeEachOther(rule, other)));
  const isEqualityChanged =
    (hasEquality(theyAdded) && hasEquality(withoutRules(base, ours))) ||
    (hasEquality(weAdded) && hasEquality(withoutRules(base, theirs)));
  const rulesExclude = (exclude || isEqualityChanged) && !haveExclusive(base);
  if (!isReplaced && !rulesExclude) return null;
  const concerned = isReplaced ? changed : changed.filter((rule) => allowedValues(rule) !== null);
  return {
    problem: exclude && rulesExclude ? 'no contact has both values' : problem,
    operators: new Set(concerned.map(({ operator }) => operator)),
  };
}

const hasEquality = (rules: readonly FilterRule[]): boolean =>
  rules.some(({ operator }) => isEquality(operator));
