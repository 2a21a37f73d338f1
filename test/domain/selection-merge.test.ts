/** The laws that the merge is trusted for: nobody's edit is lost, and nothing is made up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffSelections } from '../../src/domain/selection-update/diff.ts';
import { type Merged, mergeSelections, type Side } from '../../src/domain/selection-update/merge.ts';
import {
  listPlace,
  type Place,
  placesIn,
  rulePlace,
  sameSelection,
  sameValue,
} from '../../src/domain/selection-update/places.ts';
import { type ContactSelection, ruleProblems } from '../../src/domain/selection-update/selection.ts';
import { rule, selection, selectionOf } from './selections.ts';

const nobody = (): null => null;
const merge = (
  base: ContactSelection,
  theirs: ContactSelection,
  ours: ContactSelection,
  side: Side | null = null,
): Merged => mergeSelections({ base, theirs, ours }, () => side);

function mergedOf(merged: Merged): ContactSelection {
  return merged.kind === 'merged' ? merged.selection : expect.fail(JSON.stringify(merged));
}

const changedPlaces = (from: ContactSelection, to: ContactSelection): Place[] =>
  diffSelections(from, to).map(({ place }) => place);

const at = (of: ContactSelection, place: Place) =>
  place === 'priorityOrder' ? { order: of.priorityOrder } : (placesIn(of).get(place) ?? null);

/** The wish without what it does to these places. */
function except(wish: ContactSelection, base: ContactSelection, places: readonly Place[]): ContactSelection {
  const from = (place: Place) => (places.includes(place) ? base : wish);
  const ids = [wish, base].flatMap((each) => [...each.targetListIds, ...each.exclusionListIds]);
  const listsIn = (field: 'targetListIds' | 'exclusionListIds') =>
    [...new Set(ids)].filter((id) => from(listPlace(id))[field].includes(id));
  return {
    targetListIds: listsIn('targetListIds'),
    exclusionListIds: listsIn('exclusionListIds'),
    filterRules: [wish, base].flatMap((each) =>
      each.filterRules.filter((one) => from(rulePlace(one)) === each),
    ),
    priorityOrder: from('priorityOrder').priorityOrder,
  };
}

