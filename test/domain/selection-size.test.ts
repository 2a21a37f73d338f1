/** Selections are bounded before they are compared. The lists here are so long that comparing them would not end. */
import { describe, expect, it, vi } from 'vitest';
import { changeProblems, fitProblems } from '../../src/domain/selection-update/change.ts';
import { classifyLostWrite } from '../../src/domain/selection-update/lost-write.ts';
import { mergeSelections } from '../../src/domain/selection-update/merge.ts';
import { placesIn } from '../../src/domain/selection-update/places.ts';
import { exclusionProblems, selectionProblems } from '../../src/domain/selection-update/selection.ts';
import { MAX_ENTRIES, sizeProblems } from '../../src/domain/selection-update/size.ts';
import { createSelection, rule } from './selections.ts';

const ids = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
const HUGE = ids('L', 300_000);

describe('a selection with hundreds of thousands of entries', () => {
  it('is one problem, whichever part is so long', () => {
    const message = 'has 600001 lists, rules and priorities; cxflow handles at most 500';
    const whole = createSelection({ exclusionListIds: HUGE, priorityOrder: HUGE });
    expect(selectionProblems(whole)).toEqual([{ path: 'selection', message }]);
    expect(sizeProblems(whole, 'campaign C')).toEqual([{ path: 'campaign C', message }]);
    const part = { targetListIds: HUGE, exclusionListIds: HUGE, priorityOrder: ['a'] };
    expect(changeProblems({ add: part })).toEqual([{ path: 'change.add', message }]);
    expect(changeProblems({ remove: part })).toEqual([{ path: 'change.remove', message }]);
  });

  it('is refused for its length alone, whatever its entries are', () => {
    const entries = Array.from({ length: 300_000 }, () => ({ field: 1 }));
    expect(selectionProblems({ targetListIds: ['L1'], filterRules: entries })).toHaveLength(1);
  });
});

describe('an entry that would be too long in CXone', () => {
  const list = { targetListIds: ['L'.repeat(201)] };
  const rules = { filterRules: [rule('f', 'in', ids('value', 1_500))] };
  const priorities = { priorityOrder: [{ by: ids('field', 1_500) }] };

  it.each([
    ['targetListIds[0]', list, 'must have at most 200 characters, but has 201'],
    ['filterRules[0]', rules, /^must have at most 10000 characters as JSON, but has \d+$/],
    ['priorityOrder[0]', priorities, /^must have at most 10000 characters as JSON, but has \d+$/],
  ])('is refused before it is written: %s', (at, part, what) => {
    const message = typeof what === 'string' ? what : (expect.stringMatching(what) as string);
    expect(selectionProblems(createSelection(part))).toEqual([{ path: `selection.${at}`, message }]);
    expect(changeProblems({ add: part })).toEqual([{ path: `change.add.${at}`, message }]);
  });

  it('is one that CXone could have, at its longest', () => {
    const longest = createSelection({
      targetListIds: ['L'.repeat(200)],
      filterRules: [rule('f', 'in', ['v'.repeat(9_900)])],
    });
    expect([...selectionProblems(longest), ...sizeProblems(longest, 'it')]).toEqual([]);
  });
});

describe('a selection that was read from CXone', () => {
  it('may have as many entries as are handled, and no longer names or values', () => {
    const fits = createSelection({ exclusionListIds: ids('E', MAX_ENTRIES - 1) });
    expect(sizeProblems(fits, 'it')).toEqual([]);
    let deep: unknown = 1;
    for (let n = 0; n < 50_000; n += 1) deep = [deep];
    for (const [selection, what] of [
      [createSelection({ targetListIds: ['L'.repeat(201)] }), /a name of more than 200/],
      [createSelection({ filterRules: [rule('f'.repeat(201), 'eq', 1)] }), /a name of more than 200/],
      [
        createSelection({ filterRules: [rule('f', 'eq', 'v'.repeat(10_001))] }),
        /a rule or priority of more than/,
      ],
      [createSelection({ priorityOrder: [deep] }), /a rule or priority of more than/],
    ] as const)
      expect(sizeProblems(selection, 'it')).toEqual([
        { path: 'it', message: expect.stringMatching(what) as string },
      ]);
  });

  it('is merged and compared at its largest', () => {
    const base = createSelection({
      targetListIds: ids('L', 200),
      filterRules: ids('r', 50).map((f) => rule(f, 'eq', 1)),
    });
    const theirs = { ...base, exclusionListIds: ids('E', 240), priorityOrder: ids('p', 5) };
    const ours = { ...base, targetListIds: base.targetListIds.slice(1) };
    const merged = mergeSelections({ base, theirs, ours }, () => null);
    expect(merged).toMatchObject({ kind: 'merged', selection: { targetListIds: ours.targetListIds } });
    const write = { from: { version: 1, selection: base }, sent: ours };
    expect(classifyLostWrite(write, { version: 3, selection: theirs }, null)).toMatchObject({
      verdict: 'unknown',
      missing: ['lists/L0'],
    });
  });

  it('has its rules compared with each other once at most, however many exclude each other', () => {
    const lists = (name: string, n: number) =>
      ids(name, n).map((each) => rule('zip', 'in', [...ids(`${each}-`, 40), 'common']));
    const [base, misfits] = [lists('base', 50), ids('no', 5).map((value) => rule('zip', 'eq', value))];
    const ours = [...lists('ours', 45), ...misfits];
    const [pairs, longest] = [(50 * 49) / 2, 41];
    const desired = countLookups(() => exclusionProblems(ours, base, 'selection'));
    expect(desired.result).toHaveLength(5);
    expect(desired.lookups).toBeLessThan(2 * pairs * longest);
    const change = { add: { filterRules: misfits } };
    const added = countLookups(() => fitProblems(createSelection({ filterRules: base }), change));
    expect(added.result).toHaveLength(5);
    expect(added.lookups).toBeLessThan(2 * pairs * longest);
    const fine = countLookups(() => exclusionProblems(lists('ours', 50), base, 'selection'));
    expect(fine).toEqual({ result: [], lookups: pairs * longest });
  });

  it('has its places looked up, not searched for', () => {
    const places = placesIn(
      createSelection({
        targetListIds: HUGE,
        exclusionListIds: HUGE,
        filterRules: Array.from({ length: 100_000 }, (_, n) => rule('age', 'gte', n)),
      }),
    );
    expect(places.get('lists/L7')).toEqual({ role: 'both' });
    expect(places.size).toBe(HUGE.length + 1);
  });
});

function countLookups<T>(work: () => T): { result: T; lookups: number } {
  const lookup = vi.spyOn(Set.prototype, 'has');
  try {
    const result = work();
    return { result, lookups: lookup.mock.calls.length };
  } finally {
    lookup.mockRestore();
  }
}
