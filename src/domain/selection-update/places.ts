/**
 * The places of a selection: what two people can change without getting in each other's way. A list is one place,
 * whether it is targeted or excluded (so that no merge can make it both); a rule is one, by field and operator. The
 * order of priorities is one place too, with a merge of its own (priority-order.ts). Pure.
 */
import { canonicalText, sameJson } from '../json.ts';
import { type ContactSelection, type FilterRule, ruleKey } from './selection.ts';

/** `lists/L1`, `filterRules/age/gte`, `priorityOrder`; or a whole part, `lists` or `filterRules`. */
export type Place = string;

export const PARTS = ['lists', 'filterRules', 'priorityOrder'] as const;
export type Part = (typeof PARTS)[number];

/** `both` is wrong, and only CXone's own document can have it. */
export type Role = 'target' | 'exclusion' | 'both';

/** What stands at a place; null: nothing. */
export type PlaceValue =
  | null
  | { readonly role: Role }
  /** Of our own selections exactly one; CXone may have several of one field and operator. */
  | { readonly rules: readonly FilterRule[] }
  | { readonly order: readonly unknown[] }
  | { readonly selection: Partial<ContactSelection> };

/** Lists and rules; the priorities are no entry of it. */
export function placesIn(selection: ContactSelection): ReadonlyMap<Place, PlaceValue> {
  const places = new Map<Place, PlaceValue>();
  for (const id of selection.targetListIds) places.set(listPlace(id), { role: 'target' });
  for (const id of selection.exclusionListIds) {
    const role = selection.targetListIds.includes(id) ? 'both' : 'exclusion';
    places.set(listPlace(id), { role });
  }
  for (const rule of selection.filterRules) {
    const place = rulePlace(rule);
    const before = places.get(place);
    places.set(place, { rules: [...(before && 'rules' in before ? before.rules : []), rule] });
  }
  return places;
}

export function listPlace(id: string): Place {
  return `lists/${escaped(id)}`;
}

export function rulePlace({ field, operator }: Pick<FilterRule, 'field' | 'operator'>): Place {
  return `filterRules/${escaped(field)}/${escaped(operator)}`;
}

export function toPart(place: Place): Part {
  return PARTS.find((part) => place.startsWith(part)) ?? 'priorityOrder';
}

/** Rules are the same if their values are, in whatever order; further fields that CXone keeps at them do not matter. */
export function sameValue(a: PlaceValue, b: PlaceValue): boolean {
  return sameJson(comparable(a), comparable(b));
}

/** The same to a dialler: lists and rules as sets, priorities in order. */
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

/** The selection, with what the other one has at these places. */
export function replacePlaces(
  selection: ContactSelection,
  other: ContactSelection,
  places: readonly Place[],
): ContactSelection {
  const from = (place: Place) => (places.includes(place) ? other : selection);
  const listsIn = (field: 'targetListIds' | 'exclusionListIds') =>
    [...new Set([...selection[field], ...other[field]])].filter((id) =>
      from(listPlace(id))[field].includes(id),
    );
  const rulesOf = (side: ContactSelection) =>
    side.filterRules.filter((rule) => from(rulePlace(rule)) === side);
  return {
    targetListIds: listsIn('targetListIds'),
    exclusionListIds: listsIn('exclusionListIds'),
    filterRules: [...rulesOf(selection), ...rulesOf(other)],
    priorityOrder: from('priorityOrder').priorityOrder,
  };
}

/** The places that either has, in the order of the first and then of the second. */
export function allPlaces(a: ReadonlyMap<Place, unknown>, b: ReadonlyMap<Place, unknown>): Place[] {
  return [...new Set([...a.keys(), ...b.keys()])];
}

function comparable(value: PlaceValue): unknown {
  if (value && 'rules' in value)
    return value.rules.map((rule) => canonicalText([ruleKey(rule), rule.value])).sort();
  return value;
}

const escaped = (name: string): string => name.replaceAll('%', '%25').replaceAll('/', '%2F');
