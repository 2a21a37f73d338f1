/** The merge of priorities equals its definition, and takes a bounded number of steps. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { appendOrder, mergeOrder } from '../../src/domain/selection-update/priority-order.ts';

type Keys = readonly string[];

/** The definition: each pair in the order of the side that changed it, and the only order that satisfies all pairs. */
function defineMerge(base: Keys, theirs: Keys, ours: Keys): Keys | null {
  const same = (a: Keys, b: Keys) => a.join() === b.join();
  if (same(theirs, ours) || same(base, ours)) return theirs;
  if (same(base, theirs)) return ours;
  if ([base, theirs, ours].some((keys) => new Set(keys).size < keys.length)) return null;
  const compareIn = (list: Keys, a: string, b: string) =>
    list.includes(a) && list.includes(b) ? Math.sign(list.indexOf(a) - list.indexOf(b)) : 0;
  const wasMoved = (key: string, side: Keys) =>
    side.some((other) => compareIn(base, key, other) * compareIn(side, key, other) < 0);
  const removed = base.filter((key) => !theirs.includes(key) || !ours.includes(key));
  if (removed.some((key) => wasMoved(key, theirs) || wasMoved(key, ours))) return null;
  const compare = (a: string, b: string): number => {
    const [was, here, there] = [base, ours, theirs].map((list) => compareIn(list, a, b)) as [
      number,
      number,
      number,
    ];
    if (here === there || there === 0) return here;
    if (here === 0) return there;
    return was === 0 ? Number.NaN : was === here ? there : here;
  };
  const members = [...new Set([...theirs, ...ours])].filter((key) => !removed.includes(key));
  if (members.some((a) => members.some((b) => Number.isNaN(a === b ? 0 : compare(a, b))))) return null;
  const ordered: string[] = [];
  for (let left = members; left.length > 0; left = left.filter((key) => !ordered.includes(key))) {
    const first = left.filter((a) => left.every((b) => a === b || compare(a, b) <= 0));
    if (first.length !== 1) return null;
    ordered.push(...first);
  }
  return ordered;
}

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const anyOrder = fc.array(fc.constantFrom(...LETTERS), { maxLength: 8 });
const distinct = fc.shuffledSubarray(LETTERS);
/** A side that removes, moves and adds a little, so that many merges succeed. */
const edited = (base: Keys): fc.Arbitrary<Keys> =>
  fc
    .tuple(fc.subarray([...base]), fc.subarray(['x', 'y', 'z']), fc.nat(), fc.boolean())
    .map(([kept, added, at, moves]) => {
      const side = [...kept];
      side.splice(at % (side.length + 1), 0, ...added);
      return moves && side.length > 1 ? [...side.slice(1), ...side.slice(0, 1)] : side;
    });

it.each([
  ['any lists', fc.tuple(anyOrder, anyOrder, anyOrder)],
  ['lists without repetitions', fc.tuple(distinct, distinct, distinct)],
  ['edits of one list', distinct.chain((base) => fc.tuple(fc.constant(base), edited(base), edited(base)))],
])('equals its definition for %s (property)', (_, lists: fc.Arbitrary<[Keys, Keys, Keys]>) => {
  fc.assert(
    fc.property(lists, ([base, theirs, ours]) => {
      expect(mergeOrder(base, theirs, ours)).toEqual(defineMerge(base, theirs, ours));
    }),
    { numRuns: 2_000 },
  );
});

it('3,000 items are merged', () => {
  const base = Array.from({ length: 3_000 }, (_, n) => ({ priority: n }));
  const theirs = [{ priority: -1 }, ...base];
  const ours = [...base, { priority: -2 }];
  expect(mergeOrder(base, theirs, ours)).toEqual([...theirs, { priority: -2 }]);
  expect(appendOrder(base, [...base, 't'], [...base, 'o'])).toEqual([...base, 't', 'o']);
});
