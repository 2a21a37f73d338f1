/**
 * Finds out whether a write whose answer was lost was applied. CXone accepts a write only over the version it names, so if
 * it was applied, it produced the version right after that one. Pure.
 */
import { sameJson } from '../json.ts';
import { diffSelections } from './diff.ts';
import { mergeValues } from './merge.ts';
import { type Place, placesIn, rulesOf, sameSelection, sameValue } from './places.ts';
import { mergeOrder } from './priority-order.ts';
import { findRuleConflict } from './rules.ts';
import type { ContactSelection } from './selection.ts';

export interface Versioned {
  readonly version: number;
  readonly selection: ContactSelection;
}

export interface UnansweredWrite {
  /** The version over which it was sent. */
  readonly from: Versioned;
  readonly sent: ContactSelection;
}

export interface LostWriteFindings {
  readonly verdict: LostWriteVerdict;
  /** Places that the write was to change and that CXone does not have as sent: it never arrived, or was reverted. */
  readonly missing: readonly Place[];
  /** CXone has at least one of the places as sent. */
  readonly isPartlyApplied: boolean;
}

/** `open`: CXone still has the version over which it was sent, so the write was not applied, but may still be. */
export type LostWriteVerdict = 'open' | 'applied' | 'not_applied' | 'unknown';

/** @param next the version right after `from`; null: nobody read it */
export function classifyLostWrite(
  write: UnansweredWrite,
  theirs: Versioned,
  next: ContactSelection | null,
): LostWriteFindings {
  const changed = changedPlaces(write);
  const isThere = asSentIn(write, theirs.selection);
  const missing = changed.filter((place) => !isThere(place));
  const verdict =
    theirs.version === write.from.version ? 'open' : next ? compareWithNext(next, write) : 'unknown';
  return { verdict, missing, isPartlyApplied: missing.length < changed.length };
}

/** `unknown`: all changes are there, but with others. CXone may have added them, or someone else made the same changes. */
function compareWithNext(next: ContactSelection, write: UnansweredWrite): LostWriteVerdict {
  if (sameSelection(next, write.sent)) return 'applied';
  return changedPlaces(write).every(asSentIn(write, next)) ? 'unknown' : 'not_applied';
}

const changedPlaces = ({ from, sent }: UnansweredWrite): Place[] =>
  diffSelections(from.selection, sent).map(({ place }) => place);

/** Would sending the write again leave a place of this selection unchanged? */
function asSentIn({ from, sent }: UnansweredWrite, there: ContactSelection): (place: Place) => boolean {
  const places = [from.selection, there, sent].map((selection) => placesIn(selection));
  return (place) => {
    if (place === 'priorityOrder') {
      const again = mergeOrder(from.selection.priorityOrder, there.priorityOrder, sent.priorityOrder);
      return again !== null && sameJson(again, there.priorityOrder);
    }
    const [was = null, now = null, ours = null] = places.map((each) => each.get(place));
    if (findRuleConflict(rulesOf(was), rulesOf(now), rulesOf(ours))) return false;
    const again = mergeValues(was, now, ours);
    return again !== undefined && sameValue(again, now);
  };
}
