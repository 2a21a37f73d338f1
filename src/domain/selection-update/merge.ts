/**
 * Three-way merge of selections. `base` is the selection from which the desired one was made, `theirs` is what CXone has
 * now, `ours` is the desired one. What only one side changed is taken from that side, so that no edit is lost. What both
 * sides changed differently is a conflict, which the policy or a person resolves. Pure.
 */
import { sameJson } from '../json.ts';
import {
  allPlaces,
  listPlace,
  PARTS,
  type Part,
  type Place,
  type PlaceValue,
  placesIn,
  readPart,
  rulePlace,
  sameSelection,
  sameValue,
  toPart,
} from './places.ts';
import { appendOrder, mergeOrder } from './priority-order.ts';
import {
  type ContactSelection,
  describeProblem,
  type FilterRule,
  type Problem,
  ruleProblems,
} from './selection.ts';

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
  const problems = ruleProblems(merged, 'contactSelection', true);
  return problems.length > 0 ? { kind: 'broken', problems } : { kind: 'merged', selection: merged, resolved };
}

function mergePlaces(
  sides: Sides,
  decide: ResolveConflict,
  disputed: Disputed,
): ReadonlyMap<Place, PlaceValue> {
  const [base, theirs, ours] = [placesIn(sides.base), placesIn(sides.theirs), placesIn(sides.ours)];
  const valueAt = (place: Place): PlaceValue => {
    const [was, there, here] = [base, theirs, ours].map((places) => places.get(place) ?? null) as Three;
    if (sameValue(there, here) || sameValue(was, here)) return there;
    const problem = problemAt(place, disputed);
    if (sameValue(was, there) && problem === null) return here;
    return decide({ place, base: was, theirs: there, ours: here, ...problem }) === 'mine' ? here : there;
  };
  return new Map(allPlaces(theirs, ours).map((place) => [place, valueAt(place)]));
}

type Three = [PlaceValue, PlaceValue, PlaceValue];

const problemAt = (place: Place, { places, problem }: Disputed): Pick<Conflict, 'problem'> | null =>
  places.includes(place) ? { problem } : null;

function mergePriorities(sides: Sides, decide: ResolveConflict, disputed: Disputed): readonly unknown[] {
  const { base, theirs, ours, isChange = false } = sides;
  const place = 'priorityOrder';
  const orders = [base.priorityOrder, theirs.priorityOrder, ours.priorityOrder] as const;
  const merged = mergeOrder(...orders) ?? (isChange ? appendOrder(...orders) : null);
  const problem = problemAt(place, disputed);
  if (merged && (problem === null || sameJson(merged, theirs.priorityOrder))) return merged;
  const mine = merged ?? ours.priorityOrder;
  const [was, there, here] = [base.priorityOrder, theirs.priorityOrder, mine].map(toOrderValue) as Three;
  const side = decide({ place, base: was, theirs: there, ours: here, ...problem });
  return side === 'mine' ? mine : theirs.priorityOrder;
}

const toOrderValue = (order: readonly unknown[]): PlaceValue => ({ order });

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
  const theirPlaces = placesIn(theirs);
  const rulePlaces = [...new Set([...first.filterRules, ...second.filterRules].map(rulePlace))];
  return {
    targetListIds: selectLists('target', 'targetListIds'),
    exclusionListIds: selectLists('exclusion', 'exclusionListIds'),
    filterRules: rulePlaces.flatMap((place) => rulesAt(place, places, theirPlaces)),
    priorityOrder,
  };
}

/** An unchanged rule keeps the additional fields that CXone has. */
function rulesAt(
  place: Place,
  places: ReadonlyMap<Place, PlaceValue>,
  theirs: ReadonlyMap<Place, PlaceValue>,
): readonly FilterRule[] {
  const there = theirs.get(place) ?? null;
  const merged = places.get(place) ?? null;
  const value = sameValue(there, merged) ? there : merged;
  return value && 'rules' in value ? value.rules : [];
}

/** A part that both sides changed and whose merge breaks a rule is one conflict and is resolved as a whole. */
function enforceRules(merged: ContactSelection, sides: Sides, decide: ResolveConflict): ContactSelection {
  const { base, theirs, ours } = sides;
  const problems = ruleProblems(merged, 'contactSelection', true);
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
