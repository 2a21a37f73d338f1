/**
 * Three-way merge of an ordered list. Succeeds only if exactly one order satisfies the changes of both sides. Compares each
 * pair of items once or twice, so the lists have to be bounded (size.ts). Pure.
 */
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
  const merged = mergeKeys(toOrder(base), toOrder(theirs), toOrder(ours));
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
  const [was, there, here] = [toOrder(base), toOrder(theirs), toOrder(ours)];
  if (![there, here].every((side) => onlyAppends(was, side))) return null;
  const isRemoved = (key: string) => was.at.has(key) && !here.at.has(key);
  const isNew = (key: string) => !was.at.has(key) && !there.at.has(key);
  return [
    ...theirs.filter((_, index) => !isRemoved(there.keys[index] ?? '')),
    ...ours.filter((_, index) => isNew(here.keys[index] ?? '')),
  ];
}

interface Order {
  readonly keys: readonly string[];
  /** Key → position. */
  readonly at: ReadonlyMap<string, number>;
}

function toOrder(items: readonly unknown[]): Order {
  const keys = items.map(canonicalText);
  return { keys, at: new Map(keys.map((key, index) => [key, index])) };
}

/** The side has the remaining items of the base in their order, followed by new ones. */
function onlyAppends(base: Order, side: Order): boolean {
  const kept = base.keys.filter((key) => side.at.has(key));
  return !hasRepetitions(side) && sameKeys(side.keys.slice(0, kept.length), kept);
}

function mergeKeys(base: Order, theirs: Order, ours: Order): readonly string[] | null {
  if (sameKeys(theirs.keys, ours.keys) || sameKeys(base.keys, ours.keys)) return theirs.keys;
  if (sameKeys(base.keys, theirs.keys)) return ours.keys;
  if ([base, theirs, ours].some(hasRepetitions)) return null;
  const isRemoved = (key: string) => base.at.has(key) && !(theirs.at.has(key) && ours.at.has(key));
  const removed = base.keys.filter(isRemoved);
  if (removed.some((key) => wasMoved(key, base, theirs) || wasMoved(key, base, ours))) return null;
  const members = [...new Set([...theirs.keys, ...ours.keys])].filter((key) => !isRemoved(key));
  return findOnlyOrder(members, (a, b) => compareMerged(a, b, base, theirs, ours));
}

/** -1: a before b; 1: a after b; 0: the list does not have both. */
function compareIn({ at }: Order, a: string, b: string): number {
  const [first, second] = [at.get(a), at.get(b)];
  if (first === undefined || second === undefined) return 0;
  return first < second ? -1 : 1;
}

/** The side that changed the order of the two decides. NaN: both added them, in different orders. */
function compareMerged(a: string, b: string, base: Order, theirs: Order, ours: Order): number {
  const [was, here, there] = [compareIn(base, a, b), compareIn(ours, a, b), compareIn(theirs, a, b)];
  if (here === there || there === 0) return here;
  if (here === 0) return there;
  if (was === 0) return Number.NaN;
  return was === here ? there : here;
}

/** Did this side move the item relative to other items of the base? false if it removed the item. */
function wasMoved(key: string, base: Order, side: Order): boolean {
  return side.keys.some((other) => {
    const was = compareIn(base, key, other);
    return was !== 0 && compareIn(side, key, other) !== 0 && compareIn(side, key, other) !== was;
  });
}

/** Repeatedly takes the only item that no other comes before. null: there are several, or none. */
function findOnlyOrder(
  members: readonly string[],
  compare: (a: string, b: string) => number,
): readonly string[] | null {
  // How many of those that are left come before each of them.
  const before = new Map(members.map((key) => [key, 0]));
  for (const [index, a] of members.entries())
    for (const b of members.slice(index + 1)) {
      const order = compare(a, b);
      if (Number.isNaN(order)) return null;
      if (order !== 0) addTo(before, order < 0 ? b : a, 1);
    }
  let first = members.filter((key) => before.get(key) === 0);
  const ordered: string[] = [];
  while (ordered.length < members.length) {
    const [next] = first;
    if (next === undefined || first.length > 1) return null;
    ordered.push(next);
    before.delete(next);
    first = [...before.keys()].filter((key) => compare(next, key) < 0 && addTo(before, key, -1) === 0);
  }
  return ordered;
}

function addTo(counts: Map<string, number>, key: string, n: number): number {
  const count = (counts.get(key) ?? 0) + n;
  counts.set(key, count);
  return count;
}

const sameKeys = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((key, index) => key === b[index]);
const hasRepetitions = ({ keys, at }: Order): boolean => at.size < keys.length;
