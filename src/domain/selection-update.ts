/**
 * Which contacts a campaign dials: the rules of a `contactSelection`, and changes to one. Pure.
 * Source: cxone-api.md, family `outbound` (tutorial S3).
 */
import { canonicalText, isObject } from './json.ts';

export interface FilterRule {
  readonly field: string;
  readonly operator: string;
  /** Any JSON value: `false`, `0` and `null` are values too. */
  readonly value: unknown;
}

export interface ContactSelection {
  readonly targetListIds: readonly string[];
  readonly exclusionListIds: readonly string[];
  /** One for each field and operator; together they narrow the lists down. */
  readonly filterRules: readonly FilterRule[];
  /** Texts as a rule; a tenant may have objects. */
  readonly priorityOrder: readonly unknown[];
}

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

export interface Problem {
  /** E.g. `selection.filterRules[3].value`. */
  readonly path: string;
  readonly message: string;
}

export const describeProblem = ({ path, message }: Problem): string => `${path} ${message}`;

/** Source: S3, step 2. */
export const MAX_FILTER_RULES = 50;
export const MAX_PRIORITIES = 5;

export const SELECTION_FIELDS = [
  'targetListIds',
  'exclusionListIds',
  'filterRules',
  'priorityOrder',
] as const;
export type SelectionField = (typeof SELECTION_FIELDS)[number];

/** Field and operator: what makes two rules the same rule. */
export const ruleKey = ({ field, operator }: Pick<FilterRule, 'field' | 'operator'>): string =>
  JSON.stringify([field, operator]);

/** Is this a whole selection by the rules? Every problem at once. Lists but the targets may be left out. */
export function selectionProblems(value: unknown, path = 'selection'): Problem[] {
  if (!isObject(value)) return [{ path, message: 'must be one JSON object' }];
  const shape = shapeProblems(value, path, 'whole');
  // What has no shape was left out for the rules: their positions would be other ones.
  const misplaced = (at: string) => shape.some((problem) => listOf(problem.path) === listOf(at));
  const rules = ruleProblems(readSelection(value), path).filter((rule) => !misplaced(rule.path));
  return [...shape, ...rules];
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
  if (problems.length > 0) return problems;
  const named = Object.values(value).flatMap((part) => Object.values(part as object) as unknown[][]);
  if (!named.some((entries) => entries.length > 0)) return [{ path, message: 'changes nothing' }];
  return contradictions(value, path);
}

/** Defaults filled in. For values that passed `selectionProblems`; what is of another shape is left out. */
export function readSelection(value: unknown): ContactSelection {
  const given = isObject(value) ? value : {};
  const texts = (field: SelectionField) => arrayOf(given[field]).filter((id) => typeof id === 'string');
  return {
    targetListIds: texts('targetListIds'),
    exclusionListIds: texts('exclusionListIds'),
    filterRules: arrayOf(given.filterRules).filter(isRule),
    priorityOrder: arrayOf(given.priorityOrder),
  };
}

