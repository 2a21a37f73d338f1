/** What can be concluded about a write whose answer was lost, and that no edit is lost because of the uncertainty. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffSelections } from '../../src/domain/selection-update/diff.ts';
import { classifyLostWrite, type LostWriteVerdict } from '../../src/domain/selection-update/lost-write.ts';
import { mergeSelections, type Side } from '../../src/domain/selection-update/merge.ts';
import {
  isFieldPlace,
  PARTS,
  type Place,
  type PlaceValue,
  placesIn,
  replacePlaces,
  rulesOf,
  sameSelection,
  sameValue,
} from '../../src/domain/selection-update/places.ts';
import { withoutRules } from '../../src/domain/selection-update/rules.ts';
import type { ContactSelection } from '../../src/domain/selection-update/selection.ts';
import { createSelection, sides } from './selections.ts';

const lists = (...targetListIds: string[]) => createSelection({ targetListIds });
const changed = (from: ContactSelection, to: ContactSelection): Place[] =>
  diffSelections(from, to).map(({ place }) => place);
const at = (of: ContactSelection, place: Place) => placesIn(of).get(place) ?? null;

const FROM = { version: 4, selection: lists('L1') };
const SENT = lists('L1', 'M');
const classify = (version: number, there: ContactSelection, next: ContactSelection | null = null) =>
  classifyLostWrite({ from: FROM, sent: SENT }, { version, selection: there }, next);

describe('the verdict about a lost write', () => {
  it.each<[string, number, ContactSelection, ContactSelection | null, LostWriteVerdict, Place[]]>([
    ['is open while the version is unchanged', 4, lists('L1'), null, 'open', ['lists/M']],
    ['is applied if the next version is as sent', 5, SENT, SENT, 'applied', []],
    [
      'is not_applied if the next version lacks our changes',
      5,
      lists('L1', 'T'),
      lists('L1', 'T'),
      'not_applied',
      ['lists/M'],
    ],
    [
      'is unknown if the next version has our changes and others',
      5,
      lists('L1', 'M', 'T'),
      lists('M', 'L1', 'T'),
      'unknown',
      [],
    ],
    ['is applied if a version read earlier is as sent', 6, lists('L1'), SENT, 'applied', ['lists/M']],
    [
      'is unknown if the next version was never read, with our changes',
      6,
      lists('L1', 'M', 'T'),
      null,
      'unknown',
      [],
    ],
    [
      'is unknown if the next version was never read, without our changes',
      6,
      lists('L1', 'T'),
      null,
      'unknown',
      ['lists/M'],
    ],
    ['is unknown if the versions were reset', 2, lists('L1'), null, 'unknown', ['lists/M']],
  ])('%s', (_, version, there, next, verdict, missing) => {
    expect(classify(version, there, next)).toMatchObject({ verdict, missing });
  });

  it('priorities are as sent if sending them again would change nothing', () => {
    const order = (...priorityOrder: string[]) => createSelection({ priorityOrder });
    const write = { from: { version: 1, selection: order('a') }, sent: order('a', 'b') };
    const missing = (...there: string[]) =>
      classifyLostWrite(write, { version: 3, selection: order(...there) }, null).missing;
    expect(missing('x', 'a', 'b')).toEqual([]);
    expect(missing('a')).toEqual(['priorityOrder']);
  });
});

describe('invariants', () => {
  const disputedMerge = (
    from: ContactSelection,
    theirs: ContactSelection,
    desired: ContactSelection,
    side: Side | null,
  ) => {
    const write = { from: { version: 1, selection: from }, sent: desired };
    const { missing: places } = classifyLostWrite(write, { version: 3, selection: theirs }, null);
    const sides = { base: from, theirs, ours: desired };
    return { places, merged: mergeSelections(sides, () => side, { places, problem: 'lost' }), sides };
  };

  it('later edits of others are kept or a conflict, whether the write was applied or not', () => {
    fc.assert(
      fc.property(sides, ([from, theirs, desired]) => {
        const { merged } = disputedMerge(from, theirs, desired, null);
        if (merged.kind !== 'merged') return;
        // Their edits are relative to our write if it was applied, otherwise to the version it was sent over.
        for (const before of [from, desired])
          for (const place of changed(before, theirs).filter((each) => each !== 'priorityOrder'))
            expectKept(before, theirs, merged.selection, place);
      }),
    );
  });

  it('theirs keeps what may have been reverted; mine writes what would be written without the uncertainty', () => {
    fc.assert(
      fc.property(sides, ([from, theirs, desired]) => {
        const left = disputedMerge(from, theirs, desired, 'theirs');
        if (left.merged.kind === 'merged')
          expect(
            changed(theirs, left.merged.selection).filter((place) => left.places.includes(place)),
          ).toEqual([]);
        const { merged, sides } = disputedMerge(from, theirs, desired, 'mine');
        const plain = mergeSelections(sides, () => 'mine');
        expect(merged.kind).toBe(plain.kind);
        if (merged.kind === 'merged' && plain.kind === 'merged')
          expect(sameSelection(merged.selection, plain.selection)).toBe(true);
      }),
    );
  });

  it('a place whose base equals the desired value is left to theirs', () => {
    fc.assert(
      fc.property(sides, ([base, theirs, desired]) => {
        const { places } = disputedMerge(base, theirs, desired, null);
        const ended = replacePlaces(base, desired, places);
        expect(changed(ended, desired).filter((place) => places.includes(place))).toEqual([]);
        expect(changed(ended, base).filter((place) => !places.includes(place))).toEqual([]);
        const merged = mergeSelections({ base: ended, theirs, ours: desired }, () => 'mine');
        if (merged.kind === 'merged' && !wasResolvedAsWhole(merged.resolved))
          expect(changed(theirs, merged.selection).filter((place) => places.includes(place))).toEqual([]);
      }),
    );
  });
});

/** Of rules, those that they added are there, and those that they removed are not. */
function expectKept(
  before: ContactSelection,
  theirs: ContactSelection,
  merged: ContactSelection,
  place: Place,
): void {
  const [was, there, now] = [before, theirs, merged].map((of) => at(of, place)) as [
    PlaceValue,
    PlaceValue,
    PlaceValue,
  ];
  if (!place.startsWith('filterRules/')) return expect(sameValue(now, there), place).toBe(true);
  const [added, removed] = [
    withoutRules(rulesOf(there), rulesOf(was)),
    withoutRules(rulesOf(was), rulesOf(there)),
  ];
  expect(withoutRules(added, rulesOf(now)), `added at ${place}`).toEqual([]);
  expect(withoutRules(removed, rulesOf(now)), `removed at ${place}`).toHaveLength(removed.length);
}

/** A part that breaks a rule is resolved as a whole, as are rules of one field in a conflict about several operators. */
const wasResolvedAsWhole = (resolved: readonly { readonly place: Place }[]): boolean =>
  resolved.some(({ place }) => isFieldPlace(place) || PARTS.some((part) => part === place));
