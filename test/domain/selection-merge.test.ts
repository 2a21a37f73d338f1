/** The invariants of the merge: no edit is lost, and nothing is invented. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffSelections } from '../../src/domain/selection-update/diff.ts';
import { mergeSelections, type Side } from '../../src/domain/selection-update/merge.ts';
import {
  fieldPlace,
  isFieldPlace,
  isWithin,
  listPlace,
  type Place,
  type PlaceValue,
  placesIn,
  rulePlace,
  sameSelection,
  sameValue,
} from '../../src/domain/selection-update/places.ts';
import { type FilterRule, ruleKey } from '../../src/domain/selection-update/rules.ts';
import { type ContactSelection, selectionProblems } from '../../src/domain/selection-update/selection.ts';
import { createSelection, exclude, expectMerged, merge, rule, selection, sides } from './selections.ts';

const leaveOpen = (): null => null;

const changedPlaces = (from: ContactSelection, to: ContactSelection): Place[] =>
  diffSelections(from, to).map(({ place }) => place);

function at(of: ContactSelection, place: Place): PlaceValue {
  if (place === 'priorityOrder') return { order: of.priorityOrder };
  const placeOf = isFieldPlace(place) ? ({ field }: FilterRule) => fieldPlace(field) : rulePlace;
  return placesIn(of, placeOf).get(place) ?? null;
}

const isRules = (place: Place) => place.startsWith('filterRules/');
/** Merged as a whole, and therefore compared as one. */
const isPlain = (place: Place) => place !== 'priorityOrder' && !isRules(place);
const keysOf = (of: ContactSelection) => of.filterRules.map(ruleKey);

/** The conflicts about rules. The law, stated once more. */
function ruleConflicts(...sides: [ContactSelection, ContactSelection, ContactSelection]): Place[] {
  const fields = new Set(sides.flatMap((side) => side.filterRules.map(({ field }) => field)));
  return [...fields].flatMap((field) => {
    const of = (n: 0 | 1 | 2) => sides[n].filterRules.filter((each) => each.field === field);
    const minus = (some: FilterRule[], ...others: FilterRule[][]) =>
      some.filter((one) => !others.flat().some((other) => ruleKey(one) === ruleKey(other)));
    const [base, theirs, ours] = [of(0), of(1), of(2)];
    const [theyAdded, weAdded] = [minus(theirs, base, ours), minus(ours, base, theirs)];
    const bothRemoved = minus(base, theirs, ours);
    const isReplaced = [bothRemoved, theyAdded, weAdded].every(({ length }) => length > 0);
    const equals = (some: FilterRule[]) => some.some(({ operator }) => /^eq$/i.test(operator));
    const isExclusive =
      theyAdded.some((one) => weAdded.some((other) => exclude(one, other))) ||
      (equals(theyAdded) && equals(minus(base, ours))) ||
      (equals(weAdded) && equals(minus(base, theirs)));
    if (!isReplaced && !isExclusive) return [];
    const isNamed = ({ operator, value }: FilterRule) =>
      isReplaced || /^eq$/i.test(operator) || (/^in$/i.test(operator) && Array.isArray(value));
    const changed = [...bothRemoved, ...theyAdded, ...weAdded].filter(isNamed);
    const [place, ...others] = new Set(changed.map(rulePlace));
    return others.length === 0 && place ? [place] : [fieldPlace(field)];
  });
}

/** The selection without its changes at these places, and of rules without those of their fields. */
function except(
  desired: ContactSelection,
  base: ContactSelection,
  places: readonly Place[],
): ContactSelection {
  const from = (place: Place) => (places.includes(place) ? base : desired);
  const fromField = ({ field }: FilterRule) =>
    places.some((place) => isWithin(place, fieldPlace(field))) ? base : desired;
  const ids = [desired, base].flatMap((each) => [...each.targetListIds, ...each.exclusionListIds]);
  const keptLists = (field: 'targetListIds' | 'exclusionListIds') =>
    [...new Set(ids)].filter((id) => from(listPlace(id))[field].includes(id));
  return {
    targetListIds: keptLists('targetListIds'),
    exclusionListIds: keptLists('exclusionListIds'),
    filterRules: [desired, base].flatMap((each) => each.filterRules.filter((one) => fromField(one) === each)),
    priorityOrder: from('priorityOrder').priorityOrder,
  };
}

