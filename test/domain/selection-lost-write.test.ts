/** What is known of a write that nobody answered; and that nothing of anybody's is lost by what is not known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyLostWrite, type LostWriteVerdict } from '../../src/domain/selection-update/lost-write.ts';
import { diffSelections } from '../../src/domain/selection-update/diff.ts';
import { mergeSelections, type Side } from '../../src/domain/selection-update/merge.ts';
import {
  type Place,
  placesIn,
  sameSelection,
  sameValue,
  replacePlaces,
} from '../../src/domain/selection-update/places.ts';
import type { ContactSelection } from '../../src/domain/selection-update/selection.ts';
import { selection, selectionOf } from './selections.ts';

const lists = (...targetListIds: string[]) => selectionOf({ targetListIds });
const changed = (from: ContactSelection, to: ContactSelection): Place[] =>
  diffSelections(from, to).map(({ place }) => place);
const at = (of: ContactSelection, place: Place) => placesIn(of).get(place) ?? null;

const FROM = { version: 4, selection: lists('L1') };
const SENT = lists('L1', 'M');
const doubt = (version: number, there: ContactSelection, next: ContactSelection | null = null) =>
  classifyLostWrite({ from: FROM, sent: SENT }, { version, selection: there }, next);

describe('the verdict of a write that nobody answered', () => {
  it.each<[string, number, ContactSelection, ContactSelection | null, LostWriteVerdict, Place[]]>([
    ['is open while its version stands', 4, lists('L1'), null, 'open', ['lists/M']],
    ['is told by the next version: that is ours', 5, SENT, SENT, 'applied', []],
    ['or another one', 5, lists('L1', 'T'), lists('L1', 'T'), 'not_applied', ['lists/M']],
    [
      'or ours with more, which CXone may have added',
      5,
      lists('L1', 'M', 'T'),
      lists('M', 'L1', 'T'),
      'unknown',
      [],
    ],
    ['also later, where that was seen', 6, lists('L1'), SENT, 'applied', ['lists/M']],
    ['is unknown where it was not: what is there may be ours', 6, lists('L1', 'M', 'T'), null, 'unknown', []],
    ['and what is not there may have been', 6, lists('L1', 'T'), null, 'unknown', ['lists/M']],
    ['or the versions have begun anew', 2, lists('L1'), null, 'unknown', ['lists/M']],
  ])('%s', (_, version, there, next, verdict, missing) => {
    expect(doubt(version, there, next)).toMatchObject({ verdict, missing });
  });

  it('priorities stand where writing them once more would change nothing', () => {
    const order = (...priorityOrder: string[]) => selectionOf({ priorityOrder });
    const write = { from: { version: 1, selection: order('a') }, sent: order('a', 'b') };
    const missing = (...there: string[]) =>
      classifyLostWrite(write, { version: 3, selection: order(...there) }, null).missing;
    expect(missing('x', 'a', 'b')).toEqual([]);
    expect(missing('a')).toEqual(['priorityOrder']);
  });
});

describe('laws', () => {
  const disputedMerge = (
    from: ContactSelection,
    theirs: ContactSelection,
    wish: ContactSelection,
    side: Side | null,
  ) => {
    const write = { from: { version: 1, selection: from }, sent: wish };
    const { missing: places } = classifyLostWrite(write, { version: 3, selection: theirs }, null);
    const sides = { base: from, theirs, ours: wish };
    return { places, merged: mergeSelections(sides, () => side, { places, problem: 'lost' }), sides };
  };

  it('whether it was applied or not, what others have done since is there, or asked about', () => {
    fc.assert(
      fc.property(selection, selection, selection, (from, theirs, wish) => {
        const { merged } = disputedMerge(from, theirs, wish, null);
        if (merged.kind !== 'merged') return;
        // Their edits are those of our write if it was applied, and of what it was sent over if it was not.
        for (const before of [from, wish])
          for (const place of changed(before, theirs).filter((each) => each !== 'priorityOrder'))
            expect(sameValue(at(merged.selection, place), at(theirs, place)), place).toBe(true);
      }),
    );
  });

  it('theirs leaves as it is what may have been taken back; mine writes what would be written without the doubt', () => {
    fc.assert(
      fc.property(selection, selection, selection, (from, theirs, wish) => {
        const left = disputedMerge(from, theirs, wish, 'theirs');
        if (left.merged.kind === 'merged')
          expect(
            changed(theirs, left.merged.selection).filter((place) => left.places.includes(place)),
          ).toEqual([]);
        const { merged, sides } = disputedMerge(from, theirs, wish, 'mine');
        const plain = mergeSelections(sides, () => 'mine');
        expect(merged.kind).toBe(plain.kind);
        if (merged.kind === 'merged' && plain.kind === 'merged')
          expect(sameSelection(merged.selection, plain.selection)).toBe(true);
      }),
    );
  });

  it('a base that has the wish at a place leaves it to theirs from then on', () => {
    fc.assert(
      fc.property(selection, selection, selection, (base, theirs, wish) => {
        const { places } = disputedMerge(base, theirs, wish, null);
        const ended = replacePlaces(base, wish, places);
        expect(changed(ended, wish).filter((place) => places.includes(place))).toEqual([]);
        expect(changed(ended, base).filter((place) => !places.includes(place))).toEqual([]);
        const merged = mergeSelections({ base: ended, theirs, ours: wish }, () => 'mine');
        if (merged.kind === 'merged' && !changedByTheRules(merged.resolved))
          expect(changed(theirs, merged.selection).filter((place) => places.includes(place))).toEqual([]);
      }),
    );
  });
});

/** A part that breaks a rule is settled as a whole. */
const changedByTheRules = (settled: readonly { readonly problem?: string }[]): boolean =>
  settled.some(({ problem }) => problem !== undefined);
