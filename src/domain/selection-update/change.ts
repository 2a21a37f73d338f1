/** A change to what a campaign dials: what of it cannot be, and what it makes of a selection. Pure. */
import { canonicalText, isObject } from '../json.ts';
import {
  type ContactSelection,
  readEntries,
  type FilterRule,
  limitProblems,
  type Problem,
  ruleKey,
  SELECTION_FIELDS,
  shapeProblems,
  repetitionProblems,
} from './selection.ts';

/** To take away a rule, its field and operator are enough. */
export type RuleToRemove = Pick<FilterRule, 'field' | 'operator'> & Partial<Pick<FilterRule, 'value'>>;

/**
 * A part of a selection, so that two teams can each change theirs. A rule that is added takes the place of the one with
 * the same field and operator; a priority that is added comes last. What is there already, or not there to be removed,
 * changes nothing.
 */
export interface SelectionChange {
  readonly add?: Partial<ContactSelection>;
  readonly remove?: Partial<Omit<ContactSelection, 'filterRules'>> & {
    readonly filterRules?: readonly RuleToRemove[];
  };
}

/** Is this a change? What it makes of a selection is judged by `selectionProblems`. */
export function changeProblems(value: unknown, path = 'change'): Problem[] {
  if (!isObject(value)) return [{ path, message: 'must be one JSON object {"add": {…}, "remove": {…}}' }];
  const problems = Object.keys(value)
    .filter((key) => key !== 'add' && key !== 'remove')
    .map((key) => ({ path: `${path}.${key}`, message: 'is not known; a change has "add" and "remove"' }));
  for (const part of ['add', 'remove'] as const) {
    if (value[part] === undefined) continue;
    if (!isObject(value[part]))
      problems.push({ path: `${path}.${part}`, message: 'must be one JSON object' });
    else problems.push(...shapeProblems(value[part], `${path}.${part}`, part));
  }
  if (isObject(value.add)) problems.push(...additionProblems(value.add, `${path}.add`));
  if (problems.length > 0) return problems;
  const named = Object.values(value).flatMap((part) =>
    Object.values((part ?? {}) as Record<string, unknown>),
  );
  if (!named.some((entries) => Array.isArray(entries) && entries.length > 0))
    return [{ path, message: 'changes nothing' }];
  return contradictions(value, path);
}

/** What no selection can have, whatever it is added to. */
function additionProblems(add: Record<string, unknown>, path: string): Problem[] {
  const entries = readEntries(add);
  const needsOne = `${path}.targetListIds`;
  const limits = limitProblems(entries, path).filter((problem) => problem.path !== needsOne);
  return [...limits, ...repetitionProblems(entries, path)];
}

/** What the change makes of this selection. */
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
    remove.some((gone) => ruleKey(gone) === ruleKey(rule) && hasValueOf(gone, rule));
  const added = new Map(add.map((rule) => [ruleKey(rule), rule]));
  const kept = base.filter((rule) => added.has(ruleKey(rule)) || !isRemoved(rule));
  const placed = new Set<string>();
  const changed = kept.flatMap((rule) => {
    const replacement = added.get(ruleKey(rule));
    if (!replacement) return [rule];
    // CXone may have several of one key: the new one stands for all of them.
    if (placed.has(ruleKey(rule))) return [];
    placed.add(ruleKey(rule));
    return [canonicalText(replacement.value) === canonicalText(rule.value) ? rule : replacement];
  });
  return [...changed, ...add.filter((rule) => !placed.has(ruleKey(rule)))];
}

function hasValueOf(gone: RuleToRemove, rule: FilterRule): boolean {
  return gone.value === undefined || canonicalText(gone.value) === canonicalText(rule.value);
}

function without<T>(from: readonly T[], gone: readonly T[] = [], key: (item: T) => string): T[] {
  const keys = new Set(gone.map(key));
  return from.filter((item) => !keys.has(key(item)));
}

function union<T>(first: readonly T[], second: readonly T[], key: (item: T) => string): T[] {
  return [...new Map([...first, ...second].map((item) => [key(item), item])).values()];
}

/** The same thing in `add` and in `remove`. A rule with another value is a replacement, and fine. */
function contradictions({ add, remove }: SelectionChange, path: string): Problem[] {
  return SELECTION_FIELDS.flatMap((field) => {
    const gone = new Set((remove?.[field] ?? []).map((entry) => canonicalText(entry)));
    const added = add?.[field] ?? [];
    return added.flatMap((entry, index) =>
      gone.has(canonicalText(entry))
        ? [{ path: `${path}.add.${field}[${index}]`, message: 'is in "remove" too' }]
        : [],
    );
  });
}
