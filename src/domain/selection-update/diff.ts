/** What differs between two selections, for people to read. Pure. */
import { sameJson } from '../json.ts';
import { type Place, placesIn, allPlaces, type PlaceValue, sameValue } from './places.ts';
import type { ContactSelection } from './selection.ts';

/** `from` null: added; `to` null: removed. */
export interface Difference {
  readonly place: Place;
  readonly from: PlaceValue;
  readonly to: PlaceValue;
}

export function diffSelections(from: ContactSelection, to: ContactSelection): Difference[] {
  const [before, after] = [placesIn(from), placesIn(to)];
  const differences = allPlaces(before, after)
    .map((place) => ({ place, from: before.get(place) ?? null, to: after.get(place) ?? null }))
    .filter((each) => !sameValue(each.from, each.to));
  if (sameJson(from.priorityOrder, to.priorityOrder)) return differences;
  const [was, is] = [{ order: from.priorityOrder }, { order: to.priorityOrder }];
  return [...differences, { place: 'priorityOrder', from: was, to: is }];
}

/** `+ list L2: target`, `- rule state eq "TX"`, `~ priorities: "a", "b" → "b", "a"`. */
export function describeDifference({ place, from, to }: Difference): string {
  const name = describePlace(place);
  if (name === 'priorities') return `~ priorities: ${describeValue(from)} → ${describeValue(to)}`;
  const separator = place.startsWith('lists/') ? ': ' : ' ';
  if (from === null) return `+ ${name}${separator}${describeValue(to)}`;
  if (to === null) return `- ${name}${separator}${describeValue(from)}`;
  return `~ ${name}${separator}${describeValue(from)} → ${describeValue(to)}`;
}

/** `list L1`, `rule age gte`, `priorities`. */
export function describePlace(place: Place): string {
  const [part, ...names] = place.split('/');
  const plain = names.map((name) => name.replaceAll('%2F', '/').replaceAll('%25', '%')).join(' ');
  const word = part === 'lists' ? 'list' : part === 'filterRules' ? 'rule' : 'priorities';
  return names.length > 0
    ? `${word} ${plain}`
    : part === 'lists'
      ? 'all lists'
      : part === 'filterRules'
        ? 'all rules'
        : word;
}

export function describeValue(value: PlaceValue): string {
  if (value === null) return 'nothing';
  if ('role' in value) return value.role;
  if ('rules' in value) return value.rules.map((rule) => JSON.stringify(rule.value)).join(' and ');
  if ('order' in value)
    return value.order.length === 0 ? 'none' : value.order.map((p) => JSON.stringify(p)).join(', ');
  const { targetListIds, exclusionListIds, filterRules = [] } = value.selection;
  if (!targetListIds) return `${filterRules.length} rules`;
  return `targets ${targetListIds.join(', ') || 'none'}; exclusions ${exclusionListIds?.join(', ') || 'none'}`;
}

/**
 * The same without what might be about a person. Selections are configuration, so ids, names and values may be shown;
 * but a rule can compare with a number or an address, and what is shown in Temporal's Web UI stands in its history.
 * The ledger has the whole.
 */
export function redactValue(value: PlaceValue): PlaceValue {
  if (value === null || 'role' in value) return value;
  if ('rules' in value)
    return {
      rules: value.rules.map(({ field, operator, value: of }) => ({ field, operator, value: shown(of) })),
    };
  if ('order' in value) return { order: value.order.map(shown) };
  const { filterRules, ...lists } = value.selection;
  // A whole part: how many there are is enough.
  return { selection: { ...lists, ...(filterRules && { filterRules: filterRules.map(nameless) }) } };
}

const nameless = ({ field, operator }: { field: string; operator: string }) => ({
  field,
  operator,
  value: '…',
});

const LONGEST_SHOWN = 60;
/** Seven digits, however they are grouped, may be a telephone number; dates are none. */
const MAY_BE_A_PERSON = /@|\d(?:[\s().-]*\d){6}/;
const DATE = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2})?)?$/;

/** CXone's own words without what may be a number or an address; `ids` are configuration and stay. */
export function redactMessage(words: string, ids: readonly string[]): string {
  return words.replace(PERSONS, (found) => (ids.some((id) => id.includes(found)) ? found : '…'));
}

const PERSONS = /[^\s"']+@[^\s"']+|\+?\(?\d(?:[\s().-]*\d){6,}/g;

function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
  if (typeof value === 'number') return Math.abs(value) < 1_000_000 ? value : '(a long number)';
  if (typeof value !== 'string') return value;
  if (value.length > LONGEST_SHOWN) return `(${value.length} characters)`;
  return MAY_BE_A_PERSON.test(value) && !DATE.test(value) ? `(${value.length} characters)` : value;
}