describe('invariants', () => {
  it('identity: if only one side changed something, that side is the result', () => {
    fc.assert(
      fc.property(selection, selection, (base, changed) => {
        expect(expectMerged(merge(base, base, changed))).toEqual(changed);
        expect(sameSelection(expectMerged(merge(base, changed, base)), changed)).toBe(true);
        expect(sameSelection(expectMerged(merge(base, changed, changed)), changed)).toBe(true);
      }),
    );
  });

  it('disjoint changes commute', () => {
    fc.assert(
      fc.property(sides, ([base, theirs, ours]) => {
        const disjoint = except(ours, base, changedPlaces(base, theirs));
        const [one, other] = [merge(base, theirs, disjoint), merge(base, disjoint, theirs)];
        expect(sameSelection(expectMerged(one), expectMerged(other))).toBe(true);
      }),
    );
  });

  it('no edit is lost: each changed place has the value of the side that changed it, or is a conflict', () => {
    fc.assert(
      fc.property(sides, ([base, theirs, ours]) => {
        const merged = merge(base, theirs, ours);
        if (merged.kind !== 'merged') return;
        for (const side of [theirs, ours])
          for (const place of changedPlaces(base, side).filter(isPlain))
            expect(sameValue(at(merged.selection, place), at(side, place)), place).toBe(true);
        const made = changedPlaces(base, merged.selection);
        const wanted = [...changedPlaces(base, theirs), ...changedPlaces(base, ours)];
        expect(
          made.filter((place) => !wanted.includes(place)),
          'invented',
        ).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('a rule is there exactly if one side added it, or both kept it', () => {
    fc.assert(
      fc.property(sides, ([base, theirs, ours]) => {
        const merged = merge(base, theirs, ours);
        if (merged.kind !== 'merged') return;
        const [was, there, here] = [base, theirs, ours].map(keysOf) as [string[], string[], string[]];
        const expected = [...new Set([...there, ...here])].filter((key) =>
          was.includes(key) ? there.includes(key) && here.includes(key) : true,
        );
        // Each once, too.
        expect(keysOf(merged.selection).sort()).toEqual(expected.sort());
      }),
      { numRuns: 500 },
    );
  });

  it('changes of different rules commute, also of one field and operator', () => {
    fc.assert(
      fc.property(sides, ([base, theirs, ours]) => {
        const [one, other] = [merge(base, theirs, ours), merge(base, ours, theirs)];
        expect(one.kind).toBe(other.kind);
        if (one.kind === 'merged' && other.kind === 'merged')
          expect(keysOf(one.selection).sort()).toEqual(keysOf(other.selection).sort());
      }),
      { numRuns: 500 },
    );
  });

  it('there is a conflict exactly if both sides changed a list differently, or rules so that not both changes can stand', () => {
    fc.assert(
      fc.property(sides, ([base, theirs, ours]) => {
        const merged = merge(base, theirs, ours);
        const found = merged.kind === 'conflict' ? merged.open.map(({ place }) => place) : [];
        const both = changedPlaces(base, theirs).filter((place) => changedPlaces(base, ours).includes(place));
        const expected = [
          ...both.filter((place) => !isRules(place) && !sameValue(at(theirs, place), at(ours, place))),
          ...ruleConflicts(base, theirs, ours),
        ];
        const places = (all: readonly Place[]) => all.filter((place) => place !== 'priorityOrder').sort();
        expect(places(found)).toEqual(places(expected));
        if (found.includes('priorityOrder')) expect(expected).toContain('priorityOrder');
      }),
      { numRuns: 500 },
    );
  });

  it('changes that add priorities never conflict, and none is lost', () => {
    const letters = (of: string) => fc.uniqueArray(fc.constantFrom(...of), { maxLength: 2 });
    fc.assert(
      fc.property(letters('ab'), letters('uvx'), letters('uxyz'), (had, they, we) => {
        const of = (...priorityOrder: string[]) =>
          createSelection({ priorityOrder: [...new Set(priorityOrder)] });
        const [base, theirs, ours] = [of(...had), of(...had, ...they), of(...had, ...we)];
        if (new Set([...had, ...they, ...we]).size > 5) return;
        const merged = expectMerged(mergeSelections({ base, theirs, ours, isChange: true }, leaveOpen));
        expect([...merged.priorityOrder].sort()).toEqual([...new Set([...had, ...they, ...we])].sort());
        expect(merged.priorityOrder.filter((each) => had.includes(each as string))).toEqual(had);
        const again = mergeSelections({ base, theirs: merged, ours, isChange: true }, leaveOpen);
        expect(expectMerged(again)).toEqual(merged);
      }),
    );
  });

  it('idempotent: merging the result again changes nothing', () => {
    fc.assert(
      fc.property(sides, ([base, theirs, ours]) => {
        const merged = merge(base, theirs, ours);
        if (merged.kind !== 'merged') return;
        expect(expectMerged(merge(base, merged.selection, ours))).toEqual(merged.selection);
      }),
      { numRuns: 500 },
    );
  });

  it('if every conflict is resolved, the result follows the rules and has the chosen side everywhere', () => {
    fc.assert(
      fc.property(sides, fc.constantFrom<Side>('mine', 'theirs'), ([base, theirs, ours], side) => {
        const merged = merge(base, theirs, ours, side);
        const result = expectMerged(merged);
        expect(selectionProblems(result)).toEqual([]);
        const open = mergeSelections({ base, theirs, ours }, leaveOpen);
        const winner = side === 'mine' ? ours : theirs;
        for (const { place } of open.kind === 'conflict' ? open.open : [])
          expect(sameValue(at(result, place), at(winner, place)), place).toBe(true);
      }),
    );
  });
});

describe('priorities', () => {
  const order = (base: string, theirs: string, ours: string) => {
    const of = (letters: string) => createSelection({ priorityOrder: [...letters] });
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
    ['ab', 'abc', 'abd', 'each appended a different item'],
    ['abc', 'ac', 'bac', 'one removed what the other moved'],
    ['abc', 'bac', 'acb', 'the same item was moved differently'],
    ['', 'xy', 'yx', 'both added both items in different orders'],
  ])('%s, theirs %s, ours %s: a conflict, because %s', (base, theirs, ours) => {
    expect(order(base, theirs, ours)).toBe('conflict');
  });
});

describe('priorities of a change', () => {
  const order = (base: string, theirs: string, ours: string) => {
    const of = (letters: string) => createSelection({ priorityOrder: [...letters] });
    const sides = { base: of(base), theirs: of(theirs), ours: of(ours), isChange: true };
    const merged = mergeSelections(sides, leaveOpen);
    return merged.kind === 'merged' ? merged.selection.priorityOrder.join('') : merged.kind;
  };

  it.each([
    ['', 'x', 'y', 'xy'],
    ['ab', 'abc', 'abd', 'abcd'],
    ['ab', 'abc', 'bd', 'bcd'],
    ['ab', 'bc', 'abd', 'bcd'],
  ])(
    'come last, after those that others appended: %s, theirs %s, ours %s: %s',
    (base, theirs, ours, expected) => {
      expect(order(base, theirs, ours)).toBe(expected);
    },
  );

  it('are a conflict if others moved what it removes', () => {
    expect(order('abc', 'bac', 'bc')).toBe('conflict');
  });
});

describe('changes that break a rule only together', () => {
  const many = (prefix: string, n: number) =>
    Array.from({ length: n }, (_, i) => rule(`${prefix}${i}`, 'eq', i));

  it('more than 50 rules are one conflict, and the chosen side replaces all rules', () => {
    const base = createSelection({ filterRules: many('b', 30) });
    const theirs = createSelection({ filterRules: [...base.filterRules, ...many('t', 15)] });
    const ours = createSelection({
      filterRules: [...base.filterRules, ...many('o', 15)],
      targetListIds: ['L1', 'L2'],
    });
    const merged = merge(base, theirs, ours);
    expect(merged).toMatchObject({
      kind: 'conflict',
      open: [
        {
          place: 'filterRules',
          problem: 'contactSelection.filterRules has 60 rules; CXone accepts at most 50',
        },
      ],
    });
    const mine = expectMerged(merge(base, theirs, ours, 'mine'));
    expect(mine.filterRules).toEqual(ours.filterRules);
    expect(mine.targetListIds).toEqual(['L1', 'L2']);
  });

  it('removing one of the last two lists each is a conflict', () => {
    const of = (...targetListIds: string[]) => createSelection({ targetListIds });
    const merged = merge(of('L1', 'L2'), of('L1'), of('L2'));
    expect(merged).toMatchObject({ kind: 'conflict', open: [{ place: 'lists' }] });
    expect(expectMerged(merge(of('L1', 'L2'), of('L1'), of('L2'), 'theirs')).targetListIds).toEqual(['L1']);
  });

  it('a list that one side targets and the other excludes is a conflict', () => {
    const ours = createSelection({ targetListIds: ['L1', 'L9'] });
    const theirs = createSelection({ exclusionListIds: ['L9'] });
    expect(merge(createSelection(), theirs, ours)).toEqual({
      kind: 'conflict',
      open: [{ place: 'lists/L9', base: null, theirs: { role: 'exclusion' }, ours: { role: 'target' } }],
    });
  });

  it('a selection in CXone that breaks the rules is reported, not merged', () => {
    const theirs = createSelection({ targetListIds: ['L1', 'L9'], exclusionListIds: ['L9'] });
    const ours = createSelection({ priorityOrder: ['a'] });
    expect(merge(createSelection(), theirs, ours)).toMatchObject({
      kind: 'broken',
      problems: [{ path: 'contactSelection.exclusionListIds[0]' }],
    });
  });
});
