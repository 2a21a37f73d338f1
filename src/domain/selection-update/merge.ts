/**
 * Three-way merge of selections. `base` is the selection from which the desired one was made, `theirs` is what CXone has
 * now, `ours` is the desired one. What only one side changed is taken from that side, so that no edit is lost. Changes of
 * both sides that cannot both stand are a conflict, which the policy or a person resolves. Pure.
 */
import { canonicalText } from '../json.ts';
import {
  allPlaces,
  fieldPlace,
  isWithin,
  listPlace,
  PARTS,
  type Part,
  type Place,
  type PlaceValue,
  placesIn,
  readPart,
  rulePlace,
  rulesOf,
  sameSelection,
  sameValue,
  toPart,
  toRules,
} from './places.ts';
import { appendOrder, mergeOrder } from './priority-order.ts';
import {
  type FilterRule,
  findRuleConflict,
  mergeRules,
  type RuleConflict,
  ruleKey,
  withoutRules,
} from './rules.ts';
import { type ContactSelection, describeProblem, limitProblems, type Problem } from './selection.ts';

export interface Conflict {
  readonly place: Place;
  readonly base: PlaceValue;
  readonly theirs: PlaceValue;
  readonly ours: PlaceValue;
  /** Why this is a conflict, if it is not simply two different changes. */
  readonly problem?: string;
}

export type Side = 'mine' | 'theirs';

export interface Sides {
  readonly base: ContactSelection;
  readonly theirs: ContactSelection;
  readonly ours: ContactSelection;
  /** `ours` is the result of a change, which appends its priorities to whatever is there. */
  readonly isChange?: boolean;
}

export type ResolvedConflict = Conflict & { readonly side: Side };

export type Merged =
  | {
      readonly kind: 'merged';
      readonly selection: ContactSelection;
      readonly resolved: readonly ResolvedConflict[];
    }
  /** `open`: the conflicts that are not resolved. */
  | { readonly kind: 'conflict'; readonly open: readonly Conflict[] }
  /** The result breaks a rule, because the selection in CXone already does. */
  | { readonly kind: 'broken'; readonly problems: readonly Problem[] };

/** Decides a conflict. null: it stays open. */
export type ResolveConflict = (conflict: Conflict) => Side | null;

/**
 * Places where our own write may have been applied and edited by someone else since. Unless both sides have the same value
 * there, each is a conflict.
 */
export interface Disputed {
  readonly places: readonly Place[];
  /** The same for all of the places. */
  readonly problem: string;
}

const UNDISPUTED: Disputed = { places: [], problem: '' };

export function mergeSelections(
  sides: Sides,
  resolve: ResolveConflict,
  disputed: Disputed = UNDISPUTED,
): Merged {
  const open: Conflict[] = [];
  const resolved: ResolvedConflict[] = [];
  const decide = (conflict: Conflict): Side | null => {
    const side = resolve(conflict);
    if (side === null) open.push(conflict);
    else resolved.push({ ...conflict, side });
    return side;
  };
  const places = mergePlaces(sides, decide, disputed);
  const order = mergePriorities(sides, decide, disputed);
  if (open.length > 0) return { kind: 'conflict', open };
  const merged = enforceRules(assemble(sides, places, order), sides, decide);
  if (open.length > 0) return { kind: 'conflict', open };
  const problems = limitProblems(merged, 'contactSelection');
  return problems.length > 0 ? { kind: 'broken', problems } : { kind: 'merged', selection: merged, resolved };
}

