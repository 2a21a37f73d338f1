/** Changes of a selection: their rules, and how they are applied. Pure. */
import { canonicalText, describeKey, findJsonProblem, isObject } from '../json.ts';
import { plural } from '../numbers.ts';
import { shorten } from '../shorten.ts';
import { quoteName } from '../text.ts';
import { describePlace, describeValue, redactValue } from './diff.ts';
import { looksLike } from './list-ids.ts';
import { rulePlace } from './places.ts';
import {
  excludeEachOther,
  type FilterRule,
  ruleKey,
  uniqueRules,
  withoutExclusiveFields,
  withoutRules,
} from './rules.ts';
import {
  type ContactSelection,
  describeExclusion,
  exclusionProblems,
  limitProblems,
  type Problem,
  readEntries,
  repetitionProblems,
  SELECTION_FIELDS,
  shapeProblems,
} from './selection.ts';
import { countProblems } from './size.ts';

/** Without a value: the only rule with this field and operator. */
export type RuleToRemove = Pick<FilterRule, 'field' | 'operator'> & Partial<Pick<FilterRule, 'value'>>;

/**
 * What to add to a selection and what to remove from it, so that several teams can change the same campaign. A rule that is
 * added replaces none: the one to replace has to be removed as well. A priority is appended. Adding what is there already, or
 * removing what is not there, has no effect; the latter is reported.
 */
export interface SelectionChange {
  readonly add?: Partial<ContactSelection>;
  readonly remove?: Partial<Omit<ContactSelection, 'filterRules'>> & {
    readonly filterRules?: readonly RuleToRemove[];
  };
}

/** What is wrong with a change by itself. Whether it fits a campaign has to be checked with `fitProblems`. */
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
  return [
    ...limits,
    ...repetitionProblems(entries, path),
    ...exclusionProblems(entries.filterRules, [], path),
  ];
}

/** Why a change cannot be applied to a selection. Values are redacted, because the message becomes part of a history. */
export function fitProblems(
  base: ContactSelection,
  { add = {}, remove = {} }: SelectionChange,
  path = 'change',
): Problem[] {
  const rules = uniqueRules(base.filterRules);
  const removals = remove.filterRules ?? [];
  const staying = rules.filter((rule) => !removals.some((removal) => isRemovedBy(removal, rule)));
  const excluding = (add.filterRules ?? []).flatMap((rule, index) => {
    const excluded = staying.filter((each) => excludeEachOther(rule, each));
    const isThere = withoutRules([rule], rules).length === 0;
    return excluded.length === 0 || isThere ? [] : [{ rule, index, excluded }];
  });
  return [
    ...removals.flatMap((removal, index) => {
      const found = rules.filter((rule) => isRemovedBy(removal, rule));
      if (found.length < 2) return [];
      const message = `fits ${plural(found.length, 'rule')} of the campaign (${describeRules(found)}): name the value of the one to remove`;
      return [{ path: `${path}.remove.filterRules[${index}]`, message }];
    }),
    ...withoutExclusiveFields(excluding, rules).map(({ rule, index, excluded }) => ({
      path: `${path}.add.filterRules[${index}]`,
      message:
        `excludes ${describeRules(excluded)} of the campaign: ${describeExclusion(rule)}. ` +
        'To replace that rule, name it in "remove" of the same change',
    })),
  ];
}

const MAX_DESCRIBED_CHARACTERS = 200;

/**
 * Rules that a change names to be removed and that are not there, while others of the same field and operator are: perhaps
 * somebody changed the rule, or the type of its value is another one.
 */
export function describeMissingRules(
  base: ContactSelection,
  { add = {}, remove = {} }: SelectionChange,
): string[] {
  return (remove.filterRules ?? []).flatMap(({ field, operator, value }) => {
    if (value === undefined) return [];
    const rule = { field, operator, value };
    const alike = uniqueRules(base.filterRules).filter((each) => rulePlace(each) === rulePlace(rule));
    const others = withoutRules(alike, add.filterRules ?? []);
    if (others.length === 0 || withoutRules([rule], alike).length === 0) return [];
    return [`${describeRules([rule])} is not there to be removed (there: ${describeValues(others)})`];
  });
}

/** What a change names to be removed and that is not there, as sentences. */
export function describeMissing(base: ContactSelection, change: SelectionChange): string[] {
  const { remove = {}, add = {} } = change;
  const lists = (['targetListIds', 'exclusionListIds'] as const).flatMap((field) =>
    (remove[field] ?? []).flatMap((id) => {
      if (base[field].includes(id)) return [];
      const alike = base[field].filter((other) => looksLike(id, other)).map(quoteName);
      const there = alike.length === 0 ? '' : ` (there: ${alike.join(' and ')})`;
      return [`list ${quoteName(id)}: ${ROLES[field]} is not there to be removed${there}`];
    }),
  );
  const order = without(remove.priorityOrder ?? [], base.priorityOrder, canonicalText);
  const priorities = order.map(
    (priority) => `priority ${describePriority(priority)} is not there to be removed`,
  );
  const rules = (remove.filterRules ?? []).flatMap(({ field, operator }) => {
    const isAlike = (other: Pick<FilterRule, 'field' | 'operator'>) =>
      other.field === field && other.operator === operator;
    // Those of which others are there have a better message, and a replacement has been made already.
    if (base.filterRules.some(isAlike) || (add.filterRules ?? []).some(isAlike)) return [];
    return [`rule ${shorten(`${field} ${operator}`, MAX_DESCRIBED_CHARACTERS)} is not there to be removed`];
  });
  return [...lists, ...rules, ...describeMissingRules(base, change), ...priorities];
}

const describePriority = (priority: unknown): string =>
  shorten(describeValue(redactValue({ order: [priority] })), MAX_DESCRIBED_CHARACTERS);

const ROLES = { targetListIds: 'target', exclusionListIds: 'exclusion' } as const;

/** `rule state ne "CA" and "NY"`, for each field and operator. */
function describeRules(rules: readonly FilterRule[]): string {
  return [...new Set(rules.map(rulePlace))]
    .map((place) => {
      const alike = rules.filter((rule) => rulePlace(rule) === place);
      return `${describePlace(place)} ${describeValues(alike)}`;
    })
    .join(' and ');
}

const describeValues = (rules: readonly FilterRule[]): string =>
  shorten(describeValue(redactValue({ rules })), MAX_DESCRIBED_CHARACTERS);

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
  const added = new Set(add.map(ruleKey));
  const isKept = (rule: FilterRule) =>
    added.has(ruleKey(rule)) || !remove.some((removal) => isRemovedBy(removal, rule));
  return [...base.filter(isKept), ...withoutRules(add, base)];
}

function isRemovedBy({ field, operator, value }: RuleToRemove, rule: FilterRule): boolean {
  if (value === undefined) return field === rule.field && operator === rule.operator;
  return ruleKey({ field, operator, value }) === ruleKey(rule);
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
