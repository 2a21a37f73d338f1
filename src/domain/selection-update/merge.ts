/**
 * Three-way merge of selections. `base` is the selection from which the desired one was made, `theirs` is what CXone has
 * now, `ours` is the desired one. What only one side changed is taken from that side, so that no edit is lost. Changes of
 * both sides that cannot both stand are a conflict, which the policy or a person resolves. Pure.
 */
import {
  allPlaces,
  listPlace,
  PARTS,
  type Part,
  type Place,
  type PlaceValue,
  placesIn,
  readPart,
  rulesOf,
  sameSelection,
  sameValue,
  toPart,
  toRules,
} from './places.ts';
import { appendOrder, mergeOrder } from './priority-order.ts';
import { explainRuleConflict, type FilterRule, mergeRules, ruleKey, uniqueRules } from './rules.ts';
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
  const [base, theirs, ours] = [placesIn(sides.base), placesIn(sides.theirs), placesIn(sides.ours)];
  const valueAt = (place: Place): PlaceValue => {
    const three = [base, theirs, ours].map((places) => places.get(place) ?? null) as Three;
    return settlePlace({ place, three, merged: mergeValues(...three) }, decide, disputed);
  };
  return new Map(allPlaces(theirs, ours).map((place) => [place, valueAt(place)]));
}

type Three = [base: PlaceValue, theirs: PlaceValue, ours: PlaceValue];

/** Undefined: a conflict. */
export function mergeValues(base: PlaceValue, theirs: PlaceValue, ours: PlaceValue): PlaceValue | undefined {
  if (sameValue(theirs, ours) || sameValue(base, ours)) return theirs;
  if (sameValue(base, theirs)) return ours;
  const areRules = [base, theirs, ours].some((value) => rulesOf(value).length > 0);
  const merged = areRules ? mergeRules(rulesOf(base), rulesOf(theirs), rulesOf(ours)) : null;
  return merged === null ? undefined : toRules(merged);
}

function mergePriorities(sides: Sides, decide: ResolveConflict, disputed: Disputed): readonly unknown[] {
  const { isChange = false } = sides;
  const orders = [sides.base, sides.theirs, sides.ours].map(({ priorityOrder }) => priorityOrder) as Orders;
  const merged = mergeOrder(...orders) ?? (isChange ? appendOrder(...orders) : null);
  const three = orders.map(toOrder) as Three;
  const place = { place: 'priorityOrder', three, merged: merged ? toOrder(merged) : undefined };
  const settled = settlePlace(place, decide, disputed);
  return settled && 'order' in settled ? settled.order : [];
}

type Orders = [base: readonly unknown[], theirs: readonly unknown[], ours: readonly unknown[]];
const toOrder = (order: readonly unknown[]): PlaceValue => ({ order });

interface MergedPlace {
  readonly place: Place;
  readonly three: Three;
  /** Undefined: a conflict. */
  readonly merged: PlaceValue | undefined;
}

function settlePlace(
  { place, three, merged }: MergedPlace,
  decide: ResolveConflict,
  disputed: Disputed,
): PlaceValue {
  const [base, theirs, ours] = three;
  const doubt = disputed.places.includes(place) ? disputed.problem : null;
  if (merged !== undefined && (doubt === null || sameValue(merged, theirs))) return merged;
  const mine = merged === undefined ? ours : merged;
  const problem = doubt ?? explainRuleConflict(rulesOf(base), rulesOf(theirs), rulesOf(ours));
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
    filterRules: arrangeRules(merged, theirs.filterRules, [...first.filterRules, ...second.filterRules]),
    priorityOrder,
  };
}

/** In this order, each once. Rules that CXone has keep the further fields that it has. */
function arrangeRules(
  merged: readonly FilterRule[],
  theirs: readonly FilterRule[],
  order: readonly FilterRule[],
): readonly FilterRule[] {
  const kept = new Set(merged.map(ruleKey));
  const theirRules = new Map(uniqueRules(theirs).map((rule) => [ruleKey(rule), rule]));
  return uniqueRules(order)
    .filter((rule) => kept.has(ruleKey(rule)))
    .map((rule) => theirRules.get(ruleKey(rule)) ?? rule);
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
    return side === null ? selection : { ...selection, ...partFields(side === 'mine' ? ours : theirs, part) };
  }, merged);
}

function partOfField(path: string): Part {
  return /ListIds/.test(path) ? 'lists' : toPart(path.replace('contactSelection.', ''));
}

function partFields(side: ContactSelection, part: Part): Partial<ContactSelection> {
  const value = readPart(side, part);
  if (value && 'order' in value) return { priorityOrder: value.order };
  return value && 'selection' in value ? value.selection : {};
}
