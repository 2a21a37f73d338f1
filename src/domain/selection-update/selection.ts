/**
 * The selection of a campaign, which determines the contacts that it dials, and its rules
 * (docs/cxone-contract.md#selection-rules). Pure.
 */
import { canonicalText, describeKey, findJsonProblem, isObject, type JsonProblem } from '../json.ts';
import { quoteName, TEXT_RULES, type TextRule, textProblem } from '../text.ts';
import { listIdProblem } from './list-ids.ts';
import { excludeEachOther, type FilterRule, ruleKey, uniqueRules, withoutExclusiveFields } from './rules.ts';
import { countProblems, lengthProblem, MAX_NAME_CHARACTERS } from './size.ts';

export interface ContactSelection {
  readonly targetListIds: readonly string[];
  readonly exclusionListIds: readonly string[];
  /** No rule twice. A contact has to satisfy all of them. */
  readonly filterRules: readonly FilterRule[];
  /** Usually texts; some tenants have objects. */
  readonly priorityOrder: readonly unknown[];
}

export type Problem = JsonProblem;

export const describeProblem = ({ path, message }: Problem): string => `${path} ${message}`;

/** No longer than it may be in CXone: once written, a longer one would make every later run on the campaign fail. */
const LIST_ID = { ...TEXT_RULES.id, maxCharacters: MAX_NAME_CHARACTERS };
const MAX_FILTER_RULES = 50;
const MAX_PRIORITIES = 5;

export const SELECTION_FIELDS = [
  'targetListIds',
  'exclusionListIds',
  'filterRules',
  'priorityOrder',
] as const;
export type SelectionField = (typeof SELECTION_FIELDS)[number];

/**
 * Every problem of a complete selection. Everything except the target lists may be missing.
 * @param isEdited it was made from a campaign in CXone. Which of its rules exclude each other depends on those of the campaign:
 * check them with `exclusionProblems`
 */
export function selectionProblems(value: unknown, path = 'selection', isEdited = false): Problem[] {
  if (!isObject(value)) return [{ path, message: 'must be one JSON object' }];
  const tooMany = countProblems(value, path);
  if (tooMany.length > 0) return tooMany;
  const unreadable = findJsonProblem(value, path);
  if (unreadable) return [unreadable];
  const shape = shapeProblems(value, path, 'whole');
  const hasWrongShape = (problem: Problem) => shape.some((each) => each.path === problem.path);
  const entries = readEntries(value);
  const rules = [
    ...limitProblems(entries, path),
    ...repetitionProblems(entries, path),
    ...(isEdited ? [] : exclusionProblems(entries.filterRules, [], path)),
  ];
  return [...shape, ...rules.filter((problem) => !hasWrongShape(problem))];
}

/**
 * Rules that exclude each other, unless the base has such rules of the same field.
 * @param path of the selection or of the part that has the rules
 */
export function exclusionProblems(
  rules: readonly (FilterRule | undefined)[],
  base: readonly FilterRule[],
  path: string,
): Problem[] {
  const found = rules.flatMap((rule, index) => {
    if (rule === undefined) return [];
    const first = rules
      .slice(0, index)
      .findIndex((other) => other !== undefined && excludeEachOther(rule, other));
    return first < 0 ? [] : [{ rule, index, first }];
  });
  return withoutExclusiveFields(found, base).map(({ rule, index, first }) => ({
    path: `${path}.filterRules[${index}]`,
    message: `excludes filterRules[${first}]: ${describeExclusion(rule)}`,
  }));
}

export const describeExclusion = ({ field }: FilterRule): string =>
  `no contact has two values of ${quoteName(field)}, so the campaign would dial nobody`;

/** For a person to edit: without repetitions, and with only those fields of a rule that an update accepts. */
export function toEditable(selection: ContactSelection): ContactSelection {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection;
  return {
    targetListIds: [...new Set(targetListIds)],
    exclusionListIds: [...new Set(exclusionListIds)],
    filterRules: uniqueRules(filterRules).map(({ field, operator, value = null }) => ({
      field,
      operator,
      value,
    })),
    priorityOrder,
  };
}

/** Fills in defaults and leaves out what has the wrong shape, so check with `selectionProblems` first. */
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

/** The parts of a selection as given. An entry with the wrong shape is undefined, so that the others keep their positions. */
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

