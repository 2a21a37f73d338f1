/**
 * Three-way merge of selections: base is what the wish was made from, theirs what CXone has now, ours the wish. What
 * only one side changed is taken from that side, so nobody's edit is lost; what both changed differently is a conflict,
 * for the policy or a person to settle. Pure.
 */
import { sameJson } from '../json.ts';
import { appendOrder, mergeOrder } from './priority-order.ts';
import {
  type Part,
  PARTS,
  toPart,
  type Place,
  placesIn,
  allPlaces,
  type PlaceValue,
  rulePlace,
  sameSelection,
  sameValue,
  listPlace,
  readPart,
} from './places.ts';
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
  /** Each change is fine by itself, but both together break a rule. */
  readonly problem?: string;
}

export type Side = 'mine' | 'theirs';

export interface Sides {
  readonly base: ContactSelection;
  readonly theirs: ContactSelection;
  readonly ours: ContactSelection;
  /** Is ours a change, whose priorities come last, behind whatever stands there? */
  readonly isChange?: boolean;
}

export type ResolvedConflict = Conflict & { readonly side: Side };

export type Merged =
  | {
      readonly kind: 'merged';
      readonly selection: ContactSelection;
      readonly resolved: readonly ResolvedConflict[];
    }
  /** `open`: those that nobody resolved. */
  | { readonly kind: 'conflict'; readonly open: readonly Conflict[] }
  /** Against the rules even so: CXone's own part of it is. */
  | { readonly kind: 'broken'; readonly problems: readonly Problem[] };

/** Says whose word counts in a conflict; null: nobody's yet. */
export type ResolveConflict = (conflict: Conflict) => Side | null;

/** Where our wish may have stood already, so that what theirs has there may be somebody's edit of it. */
export interface Disputed {
  readonly places: readonly Place[];
  /** Said of each. */
  readonly problem: string;
}

const NOTHING: Disputed = { places: [], problem: '' };

export function mergeSelections(sides: Sides, settle: ResolveConflict, disputed: Disputed = NOTHING): Merged {
  const open: Conflict[] = [];
  const resolved: ResolvedConflict[] = [];
  const ask = (conflict: Conflict): Side | null => {
    const side = settle(conflict);
    if (side === null) open.push(conflict);
    else resolved.push({ ...conflict, side });
    return side;
  };
  const places = mergePlaces(sides, ask, disputed);
  const order = mergePriorities(sides, ask, disputed);
  if (open.length > 0) return { kind: 'conflict', open };
  const merged = withinRules(assemble(sides, places, order), sides, ask);
  if (open.length > 0) return { kind: 'conflict', open };
  const problems = ruleProblems(merged, 'contactSelection', true);
  return problems.length > 0 ? { kind: 'broken', problems } : { kind: 'merged', selection: merged, resolved };
}

function mergePlaces(sides: Sides, ask: ResolveConflict, disputed: Disputed): ReadonlyMap<Place, PlaceValue> {
  const [base, theirs, ours] = [placesIn(sides.base), placesIn(sides.theirs), placesIn(sides.ours)];
  const valueAt = (place: Place): PlaceValue => {
    const [was, there, here] = [base, theirs, ours].map((places) => places.get(place) ?? null) as Three;
    if (sameValue(there, here) || sameValue(was, here)) return there;
    const problem = problemAt(place, disputed);
    if (sameValue(was, there) && problem === null) return here;
    return ask({ place, base: was, theirs: there, ours: here, ...problem }) === 'mine' ? here : there;
  };
  return new Map(allPlaces(theirs, ours).map((place) => [place, valueAt(place)]));
}

type Three = [PlaceValue, PlaceValue, PlaceValue];

const problemAt = (place: Place, { places, problem }: Disputed): Pick<Conflict, 'problem'> | null =>
  places.includes(place) ? { problem } : null;

function mergePriorities(sides: Sides, ask: ResolveConflict, disputed: Disputed): readonly unknown[] {
  const { base, theirs, ours, isChange = false } = sides;
  const place = 'priorityOrder';
  const orders = [base.priorityOrder, theirs.priorityOrder, ours.priorityOrder] as const;
  const merged = mergeOrder(...orders) ?? (isChange ? appendOrder(...orders) : null);
  const problem = problemAt(place, disputed);
  if (merged && (problem === null || sameJson(merged, theirs.priorityOrder))) return merged;
  const mine = merged ?? ours.priorityOrder;
  const [was, there, here] = [base.priorityOrder, theirs.priorityOrder, mine].map(toOrderValue) as Three;
  const side = ask({ place, base: was, theirs: there, ours: here, ...problem });
  return side === 'mine' ? mine : theirs.priorityOrder;
}

const toOrderValue = (order: readonly unknown[]): PlaceValue => ({ order });

/** In the order of the wish if only we changed something, else in theirs with what is new behind it. */
function assemble(
  sides: Sides,
  places: ReadonlyMap<Place, PlaceValue>,
  priorityOrder: readonly unknown[],
): ContactSelection {
  const { base, theirs, ours } = sides;
  const [first, second] = sameSelection(base, theirs) ? [ours, theirs] : [theirs, ours];
  const listsWith = (role: 'target' | 'exclusion', field: 'targetListIds' | 'exclusionListIds') =>
    [...new Set([...first[field], ...second[field]])].filter((id) => {
      const value = places.get(listPlace(id));
      return value && 'role' in value && (value.role === role || value.role === 'both');
    });
  const rulePlaces = [...new Set([...first.filterRules, ...second.filterRules].map(rulePlace))];
  return {
    targetListIds: listsWith('target', 'targetListIds'),
    exclusionListIds: listsWith('exclusion', 'exclusionListIds'),
    filterRules: rulePlaces.flatMap((place) => rulesAt(place, places, placesIn(theirs))),
    priorityOrder,
  };
}

/** A rule that stays as it was keeps what CXone has at it besides. */
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

/** Each part that both sides changed and that breaks a rule only now is one conflict, resolved as a whole. */
function withinRules(merged: ContactSelection, sides: Sides, ask: ResolveConflict): ContactSelection {
  const { base, theirs, ours } = sides;
  const problems = ruleProblems(merged, 'contactSelection', true);
  const broken = PARTS.filter((part) => problems.some(({ path }) => partOfField(path) === part));
  return broken.reduce((selection, part) => {
    const [was, there, here] = [base, theirs, ours].map((side) => readPart(side, part)) as Three;
    const onlyOneChanged = sameValue(was, there) || sameValue(was, here);
    if (onlyOneChanged) return selection;
    const problem = problems.filter(({ path }) => partOfField(path) === part).map(describeProblem);
    const side = ask({ place: part, base: was, theirs: there, ours: here, problem: problem.join('; ') });
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