function mergePlaces(
  sides: Sides,
  decide: ResolveConflict,
  disputed: Disputed,
): ReadonlyMap<Place, PlaceValue> {
  const conflicts = findRuleConflicts(sides);
  const placeOf = (rule: FilterRule): Place => {
    const place = fieldPlace(rule.field);
    return conflicts.has(place) ? place : rulePlace(rule);
  };
  const [base, theirs, ours] = [sides.base, sides.theirs, sides.ours].map((side) =>
    placesIn(side, placeOf),
  ) as ThreeOf<ReadonlyMap<Place, PlaceValue>>;
  const valueAt = (place: Place): PlaceValue => {
    const three = [base, theirs, ours].map((places) => places.get(place) ?? null) as Three;
    const conflict = conflicts.get(place);
    const merged = conflict ? undefined : mergeValues(...three);
    return settlePlace({ place, three, merged, problem: conflict?.problem ?? null }, decide, disputed);
  };
  return new Map(allPlaces(theirs, ours).map((place) => [place, valueAt(place)]));
}

type ThreeOf<T> = [base: T, theirs: T, ours: T];
type Three = ThreeOf<PlaceValue>;

/** At the rules of one field and operator if all of a conflict is there, otherwise at all rules of the field. */
function findRuleConflicts({ base, theirs, ours }: Sides): ReadonlyMap<Place, RuleConflict> {
  const fields = new Set([...theirs.filterRules, ...ours.filterRules].map(({ field }) => field));
  const found = [...fields].flatMap((field): [Place, RuleConflict][] => {
    const ofField = ({ filterRules }: ContactSelection) => filterRules.filter((rule) => rule.field === field);
    const conflict = findRuleConflict(ofField(base), ofField(theirs), ofField(ours));
    if (!conflict) return [];
    const [operator, ...others] = conflict.operators;
    const isOne = operator !== undefined && others.length === 0;
    return [[isOne ? rulePlace({ field, operator }) : fieldPlace(field), conflict]];
  });
  return new Map(found);
}

/** Undefined: a conflict. Rules are merged even if `findRuleConflict` finds a conflict. */
export function mergeValues(base: PlaceValue, theirs: PlaceValue, ours: PlaceValue): PlaceValue | undefined {
  if (sameValue(theirs, ours) || sameValue(base, ours)) return theirs;
  if (sameValue(base, theirs)) return ours;
  const areRules = [base, theirs, ours].some((value) => rulesOf(value).length > 0);
  return areRules ? toRules(mergeRules(rulesOf(base), rulesOf(theirs), rulesOf(ours))) : undefined;
}

function mergePriorities(sides: Sides, decide: ResolveConflict, disputed: Disputed): readonly unknown[] {
  const { isChange = false } = sides;
  const orders = [sides.base, sides.theirs, sides.ours].map(({ priorityOrder }) => priorityOrder) as Orders;
  const merged = mergeOrder(...orders) ?? (isChange ? appendOrder(...orders) : null);
  const three = orders.map(toOrder) as Three;
  const place = { place: 'priorityOrder', three, merged: merged ? toOrder(merged) : undefined };
  const settled = settlePlace({ ...place, problem: null }, decide, disputed);
  return settled && 'order' in settled ? settled.order : [];
}

type Orders = ThreeOf<readonly unknown[]>;
const toOrder = (order: readonly unknown[]): PlaceValue => ({ order });

interface MergedPlace {
  readonly place: Place;
  readonly three: Three;
  /** Undefined: a conflict. */
  readonly merged: PlaceValue | undefined;
  /** Why it is a conflict, if there is more to say than that both sides changed it. */
  readonly problem: string | null;
}

function settlePlace(
  { place, three, merged, problem: conflict }: MergedPlace,
  decide: ResolveConflict,
  disputed: Disputed,
): PlaceValue {
  const [base, theirs, ours] = three;
  const doubt = disputed.places.some((each) => isWithin(each, place)) ? disputed.problem : null;
  if (merged !== undefined && (doubt === null || sameValue(merged, theirs))) return merged;
  const mine = merged === undefined ? ours : merged;
  const problem = doubt ?? conflict;
  const side = decide({ place, base, theirs, ours: mine, ...(problem !== null && { problem }) });
  return side === 'mine' ? mine : theirs;
}