describe('laws', () => {
  it('identity: where only one side changed something, that side is the result, to the letter', () => {
    fc.assert(
      fc.property(selection, selection, (base, changed) => {
        expect(mergedOf(merge(base, base, changed))).toEqual(changed);
        expect(sameSelection(mergedOf(merge(base, changed, base)), changed)).toBe(true);
        expect(sameSelection(mergedOf(merge(base, changed, changed)), changed)).toBe(true);
      }),
    );
  });

  it('disjoint changes commute', () => {
    fc.assert(
      fc.property(selection, selection, selection, (base, theirs, ours) => {
        const disjoint = except(ours, base, changedPlaces(base, theirs));
        const [one, other] = [merge(base, theirs, disjoint), merge(base, disjoint, theirs)];
        expect(sameSelection(mergedOf(one), mergedOf(other))).toBe(true);
      }),
    );
  });

  it('no edit is lost: each place that anybody changed is as somebody wanted it, or a conflict', () => {
    fc.assert(
      fc.property(selection, selection, selection, (base, theirs, ours) => {
        const merged = merge(base, theirs, ours);
        if (merged.kind !== 'merged') return;
        for (const place of changedPlaces(base, theirs).filter((each) => each !== 'priorityOrder'))
          expect(sameValue(at(merged.selection, place), at(theirs, place)), `theirs at ${place}`).toBe(true);
        for (const place of changedPlaces(base, ours).filter((each) => each !== 'priorityOrder'))
          expect(sameValue(at(merged.selection, place), at(ours, place)), `ours at ${place}`).toBe(true);
        const made = changedPlaces(base, merged.selection);
        const wanted = [...changedPlaces(base, theirs), ...changedPlaces(base, ours)];
        expect(
          made.filter((place) => !wanted.includes(place)),
          'made up',
        ).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('a conflict is there exactly where both changed the same place in different ways', () => {
    fc.assert(
      fc.property(selection, selection, selection, (base, theirs, ours) => {
        const merged = merge(base, theirs, ours);
        const found = merged.kind === 'conflict' ? merged.open.map(({ place }) => place) : [];
        const both = changedPlaces(base, theirs).filter((place) => changedPlaces(base, ours).includes(place));
        const expected = both.filter((place) => !sameValue(at(theirs, place), at(ours, place)));
        const places = (all: readonly Place[]) => all.filter((place) => place !== 'priorityOrder').sort();
        expect(places(found)).toEqual(places(expected));
        if (found.includes('priorityOrder')) expect(expected).toContain('priorityOrder');
      }),
      { numRuns: 500 },
    );
  });

  it('a change that adds priorities is never in conflict with others who add some, and nobody loses any', () => {
    const letters = (of: string) => fc.uniqueArray(fc.constantFrom(...of), { maxLength: 2 });
    fc.assert(
      fc.property(letters('ab'), letters('uvx'), letters('uxyz'), (had, they, we) => {
        const of = (...priorityOrder: string[]) =>
          selectionOf({ priorityOrder: [...new Set(priorityOrder)] });
        const [base, theirs, ours] = [of(...had), of(...had, ...they), of(...had, ...we)];
        if (new Set([...had, ...they, ...we]).size > 5) return;
        const merged = mergedOf(mergeSelections({ base, theirs, ours, isChange: true }, nobody));
        expect([...merged.priorityOrder].sort()).toEqual([...new Set([...had, ...they, ...we])].sort());
        expect(merged.priorityOrder.filter((each) => had.includes(each as string))).toEqual(had);
        const again = mergeSelections({ base, theirs: merged, ours, isChange: true }, nobody);
        expect(mergedOf(again)).toEqual(merged);
      }),
    );
  });

  it('idempotent: what was merged and written is not merged into anything else by the next look', () => {
    fc.assert(
      fc.property(selection, selection, selection, (base, theirs, ours) => {
        const merged = merge(base, theirs, ours);
        if (merged.kind !== 'merged') return;
        expect(mergedOf(merge(base, merged.selection, ours))).toEqual(merged.selection);
      }),
      { numRuns: 500 },
    );
  });

  it('with a word for every conflict there is always a result within the rules, and it is that side at each', () => {
    fc.assert(
      fc.property(
        selection,
        selection,
        selection,
        fc.constantFrom<Side>('mine', 'theirs'),
        (base, theirs, ours, side) => {
          const merged = merge(base, theirs, ours, side);
          const result = mergedOf(merged);
          expect(ruleProblems(result, 'selection')).toEqual([]);
          const open = mergeSelections({ base, theirs, ours }, nobody);
          const winner = side === 'mine' ? ours : theirs;
          for (const { place } of open.kind === 'conflict' ? open.open : [])
            expect(sameValue(at(result, place), at(winner, place)), place).toBe(true);
        },
      ),
    );
  });
});

describe('priorities', () => {
  const order = (base: string, theirs: string, ours: string) => {
    const of = (letters: string) => selectionOf({ priorityOrder: [...letters] });
    const merged = merge(of(base), of(theirs), of(ours));
    return merged.kind === 'merged' ? merged.selection.priorityOrder.join('') : merged.kind;
  };

  it.each([
    ['ab', 'abc', 'xab', 'xabc'],
    ['abc', 'ab', 'bac', 'ba'],
    ['abc', 'bac', 'abcd', 'bacd'],
    ['abcd', 'acd', 'abc', 'ac'],
    ['a', '', 'ab', 'b'],
  ])('%s, theirs %s, ours %s: %s', (base, theirs, ours, expected) => {
    expect(order(base, theirs, ours)).toBe(expected);
  });

  it.each([
    ['ab', 'abc', 'abd', 'each appended another one'],
    ['abc', 'ac', 'bac', 'one removed what the other moved'],
    ['abc', 'bac', 'acb', 'the same was moved differently'],
    ['', 'xy', 'yx', 'both added both, the other way round'],
  ])('%s, theirs %s, ours %s: a conflict, for %s', (base, theirs, ours) => {
    expect(order(base, theirs, ours)).toBe('conflict');
  });
});

describe('priorities of a change', () => {
  const order = (base: string, theirs: string, ours: string) => {
    const of = (letters: string) => selectionOf({ priorityOrder: [...letters] });
    const sides = { base: of(base), theirs: of(theirs), ours: of(ours), isChange: true };
    const merged = mergeSelections(sides, nobody);
    return merged.kind === 'merged' ? merged.selection.priorityOrder.join('') : merged.kind;
  };

  it.each([
    ['', 'x', 'y', 'xy'],
    ['ab', 'abc', 'abd', 'abcd'],
    ['ab', 'abc', 'bd', 'bcd'],
    ['ab', 'bc', 'abd', 'bcd'],
  ])('come last, behind what others appended: %s, theirs %s, ours %s: %s', (base, theirs, ours, expected) => {
    expect(order(base, theirs, ours)).toBe(expected);
  });

  it('are a conflict where others moved what it removes', () => {
    expect(order('abc', 'bac', 'bc')).toBe('conflict');
  });
});

describe('what each change may do, and both together may not', () => {
  const many = (prefix: string, n: number) =>
    Array.from({ length: n }, (_, i) => rule(`${prefix}${i}`, 'eq', i));

  it('more than 50 rules are one conflict of all rules, and the chosen side is taken whole', () => {
    const base = selectionOf({ filterRules: many('b', 30) });
    const theirs = selectionOf({ filterRules: [...base.filterRules, ...many('t', 15)] });
    const ours = selectionOf({
      filterRules: [...base.filterRules, ...many('o', 15)],
      targetListIds: ['L1', 'L2'],
    });
    const merged = merge(base, theirs, ours);
    expect(merged).toMatchObject({
      kind: 'conflict',
      open: [
        {
          place: 'filterRules',
          problem: 'contactSelection.filterRules has 60 rules; CXone takes 50 at most',
        },
      ],
    });
    const mine = mergedOf(merge(base, theirs, ours, 'mine'));
    expect(mine.filterRules).toEqual(ours.filterRules);
    expect(mine.targetListIds).toEqual(['L1', 'L2']);
  });

  it('two who each remove one of the last two lists are asked', () => {
    const of = (...targetListIds: string[]) => selectionOf({ targetListIds });
    const merged = merge(of('L1', 'L2'), of('L1'), of('L2'));
    expect(merged).toMatchObject({ kind: 'conflict', open: [{ place: 'lists' }] });
    expect(mergedOf(merge(of('L1', 'L2'), of('L1'), of('L2'), 'theirs')).targetListIds).toEqual(['L1']);
  });

  it('a list that one targets and the other excludes is a conflict, never both', () => {
    const ours = selectionOf({ targetListIds: ['L1', 'L9'] });
    const theirs = selectionOf({ exclusionListIds: ['L9'] });
    expect(merge(selectionOf(), theirs, ours)).toEqual({
      kind: 'conflict',
      open: [{ place: 'lists/L9', base: null, theirs: { role: 'exclusion' }, ours: { role: 'target' } }],
    });
  });

  it('what CXone itself has against the rules is said, not merged', () => {
    const theirs = selectionOf({ targetListIds: ['L1', 'L9'], exclusionListIds: ['L9'] });
    const ours = selectionOf({ priorityOrder: ['a'] });
    expect(merge(selectionOf(), theirs, ours)).toMatchObject({
      kind: 'broken',
      problems: [{ path: 'contactSelection.exclusionListIds[0]' }],
    });
  });
});

describe('what CXone keeps besides', () => {
  it('several rules of one field and operator stay, and so do further fields of a rule', () => {
    const theirs = selectionOf({
      filterRules: [
        rule('state', 'ne', 'TX'),
        rule('state', 'ne', 'CA'),
        { ...rule('age', 'gte', 18), id: 7 } as never,
      ],
    });
    const ours = selectionOf({ ...theirs, targetListIds: ['L1', 'L2'], filterRules: theirs.filterRules });
    expect(mergedOf(merge(theirs, theirs, ours)).filterRules).toEqual(theirs.filterRules);
    const fromFile = selectionOf({
      filterRules: [rule('state', 'ne', 'CA'), rule('state', 'ne', 'TX'), rule('age', 'gte', 18)],
    });
    expect(mergedOf(merge(theirs, theirs, fromFile)).filterRules).toContainEqual({
      ...rule('age', 'gte', 18),
      id: 7,
    });
  });
});
