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

/** Of any other operator, a field may have several rules: they narrow the selection, but a contact can satisfy all of them. */
const EXCLUSIVE_OPERATORS: ReadonlySet<string> = new Set(['eq']);

/** A contact has one value of a field and cannot satisfy both, so a campaign with both dials nobody. */
export function excludeEachOther(a: FilterRule, b: FilterRule): boolean {
  if (!EXCLUSIVE_OPERATORS.has(a.operator)) return false;
  return a.field === b.field && a.operator === b.operator && ruleKey(a) !== ruleKey(b);
}

/** Then contacts seem to have several values of the field, and the rules of this field do not exclude each other. */
export function hasExclusiveRules(rules: readonly FilterRule[], field: string): boolean {
  const ofField = uniqueRules(rules.filter((rule) => rule.field === field));
  return ofField.some((rule) => ofField.some((other) => excludeEachOther(rule, other)));
}

/**
 * Merges the rules of one field and operator. What either side removed is gone, and what either side added is there. null: a
 * conflict. The two sides replaced the same rule differently, or changed rules that exclude each other.
 */
export function mergeRules(
  base: readonly FilterRule[],
  theirs: readonly FilterRule[],
  ours: readonly FilterRule[],
): readonly FilterRule[] | null {
  if (sameRules(theirs, ours) || sameRules(base, ours)) return uniqueRules(theirs);
  if (sameRules(base, theirs)) return uniqueRules(ours);
  if (areExclusive(base, [...base, ...theirs, ...ours]) || replacedDifferently(base, theirs, ours))
    return null;
  const [weRemoved, weAdded] = [withoutRules(base, ours), withoutRules(ours, base)];
  return [...withoutRules(theirs, weRemoved), ...withoutRules(weAdded, theirs)];
}

/** Why not both changes can stand; null: one side removed what the other one replaced. */
export function explainRuleConflict(
  base: readonly FilterRule[],
  theirs: readonly FilterRule[],
  ours: readonly FilterRule[],
): string | null {
  if (theirs.length === 0 || ours.length === 0) return null;
  return areExclusive(base, theirs) ? 'no contact has both values' : 'both sides replaced the same rule';
}

/** @param rules of one field and operator */
function areExclusive(base: readonly FilterRule[], rules: readonly FilterRule[]): boolean {
  const [first] = rules;
  if (!first || !EXCLUSIVE_OPERATORS.has(first.operator)) return false;
  return !hasExclusiveRules(base, first.field);
}

/** Both sides removed the same rule, and each added one that the other did not. */
function replacedDifferently(
  base: readonly FilterRule[],
  theirs: readonly FilterRule[],
  ours: readonly FilterRule[],
): boolean {
  const keptByEither = [...theirs, ...ours];
  if (withoutRules(base, keptByEither).length === 0) return false;
  const addedBy = (side: readonly FilterRule[], other: readonly FilterRule[]) =>
    withoutRules(side, [...base, ...other]);
  return addedBy(theirs, ours).length > 0 && addedBy(ours, theirs).length > 0;
}

function sameRules(a: readonly FilterRule[], b: readonly FilterRule[]): boolean {
  return withoutRules(a, b).length === 0 && withoutRules(b, a).length === 0;
}