/** In the order of `ours` if nobody else changed anything, otherwise in that of `theirs`, followed by new entries. */
function assemble(
  sides: Sides,
  places: ReadonlyMap<Place, PlaceValue>,
  priorityOrder: readonly unknown[],
): ContactSelection {
  const { base, theirs, ours } = sides;
  const [first, second] = sameSelection(base, theirs) ? [ours, theirs] : [theirs, ours];
  const selectLists = (role: 'target' | 'exclusion', field: 'targetListIds' | 'exclusionListIds') =>
    [...new Set([...first[field], ...second[field]])].filter((id) => {
      const value = places.get(listPlace(id));
      return value && 'role' in value && (value.role === role || value.role === 'both');
    });
  const merged = [...places.values()].flatMap(rulesOf);
  return {
    targetListIds: selectLists('target', 'targetListIds'),
    exclusionListIds: selectLists('exclusion', 'exclusionListIds'),
    filterRules: arrangeRules(merged, theirs.filterRules, [first.filterRules, second.filterRules]),
    priorityOrder,
  };
}

/**
 * The merged rules in the order of `first`, then of `second`; one of these is `theirs`. Of what CXone has, every rule is kept with
 * the further fields that it has, and if several differ in those only, each of them.
 */
function arrangeRules(
  merged: readonly FilterRule[],
  theirs: readonly FilterRule[],
  [first, second]: readonly [readonly FilterRule[], readonly FilterRule[]],
): readonly FilterRule[] {
  const waiting = new Map<string, FilterRule[]>(merged.map((rule) => [ruleKey(rule), []]));
  const distinct = new Map(theirs.map((rule) => [canonicalText(rule), rule])).values();
  for (const rule of [...distinct, ...withoutRules([...first, ...second], theirs)])
    waiting.get(ruleKey(rule))?.push(rule);
  const last = new Map(first.map((rule, index) => [ruleKey(rule), index]));
  return [...first, ...second].flatMap((rule, index) => {
    const alike = waiting.get(ruleKey(rule)) ?? [];
    return alike.splice(0, last.get(ruleKey(rule)) === index ? alike.length : 1);
  });
}

/** A part that both sides changed and whose merge breaks a rule is one conflict and is resolved as a whole. */
function enforceRules(merged: ContactSelection, sides: Sides, decide: ResolveConflict): ContactSelection {
  const { base, theirs, ours } = sides;
  const problems = limitProblems(merged, 'contactSelection');
  const broken = PARTS.filter((part) => problems.some(({ path }) => partOfField(path) === part));
  return broken.reduce((selection, part) => {
    const [was, there, here] = [base, theirs, ours].map((side) => readPart(side, part)) as Three;
    const onlyOneChanged = sameValue(was, there) || sameValue(was, here);
    if (onlyOneChanged) return selection;
    const problem = problems.filter(({ path }) => partOfField(path) === part).map(describeProblem);
    const side = decide({ place: part, base: was, theirs: there, ours: here, problem: problem.join('; ') });
    if (side === null) return selection;
    return { ...selection, ...partFields(side === 'mine' ? withTheirRules(ours, theirs) : theirs, part) };
  }, merged);
}

/** What CXone has of the rules of `ours` stays as it is there. */
function withTheirRules(ours: ContactSelection, { filterRules }: ContactSelection): ContactSelection {
  const rules = arrangeRules(ours.filterRules, filterRules, [ours.filterRules, filterRules]);
  return { ...ours, filterRules: rules };
}

function partOfField(path: string): Part {
  return /ListIds/.test(path) ? 'lists' : toPart(path.replace('contactSelection.', ''));
}

function partFields(side: ContactSelection, part: Part): Partial<ContactSelection> {
  const value = readPart(side, part);
  if (value && 'order' in value) return { priorityOrder: value.order };
  return value && 'selection' in value ? value.selection : {};
}
