/** Describes the differences between two selections for people. Pure. */
import { sameJson } from '../json.ts';
import { plural } from '../numbers.ts';
import {
  allPlaces,
  isFieldPlace,
  type Place,
  type PlaceValue,
  placesIn,
  rulesOf,
  sameValue,
  toRules,
} from './places.ts';
import { type FilterRule, withoutRules } from './rules.ts';
import type { ContactSelection } from './selection.ts';

/** `from` null: added; `to` null: removed. Of rules, only those that were removed and added. */
export interface Difference {
  readonly place: Place;
  readonly from: PlaceValue;
  readonly to: PlaceValue;
  /** Rules of the same field and operator that an addition leaves as they are. */
  readonly kept?: readonly FilterRule[];
}

export function diffSelections(from: ContactSelection, to: ContactSelection): Difference[] {
  const [before, after] = [placesIn(from), placesIn(to)];
  const differences = allPlaces(before, after)
    .map((place) => ({ place, from: before.get(place) ?? null, to: after.get(place) ?? null }))
    .filter((each) => !sameValue(each.from, each.to))
    .map(withoutUnchangedRules);
  if (sameJson(from.priorityOrder, to.priorityOrder)) return differences;
  const [was, is] = [{ order: from.priorityOrder }, { order: to.priorityOrder }];
  return [...differences, { place: 'priorityOrder', from: was, to: is }];
}

function withoutUnchangedRules(difference: Difference): Difference {
  const [before, after] = [rulesOf(difference.from), rulesOf(difference.to)];
  if (before.length === 0 || after.length === 0) return difference;
  const [removed, added] = [withoutRules(before, after), withoutRules(after, before)];
  const kept = withoutRules(before, removed);
  return {
    place: difference.place,
    from: toRules(removed),
    to: toRules(added),
    ...(added.length > 0 && kept.length > 0 && { kept }),
  };
}

/** Is the difference, or more at the same place, among those shown? Orders count as shown, since others may insert theirs. */
export function isShown({ place, from, to }: Difference, shown: readonly Difference[]): boolean {
  const has = (all: PlaceValue, some: PlaceValue) => withoutRules(rulesOf(some), rulesOf(all)).length === 0;
  return shown.some((each) => {
    if (each.place !== place) return false;
    if (place === 'priorityOrder') return true;
    if (place.startsWith('filterRules')) return has(each.from, from) && has(each.to, to);
    return sameValue(each.to, to);
  });
}

/**
 * `+ list L2: target`, `- rule state eq "TX"`, `~ rule age gte 18 → 21`, `+ rule state ne "NY" (keeps "CA")`,
 * `~ priorities: "a", "b" → "b", "a"`.
 */
export function describeDifference({ place, from, to, kept = [] }: Difference): string {
  const name = describePlace(place);
  if (name === 'priorities') return `~ priorities: ${describeValue(from)} → ${describeValue(to)}`;
  const separator = place.startsWith('lists/') ? ': ' : ' ';
  const others = kept.length > 0 ? ` (keeps ${describeValue({ rules: kept })})` : '';
  if (from === null) return `+ ${name}${separator}${describeValue(to)}${others}`;
  if (to === null) return `- ${name}${separator}${describeValue(from)}`;
  return `~ ${name}${separator}${describeValue(from)} → ${describeValue(to)}${others}`;
}

/** `list L1`, `rule age gte`, `rules of age`, `priorities`. */
export function describePlace(place: Place): string {
  const [part, ...names] = place.split('/');
  const plain = names.map((name) => name.replaceAll('%2F', '/').replaceAll('%25', '%')).join(' ');
  if (part === 'lists') return names.length > 0 ? `list ${plain}` : 'all lists';
  if (isFieldPlace(place)) return `rules of ${plain}`;
  if (part === 'filterRules') return names.length > 0 ? `rule ${plain}` : 'all rules';
  return 'priorities';
}

/** @param place of the value. Rules are described with what it does not say: `18`, or `gte 18` of all rules of a field. */
export function describeValue(value: PlaceValue, place?: Place): string {
  if (value === null) return 'nothing';
  if ('role' in value) return value.role;
  if ('rules' in value) {
    const describe = ({ operator, value: compared }: FilterRule) =>
      place !== undefined && isFieldPlace(place)
        ? `${operator} ${JSON.stringify(compared)}`
        : JSON.stringify(compared);
    return value.rules.map(describe).join(' and ');
  }
  if ('order' in value)
    return value.order.length === 0 ? 'none' : value.order.map((p) => JSON.stringify(p)).join(', ');
  const { targetListIds, exclusionListIds, filterRules = [] } = value.selection;
  if (!targetListIds) return plural(filterRules.length, 'rule');
  return `targets ${targetListIds.join(', ') || 'none'}; exclusions ${exclusionListIds?.join(', ') || 'none'}`;
}

/**
 * The value without anything that may be personal data. Selections are configuration, so ids, names and values may be
 * shown. But a rule may compare with a phone number or an email address, and whatever Temporal's Web UI shows is part of the
 * workflow history. The ledger has the complete value.
 */
export function redactValue(value: PlaceValue): PlaceValue {
  if (value === null || 'role' in value) return value;
  if ('rules' in value)
    return {
      rules: value.rules.map((rule) => ({
        field: rule.field,
        operator: rule.operator,
        value: redact(rule.value),
      })),
    };
  if ('order' in value) return { order: value.order.map(redact) };
  const { filterRules, ...lists } = value.selection;
  // For a whole part the number of rules is enough.
  return { selection: { ...lists, ...(filterRules && { filterRules: filterRules.map(dropValue) }) } };
}

/** The difference with redacted values. */
export function redactDifference({ place, from, to, kept }: Difference): Difference {
  return {
    place,
    from: redactValue(from),
    to: redactValue(to),
    ...(kept && { kept: rulesOf(redactValue({ rules: kept })) }),
  };
}

const dropValue = ({ field, operator }: { field: string; operator: string }) => ({
  field,
  operator,
  value: '…',
});

const MAX_SHOWN_CHARACTERS = 60;
/** Seven digits, however grouped, may be a phone number, unless they are a date. */
const MAY_BE_PERSONAL = /@|\d(?:[\s().-]*\d){6}/;
const DATE = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2})?)?$/;

function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redact(inner)]));
  if (typeof value === 'number') return Math.abs(value) < 1_000_000 ? value : '(a long number)';
  if (typeof value !== 'string') return value;
  if (value.length > MAX_SHOWN_CHARACTERS) return `(${plural(value.length, 'character')})`;
  return MAY_BE_PERSONAL.test(value) && !DATE.test(value) ? `(${plural(value.length, 'character')})` : value;
}