/** The rules of the vendor, except for what appears twice: CXone may have that, and no desired selection does. */
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
    const message = `is "${id}", as is targetListIds[${target}]: a list that is both targeted and excluded dials nobody`;
    problems.push({ path: `${at('exclusionListIds')}[${index}]`, message });
  });
  return problems;
}

export function repetitionProblems(entries: Entries, path: string): Problem[] {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = entries;
  const at = (field: SelectionField) => `${path}.${field}`;
  return [
    ...findRepetitions(at('targetListIds'), targetListIds, String),
    ...findRepetitions(at('exclusionListIds'), exclusionListIds, String),
    ...findRepetitions(at('filterRules'), filterRules, ruleKey),
    ...findRepetitions(at('priorityOrder'), priorityOrder, canonicalText),
  ];
}

// --- shapes -------------------------------------------------------------------------------------------------

/** Unknown fields, parts that are not lists, and entries with the wrong shape. */
export function shapeProblems(
  value: Record<string, unknown>,
  path: string,
  of: 'whole' | 'add' | 'remove',
): Problem[] {
  return Object.entries(value).flatMap(([field, entries]) => {
    const at = `${path}.${describeKey(field)}`;
    if (!SELECTION_FIELDS.includes(field as SelectionField))
      return [{ path: at, message: `is unknown; a selection has ${SELECTION_FIELDS.join(', ')}` }];
    if (entries === undefined) return [];
    if (!Array.isArray(entries)) return [{ path: at, message: 'must be a list' }];
    return entries.flatMap((entry: unknown, i) =>
      entryProblems(entry, field, `${at}[${i}]`, of === 'remove'),
    );
  });
}

function entryProblems(entry: unknown, field: string, path: string, toRemove: boolean): Problem[] {
  if (field === 'filterRules') return ruleShapeProblems(entry, path, toRemove);
  if (field === 'priorityOrder' && isObject(entry)) return lengthProblems(entry, path);
  if (field === 'priorityOrder') return textProblems(entry, path, TEXT_RULES.name);
  const problems = textProblems(entry, path, LIST_ID);
  // What CXone has may look odd, and has to be removable.
  const oddity = problems.length > 0 || toRemove ? null : listIdProblem(entry as string);
  return oddity === null ? problems : [{ path, message: oddity }];
}

function ruleShapeProblems(rule: unknown, path: string, toRemove: boolean): Problem[] {
  if (!isObject(rule)) return [{ path, message: 'must be {"field", "operator", "value"}' }];
  const problems: Problem[] = [];
  for (const name of ['field', 'operator']) {
    if (rule[name] === undefined) problems.push({ path: `${path}.${name}`, message: 'is missing' });
    else problems.push(...textProblems(rule[name], `${path}.${name}`, TEXT_RULES.name));
  }
  if (rule.value === undefined && !toRemove)
    problems.push({ path: `${path}.value`, message: 'is missing (false, 0 and null are values)' });
  for (const name of Object.keys(rule).filter((key) => !['field', 'operator', 'value'].includes(key)))
    problems.push({
      path: `${path}.${describeKey(name)}`,
      message: 'is unknown; a rule has field, operator and value',
    });
  return problems.length > 0 ? problems : lengthProblems(rule, path);
}

function lengthProblems(entry: unknown, path: string): Problem[] {
  const message = lengthProblem(entry);
  return message === null ? [] : [{ path, message }];
}

function textProblems(value: unknown, path: string, rule: TextRule): Problem[] {
  const message = isText(value) ? textProblem(value, rule) : 'must be a non-empty text';
  return message === null ? [] : [{ path, message }];
}

/** @param items undefined entries are not compared */
function findRepetitions<T>(
  path: string,
  items: readonly (T | undefined)[],
  key: (item: T) => string,
): Problem[] {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const keys = items.map((item) => (item === undefined ? undefined : key(item)));
  return keys.flatMap((each, index) => {
    const first = keys.indexOf(each);
    if (each === undefined || first === index) return [];
    return [{ path: `${path}[${index}]`, message: `is the same as ${name}[${first}]` }];
  });
}

function tooMany(path: string, n: number, max: number, what: string): Problem {
  return { path, message: `has ${n} ${what}; CXone accepts at most ${max}` };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const toArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isRule = (rule: unknown): rule is FilterRule =>
  isObject(rule) && typeof rule.field === 'string' && typeof rule.operator === 'string';
