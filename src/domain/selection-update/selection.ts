/**
 * Which contacts a campaign dials: the rules of a `contactSelection`. Pure.
 * Source: cxone-api.md, family `outbound` (tutorial S3).
 */
import { canonicalText, isObject } from '../json.ts';

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

/**
 * Is this a whole selection by the rules? Every problem at once. Lists but the targets may be left out. `isEdited`: it
 * was made from what CXone had, which may have several rules of one field and operator; that is for `repeatedRules`.
 */
export function selectionProblems(value: unknown, path = 'selection', isEdited = false): Problem[] {
  if (!isObject(value)) return [{ path, message: 'must be one JSON object' }];
  const shape = shapeProblems(value, path, 'whole');
  const noList = (problem: Problem) => shape.some((each) => each.path === problem.path);
  const entries = readEntries(value);
  const own = isEdited ? { ...entries, filterRules: [] } : entries;
  const rules = [...limitProblems(entries, path), ...repetitionProblems(own, path)];
  return [...shape, ...rules.filter((problem) => !noList(problem))];
}

/** Several rules of one field and operator, where what it was made from has not several of them. */
export function repeatedRules(selection: ContactSelection, base: ContactSelection, path: string): Problem[] {
  const several = (key: string) => base.filterRules.filter((rule) => ruleKey(rule) === key).length > 1;
  const judged = selection.filterRules.map((rule) => (several(ruleKey(rule)) ? undefined : rule));
  return twice(`${path}.filterRules`, judged, ruleKey, SAME_FIELD_AND_OPERATOR);
}

/** What a person reads and edits: nothing twice, and of a rule only what an update takes; the merge keeps the rest. */
export function toEditable(selection: ContactSelection): ContactSelection {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection;
  return {
    targetListIds: [...new Set(targetListIds)],
    exclusionListIds: [...new Set(exclusionListIds)],
    filterRules: filterRules.map(({ field, operator, value = null }) => ({ field, operator, value })),
    priorityOrder,
  };
}

/** Defaults filled in. For values that passed `selectionProblems`; what is of another shape is left out. */
export function readSelection(value: unknown): ContactSelection {
  const given = isObject(value) ? value : {};
  const texts = (field: SelectionField) => toArray(given[field]).filter((id) => typeof id === 'string');
  return {
    targetListIds: texts('targetListIds'),
    exclusionListIds: texts('exclusionListIds'),
    filterRules: toArray(given.filterRules).filter(isRule),
    priorityOrder: toArray(given.priorityOrder),
  };
}

/** The rules that go beyond the shape. `merged`: rules twice are CXone's own, for no wish of ours has them. */
export function ruleProblems(selection: ContactSelection, path: string, merged = false): Problem[] {
  return [...limitProblems(selection, path), ...(merged ? [] : repetitionProblems(selection, path))];
}

/** The parts of a selection as they were given; undefined where an entry has no shape, so that positions stay. */
export interface Entries {
  readonly targetListIds: readonly (string | undefined)[];
  readonly exclusionListIds: readonly (string | undefined)[];
  readonly filterRules: readonly (FilterRule | undefined)[];
  readonly priorityOrder: readonly unknown[];
}

export function readEntries(value: Record<string, unknown>): Entries {
  const texts = (field: SelectionField) => toArray(value[field]).map((id) => (isText(id) ? id : undefined));
  return {
    targetListIds: texts('targetListIds'),
    exclusionListIds: texts('exclusionListIds'),
    filterRules: toArray(value.filterRules).map((rule) => (isRule(rule) ? rule : undefined)),
    priorityOrder: toArray(value.priorityOrder),
  };
}

export function limitProblems(entries: Entries, path: string): Problem[] {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = entries;
  const at = (field: SelectionField) => `${path}.${field}`;
  const problems: Problem[] = [];
  if (targetListIds.length === 0)
    problems.push({ path: at('targetListIds'), message: 'must have at least one list' });
  if (filterRules.length > MAX_FILTER_RULES)
    problems.push(tooMany(at('filterRules'), filterRules.length, MAX_FILTER_RULES, 'rules'));
  if (priorityOrder.length > MAX_PRIORITIES)
    problems.push(tooMany(at('priorityOrder'), priorityOrder.length, MAX_PRIORITIES, 'priorities'));
  exclusionListIds.forEach((id, index) => {
    const target = id === undefined ? -1 : targetListIds.indexOf(id);
    if (target < 0) return;
    const message = `is "${id}", which targetListIds[${target}] has too: a list both targeted and excluded dials nobody`;
    problems.push({ path: `${at('exclusionListIds')}[${index}]`, message });
  });
  return problems;
}

const SAME_FIELD_AND_OPERATOR = 'has the field and operator of';

export function repetitionProblems(entries: Entries, path: string): Problem[] {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = entries;
  const at = (field: SelectionField) => `${path}.${field}`;
  return [
    ...twice(at('targetListIds'), targetListIds, String),
    ...twice(at('exclusionListIds'), exclusionListIds, String),
    ...twice(at('filterRules'), filterRules, ruleKey, SAME_FIELD_AND_OPERATOR),
    ...twice(at('priorityOrder'), priorityOrder, canonicalText),
  ];
}

// --- shapes -------------------------------------------------------------------------------------------------

/** Fields that are known, lists that are lists, entries that are what they have to be. */
export function shapeProblems(
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

/** undefined: nothing that could be compared. */
function twice<T>(
  path: string,
  items: readonly (T | undefined)[],
  key: (item: T) => string,
  same = 'is the same as',
): Problem[] {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const keys = items.map((item) => (item === undefined ? undefined : key(item)));
  return keys.flatMap((each, index) => {
    const first = keys.indexOf(each);
    if (each === undefined || first === index) return [];
    return [{ path: `${path}[${index}]`, message: `${same} ${name}[${first}]` }];
  });
}

function tooMany(path: string, n: number, most: number, what: string): Problem {
  return { path, message: `has ${n} ${what}; CXone takes ${most} at most` };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const toArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isRule = (rule: unknown): rule is FilterRule =>
  isObject(rule) && typeof rule.field === 'string' && typeof rule.operator === 'string';
