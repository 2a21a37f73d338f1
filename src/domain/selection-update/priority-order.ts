/** Three-way merge of an ordered list: what both sides did to it, if exactly one order does justice to both. Pure. */
import { canonicalText } from '../json.ts';

/**
 * null: the two cannot be told apart by a machine. Two appended different ends; one moved what the other removed; both
 * moved the same.
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
 * For two who both appended, where ours is to come last whatever else there is: theirs, without what ours took away, and
 * then what ours added. null: one of them did more than to append and to take away.
 */
export function appendOrder(
  base: readonly unknown[],
  theirs: readonly unknown[],
  ours: readonly unknown[],
): readonly unknown[] | null {
  const keysOf = (side: readonly unknown[]): Keys => side.map(canonicalText);
  const [was, there, here] = [keysOf(base), keysOf(theirs), keysOf(ours)];
  if (![there, here].every((side) => onlyAppends(was, side))) return null;
  const removed = was.filter((key) => !here.includes(key));
  const isNew = (item: unknown) => !was.includes(canonicalText(item)) && !there.includes(canonicalText(item));
  return [...theirs.filter((item) => !removed.includes(canonicalText(item))), ...ours.filter(isNew)];
}

type Keys = readonly string[];

/** What is left of the base in its order, and then what is new. */
function onlyAppends(base: Keys, side: Keys): boolean {
  const kept = base.filter((key) => side.includes(key));
  return !hasTwice(side) && same(side.slice(0, kept.length), kept);
}

function mergeKeys(base: Keys, theirs: Keys, ours: Keys): Keys | null {
  if (same(theirs, ours) || same(base, ours)) return theirs;
  if (same(base, theirs)) return ours;
  if ([base, theirs, ours].some(hasTwice)) return null;
  const removed = base.filter((key) => !theirs.includes(key) || !ours.includes(key));
  if (removed.some((key) => wasMoved(key, base, theirs) || wasMoved(key, base, ours))) return null;
  const members = [...new Set([...theirs, ...ours])].filter((key) => !removed.includes(key));
  return onlyOrder(members, (a, b) => order(a, b, base, theirs, ours));
}

/** -1: a before b; 1: after; 0: this list does not say. */
function orderIn(list: Keys, a: string, b: string): number {
  if (!list.includes(a) || !list.includes(b)) return 0;
  return list.indexOf(a) < list.indexOf(b) ? -1 : 1;
}

/** Whoever changed the order of the two since the base is right. NaN: both put them there, in another order. */
function order(a: string, b: string, base: Keys, theirs: Keys, ours: Keys): number {
  const [was, here, there] = [orderIn(base, a, b), orderIn(ours, a, b), orderIn(theirs, a, b)];
  if (here === there || there === 0) return here;
  if (here === 0) return there;
  if (was === 0) return Number.NaN;
  return was === here ? there : here;
}

/** Did this side, which still has it, put it elsewhere among what the base had? */
function wasMoved(key: string, base: Keys, side: Keys): boolean {
  return side.some((other) => {
    const was = orderIn(base, key, other);
    return was !== 0 && orderIn(side, key, other) !== 0 && orderIn(side, key, other) !== was;
  });
}

/** One after the other, each time the only one that nothing else comes before; two of them: nobody knows. */
function onlyOrder(members: Keys, toOrderValue: (a: string, b: string) => number): Keys | null {
  const left = [...members];
  const ordered: string[] = [];
  while (left.length > 0) {
    const orders = left.flatMap((a) => left.map((b) => (a === b ? 0 : toOrderValue(a, b))));
    if (orders.some(Number.isNaN)) return null;
    const first = left.filter((a) => left.every((b) => a === b || toOrderValue(a, b) <= 0));
    const [next] = first;
    if (next === undefined || first.length > 1) return null;
    ordered.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return ordered;
}

const same = (a: Keys, b: Keys): boolean =>
  a.length === b.length && a.every((key, index) => key === b[index]);
const hasTwice = (keys: Keys): boolean => new Set(keys).size < keys.length;
