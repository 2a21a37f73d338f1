/** Three-way merge of an ordered list. Succeeds only if exactly one order satisfies the changes of both sides. Pure. */
import { canonicalText } from '../json.ts';

/**
 * null: a conflict, which a person has to decide. Both sides appended different items, one moved an item that the other
 * removed, or both moved the same item.
 */
export function mergeOrder(
  base: readonly unknown[],
  theirs: readonly unknown[],
  ours: readonly unknown[],
): readonly unknown[] | null {
  const items = new Map([...base, ...theirs, ...ours].map((item) => [canonicalText(item), item]));
  const merged = mergeKeys(base.map(canonicalText), theirs.map(canonicalText), ours.map(canonicalText));
  return merged && merged.map((key) => items.get(key));
}

/**
 * For two sides that both appended, if our items are to come last in any case: theirs, without the items that ours removed,
 * followed by the items that ours added. null: one of the sides did more than append and remove.
 */
export function appendOrder(
  base: readonly unknown[],
  theirs: readonly unknown[],
  ours: readonly unknown[],
): readonly unknown[] | null {
  const toKeys = (side: readonly unknown[]): Keys => side.map(canonicalText);
  const [was, there, here] = [toKeys(base), toKeys(theirs), toKeys(ours)];
  if (![there, here].every((side) => onlyAppends(was, side))) return null;
  const removed = was.filter((key) => !here.includes(key));
  const isNew = (item: unknown) => !was.includes(canonicalText(item)) && !there.includes(canonicalText(item));
  return [...theirs.filter((item) => !removed.includes(canonicalText(item))), ...ours.filter(isNew)];
}

type Keys = readonly string[];

/** The side has the remaining items of the base in their order, followed by new ones. */
function onlyAppends(base: Keys, side: Keys): boolean {
  const kept = base.filter((key) => side.includes(key));
  return !hasRepetitions(side) && sameKeys(side.slice(0, kept.length), kept);
}

function mergeKeys(base: Keys, theirs: Keys, ours: Keys): Keys | null {
  if (sameKeys(theirs, ours) || sameKeys(base, ours)) return theirs;
  if (sameKeys(base, theirs)) return ours;
  if ([base, theirs, ours].some(hasRepetitions)) return null;
  const removed = base.filter((key) => !theirs.includes(key) || !ours.includes(key));
  if (removed.some((key) => wasMoved(key, base, theirs) || wasMoved(key, base, ours))) return null;
  const members = [...new Set([...theirs, ...ours])].filter((key) => !removed.includes(key));
  return findOnlyOrder(members, (a, b) => compareMerged(a, b, base, theirs, ours));
}

/** -1: a before b; 1: a after b; 0: the list does not have both. */
function compareIn(list: Keys, a: string, b: string): number {
  if (!list.includes(a) || !list.includes(b)) return 0;
  return list.indexOf(a) < list.indexOf(b) ? -1 : 1;
}

/** The side that changed the order of the two decides. NaN: both added them, in different orders. */
function compareMerged(a: string, b: string, base: Keys, theirs: Keys, ours: Keys): number {
  const [was, here, there] = [compareIn(base, a, b), compareIn(ours, a, b), compareIn(theirs, a, b)];
  if (here === there || there === 0) return here;
  if (here === 0) return there;
  if (was === 0) return Number.NaN;
  return was === here ? there : here;
}

/** Did this side move the item relative to other items of the base? false if it removed the item. */
function wasMoved(key: string, base: Keys, side: Keys): boolean {
  return side.some((other) => {
    const was = compareIn(base, key, other);
    return was !== 0 && compareIn(side, key, other) !== 0 && compareIn(side, key, other) !== was;
  });
}

/** Repeatedly takes the only item that no other comes before. null: there are several, or none. */
function findOnlyOrder(members: Keys, compare: (a: string, b: string) => number): Keys | null {
  const left = [...members];
  const ordered: string[] = [];
  while (left.length > 0) {
    const orders = left.flatMap((a) => left.map((b) => (a === b ? 0 : compare(a, b))));
    if (orders.some(Number.isNaN)) return null;
    const first = left.filter((a) => left.every((b) => a === b || compare(a, b) <= 0));
    const [next] = first;
    if (next === undefined || first.length > 1) return null;
    ordered.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return ordered;
}

const sameKeys = (a: Keys, b: Keys): boolean =>
  a.length === b.length && a.every((key, index) => key === b[index]);
const hasRepetitions = (keys: Keys): boolean => new Set(keys).size < keys.length;
