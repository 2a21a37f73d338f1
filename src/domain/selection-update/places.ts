/**
 * The places of a selection: what two people can change independently. A list is one place, whether it is targeted or
 * excluded, so that no merge can make it both. The rules of one field and operator are one place, or those of a field if a
 * conflict is about several operators, and the priority order is one; both have a merge of their own (rules.ts,
 * priority-order.ts). Pure.
 */
import { sameJson } from '../json.ts';
import { type FilterRule, ruleKey, uniqueRules } from './rules.ts';
import type { ContactSelection } from './selection.ts';

/**
 * `lists/L1`, `filterRules/age/gte` or `priorityOrder`. In a conflict also all rules of a field, `filterRules/age`, or a whole
 * part, `lists` or `filterRules`.
 */
export type Place = string;

export const PARTS = ['lists', 'filterRules', 'priorityOrder'] as const;
export type Part = (typeof PARTS)[number];

/** `both` is invalid, and can only occur in a campaign as read from CXone. */
export type Role = 'target' | 'exclusion' | 'both';

/** The value of a place. null: nothing is there. */
export type PlaceValue =
  | null
  | { readonly role: Role }
  /** All rules of the place, each once. */
  | { readonly rules: readonly FilterRule[] }
  | { readonly order: readonly unknown[] }
  | { readonly selection: Partial<ContactSelection> };

/** The lists and rules. The priority order is not included. */
export function placesIn(
  selection: ContactSelection,
  placeOf: (rule: FilterRule) => Place = rulePlace,
): ReadonlyMap<Place, PlaceValue> {
  const places = new Map<Place, PlaceValue>();
  const targets = new Set(selection.targetListIds);
  for (const id of targets) places.set(listPlace(id), { role: 'target' });
  for (const id of selection.exclusionListIds) {
    const role = targets.has(id) ? 'both' : 'exclusion';
    places.set(listPlace(id), { role });
  }
  const rules = new Map<Place, FilterRule[]>();
  for (const rule of uniqueRules(selection.filterRules)) {
    const place = placeOf(rule);
    const alike = rules.get(place) ?? [];
    alike.push(rule);
    rules.set(place, alike);
    places.set(place, { rules: alike });
  }
  return places;
}

export function listPlace(id: string): Place {
  return `lists/${escaped(id)}`;
}

export function rulePlace({ field, operator }: Pick<FilterRule, 'field' | 'operator'>): Place {
  return `filterRules/${escaped(field)}/${escaped(operator)}`;
}

export function fieldPlace(field: string): Place {
  return `filterRules/${escaped(field)}`;
}

/** Is it about all rules of a field? */
export function isFieldPlace(place: Place): boolean {
  const names = place.split('/');
  return names[0] === 'filterRules' && names.length === 2;
}

/** Is the place the other one, or a part of it? */
export function isWithin(place: Place, other: Place): boolean {
  return `${place}/`.startsWith(`${other}/`);
}

export const rulesOf = (value: PlaceValue): readonly FilterRule[] =>
  value && 'rules' in value ? value.rules : [];

export const toRules = (rules: readonly FilterRule[]): PlaceValue => (rules.length > 0 ? { rules } : null);

export function toPart(place: Place): Part {
  return PARTS.find((part) => place.startsWith(part)) ?? 'priorityOrder';
}

/** Rules are compared as a set. */
export function sameValue(a: PlaceValue, b: PlaceValue): boolean {
  return sameJson(comparable(a), comparable(b));
}

/** Has the same effect on a campaign: lists and rules are compared as sets, priorities in order. */
export function sameSelection(a: ContactSelection, b: ContactSelection): boolean {
  const [here, there] = [placesIn(a), placesIn(b)];
  if (here.size !== there.size || !sameJson(a.priorityOrder, b.priorityOrder)) return false;
  return [...here].every(([place, value]) => sameValue(value, there.get(place) ?? null));
}

export function readPart(selection: ContactSelection, part: Part): PlaceValue {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection;
  if (part === 'lists') return { selection: { targetListIds, exclusionListIds } };
  if (part === 'filterRules') return { selection: { filterRules } };
  return { order: priorityOrder };
}

/** The selection, with the values of `other` at these places. */
export function replacePlaces(
  selection: ContactSelection,
  other: ContactSelection,
  places: readonly Place[],
): ContactSelection {
  const from = (place: Place) => (places.includes(place) ? other : selection);
  const mergeLists = (field: 'targetListIds' | 'exclusionListIds') =>
    [...new Set([...selection[field], ...other[field]])].filter((id) =>
      from(listPlace(id))[field].includes(id),
    );
  const keptRules = (side: ContactSelection) =>
    side.filterRules.filter((rule) => from(rulePlace(rule)) === side);
  return {
    targetListIds: mergeLists('targetListIds'),
    exclusionListIds: mergeLists('exclusionListIds'),
    filterRules: [...keptRules(selection), ...keptRules(other)],
    priorityOrder: from('priorityOrder').priorityOrder,
  };
}

/** The places of both, first those of `a`. */
export function allPlaces(a: ReadonlyMap<Place, unknown>, b: ReadonlyMap<Place, unknown>): Place[] {
  return [...new Set([...a.keys(), ...b.keys()])];
}

function comparable(value: PlaceValue): unknown {
  return value && 'rules' in value ? value.rules.map(ruleKey).sort() : value;
}

const escaped = (name: string): string => name.replaceAll('%', '%25').replaceAll('/', '%2F');