/** The rules that go beyond the shape. `merged`: rules twice are CXone's own, for no wish of ours has them. */
export function ruleProblems(selection: ContactSelection, path: string, merged = false): Problem[] {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection;
  const at = (field: SelectionField) => `${path}.${field}`;
  const problems: Problem[] = [];
  if (targetListIds.length === 0)
    problems.push({ path: at('targetListIds'), message: 'must have at least one list' });
  if (filterRules.length > MAX_FILTER_RULES)
    problems.push(tooMany(at('filterRules'), filterRules.length, MAX_FILTER_RULES, 'rules'));
  if (priorityOrder.length > MAX_PRIORITIES)
    problems.push(tooMany(at('priorityOrder'), priorityOrder.length, MAX_PRIORITIES, 'priorities'));
  exclusionListIds.forEach((id, index) => {
    const target = targetListIds.indexOf(id);
    if (target < 0) return;
    const message = `is "${id}", which targetListIds[${target}] has too: a list both targeted and excluded dials nobody`;
    problems.push({ path: `${at('exclusionListIds')}[${index}]`, message });
  });
  if (merged) return problems;
  return [
    ...problems,
    ...twice(at('targetListIds'), targetListIds, String),
    ...twice(at('exclusionListIds'), exclusionListIds, String),
    ...twice(at('filterRules'), filterRules, ruleKey, 'has the field and operator of'),
    ...twice(at('priorityOrder'), priorityOrder, canonicalText),
  ];
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
    remove.some((gone) => ruleKey(gone) === ruleKey(rule) && isValueOf(gone, rule));
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

function isValueOf(gone: RuleToRemove, rule: FilterRule): boolean {
  return gone.value === undefined || canonicalText(gone.value) === canonicalText(rule.value);
}

function without<T>(from: readonly T[], gone: readonly T[] = [], key: (item: T) => string): T[] {
  const keys = new Set(gone.map(key));
  return from.filter((item) => !keys.has(key(item)));
}

function union<T>(first: readonly T[], second: readonly T[], key: (item: T) => string): T[] {
  return [...new Map([...first, ...second].map((item) => [key(item), item])).values()];
}

// --- shapes -------------------------------------------------------------------------------------------------

function shapeProblems(
  value: Record<string, unknown>,
  path: string,
  of: 'whole' | 'add' | 'remove',
): Problem[] {
  return Object.entries(value).flatMap(([field, entries]) => {
    const at = `${path}.${field}`;
    if (!SELECTION_FIELDS.includes(field as SelectionField))
      return [{ path: at, message: `is not known; there are ${SELECTION_FIELDS.join(', ')}` }];
    if (entries === undefined) return [];
    if (!Array.isArray(entries)) return [{ path: at, message: 'must be a list' }];
    return entries.flatMap((entry: unknown, i) =>
      entryProblems(entry, field, `${at}[${i}]`, of === 'remove'),
    );
  });
}

function entryProblems(entry: unknown, field: string, path: string, toRemove: boolean): Problem[] {
  if (field === 'filterRules') return ruleShapeProblems(entry, path, toRemove);
  if (isText(entry) || (field === 'priorityOrder' && isObject(entry))) return [];
  return [{ path, message: 'must be a text that is not empty' }];
}

function ruleShapeProblems(rule: unknown, path: string, toRemove: boolean): Problem[] {
  if (!isObject(rule)) return [{ path, message: 'must be {"field", "operator", "value"}' }];
  const problems: Problem[] = [];
  for (const name of ['field', 'operator']) {
    if (rule[name] === undefined) problems.push({ path: `${path}.${name}`, message: 'is missing' });
    else if (!isText(rule[name]))
      problems.push({ path: `${path}.${name}`, message: 'must be a text that is not empty' });
  }
  if (rule.value === undefined && !toRemove)
    problems.push({ path: `${path}.value`, message: 'is missing (false, 0 and null are values)' });
  for (const name of Object.keys(rule).filter((key) => !['field', 'operator', 'value'].includes(key)))
    problems.push({ path: `${path}.${name}`, message: 'is not known; a rule has field, operator and value' });
  return problems;
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

function twice<T>(
  path: string,
  items: readonly T[],
  key: (item: T) => string,
  same = 'is the same as',
): Problem[] {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const keys = items.map(key);
  return keys.flatMap((each, index) => {
    const first = keys.indexOf(each);
    return first === index ? [] : [{ path: `${path}[${index}]`, message: `${same} ${name}[${first}]` }];
  });
}

function tooMany(path: string, n: number, most: number, what: string): Problem {
  return { path, message: `has ${n} ${what}; CXone takes ${most} at most` };
}

const listOf = (path: string): string => path.replace(/\[.*/, '');
const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const arrayOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isRule = (rule: unknown): rule is FilterRule =>
  isObject(rule) && typeof rule.field === 'string' && typeof rule.operator === 'string';
