/** Changes of a selection: their rules, and how they are applied. Pure. */
import { canonicalText, describeKey, findJsonProblem, isObject } from '../json.ts';
import {
  type ContactSelection,
  type FilterRule,
  limitProblems,
  type Problem,
  readEntries,
  repetitionProblems,
  ruleKey,
  SELECTION_FIELDS,
  shapeProblems,
} from './selection.ts';
import { countProblems } from './size.ts';

/** Field and operator are enough to identify the rule to remove. */
export type RuleToRemove = Pick<FilterRule, 'field' | 'operator'> & Partial<Pick<FilterRule, 'value'>>;

/**
 * What to add to a selection and what to remove from it, so that several teams can change the same campaign. A rule replaces
 * the one with the same field and operator; a priority is appended. Adding what is there already, or removing what is not
 * there, has no effect.
 */
export interface SelectionChange {
  readonly add?: Partial<ContactSelection>;
  readonly remove?: Partial<Omit<ContactSelection, 'filterRules'>> & {
    readonly filterRules?: readonly RuleToRemove[];
  };
}

/** What is wrong with a change by itself. The resulting selection has to be checked with `ruleProblems`. */
export function changeProblems(value: unknown, path = 'change'): Problem[] {
  if (!isObject(value)) return [{ path, message: 'must be one JSON object {"add": {…}, "remove": {…}}' }];
  const unreadable = findJsonProblem(value, path);
  if (unreadable) return [unreadable];
  const problems = Object.keys(value)
    .filter((key) => key !== 'add' && key !== 'remove')
    .map((key) => ({
      path: `${path}.${describeKey(key)}`,
      message: 'is unknown; a change has "add" and "remove"',
    }));
  for (const part of ['add', 'remove'] as const) {
    if (value[part] === undefined) continue;
    if (!isObject(value[part]))
      problems.push({ path: `${path}.${part}`, message: 'must be one JSON object' });
    else problems.push(...partProblems(value[part], `${path}.${part}`, part));
  }
  if (problems.length > 0) return problems;
  const named = Object.values(value).flatMap((part) =>
    Object.values((part ?? {}) as Record<string, unknown>),
  );
  if (!named.some((entries) => Array.isArray(entries) && entries.length > 0))
    return [{ path, message: 'changes nothing' }];
  return findContradictions(value, path);
}

function partProblems(value: Record<string, unknown>, path: string, part: 'add' | 'remove'): Problem[] {
  const tooMany = countProblems(value, path);
  if (tooMany.length > 0) return tooMany;
  return [...shapeProblems(value, path, part), ...(part === 'add' ? additionProblems(value, path) : [])];
}

/** Additions that break a rule whatever selection they are added to. */
function additionProblems(add: Record<string, unknown>, path: string): Problem[] {
  const entries = readEntries(add);
  const needsOne = `${path}.targetListIds`;
  const limits = limitProblems(entries, path).filter((problem) => problem.path !== needsOne);
  return [...limits, ...repetitionProblems(entries, path)];
}

export function applyChange(
  base: ContactSelection,
  { add = {}, remove = {} }: SelectionChange,
): ContactSelection {
  const ids = (field: 'targetListIds' | 'exclusionListIds') =>
    union(without(base[field], remove[field], String), add[field] ?? [], String);
  return {
    targetListIds: ids('targetListIds'),
    exclusionListIds: ids('exclusionListIds'),
    filterRules: changeRules(base.filterRules, add.filterRules ?? [], remove.filterRules ?? []),
    priorityOrder: union(
      without(base.priorityOrder, remove.priorityOrder, canonicalText),
      add.priorityOrder ?? [],
      canonicalText,
    ),
  };
}

function changeRules(
  base: readonly FilterRule[],
  add: readonly FilterRule[],
  remove: readonly RuleToRemove[],
): FilterRule[] {
  const isRemoved = (rule: FilterRule) =>
    remove.some((removed) => ruleKey(removed) === ruleKey(rule) && matchesValue(removed, rule));
  const added = new Map(add.map((rule) => [ruleKey(rule), rule]));
  const kept = base.filter((rule) => added.has(ruleKey(rule)) || !isRemoved(rule));
  const placed = new Set<string>();
  const changed = kept.flatMap((rule) => {
    const replacement = added.get(ruleKey(rule));
    if (!replacement) return [rule];
    // CXone may have several rules with the same key. The new one replaces all of them.
    if (placed.has(ruleKey(rule))) return [];
    placed.add(ruleKey(rule));
    return [canonicalText(replacement.value) === canonicalText(rule.value) ? rule : replacement];
  });
  return [...changed, ...add.filter((rule) => !placed.has(ruleKey(rule)))];
}

function matchesValue(removed: RuleToRemove, rule: FilterRule): boolean {
  return removed.value === undefined || canonicalText(removed.value) === canonicalText(rule.value);
}

function without<T>(from: readonly T[], removed: readonly T[] = [], key: (item: T) => string): T[] {
  const keys = new Set(removed.map(key));
  return from.filter((item) => !keys.has(key(item)));
}

function union<T>(first: readonly T[], second: readonly T[], key: (item: T) => string): T[] {
  return [...new Map([...first, ...second].map((item) => [key(item), item])).values()];
}

/** What is both added and removed. Removing a rule and adding it with another value is allowed. */
function findContradictions({ add, remove }: SelectionChange, path: string): Problem[] {
  return SELECTION_FIELDS.flatMap((field) => {
    const removed = new Set((remove?.[field] ?? []).map((entry) => canonicalText(entry)));
    const added = add?.[field] ?? [];
    return added.flatMap((entry, index) =>
      removed.has(canonicalText(entry))
        ? [{ path: `${path}.add.${field}[${index}]`, message: 'is also in "remove"' }]
        : [],
    );
  });
}
