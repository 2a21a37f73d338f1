/**
 * A write whose answer never came: is what stands at CXone now our own? The write was guarded by a version, so what it
 * would have made is the version after that one and no other. Pure.
 */
import { sameJson } from '../json.ts';
import { mergeOrder } from './priority-order.ts';
import { diffSelections } from './diff.ts';
import { type Place, placesIn, sameSelection, sameValue } from './places.ts';
import type { ContactSelection } from './selection.ts';

export interface Versioned {
  readonly version: number;
  readonly selection: ContactSelection;
}

export interface UnansweredWrite {
  /** Over which it was sent. */
  readonly from: Versioned;
  readonly sent: ContactSelection;
}

export interface LostWriteFindings {
  readonly verdict: LostWriteVerdict;
  /** Where the write was to change something, and CXone does not have it so: it never arrived, or was taken back. */
  readonly missing: readonly Place[];
  /** Is any of what it was to change there? */
  readonly isPartlyApplied: boolean;
}

/** `open`: the version still is the one that it was sent over, so it was not applied yet, and may be. */
export type LostWriteVerdict = 'open' | 'applied' | 'not_applied' | 'unknown';

/** `next`: the version right after `from` as it was seen, if ever it was. */
export function classifyLostWrite(
  write: UnansweredWrite,
  theirs: Versioned,
  next: ContactSelection | null,
): LostWriteFindings {
  const changed = changedBy(write);
  const missing = changed.filter((place) => !stands(place, write, theirs.selection));
  const verdict =
    theirs.version === write.from.version ? 'open' : next ? compareWithNext(next, write) : 'unknown';
  return { verdict, missing, isPartlyApplied: missing.length < changed.length };
}

/** All of it and more: CXone may have added to what we sent, or somebody else has done the same and more. */
function compareWithNext(next: ContactSelection, write: UnansweredWrite): LostWriteVerdict {
  if (sameSelection(next, write.sent)) return 'applied';
  return changedBy(write).every((place) => stands(place, write, next)) ? 'unknown' : 'not_applied';
}

const changedBy = ({ from, sent }: UnansweredWrite): Place[] =>
  diffSelections(from.selection, sent).map(({ place }) => place);

/** Doing it once more would leave this place as it is. */
function stands(place: Place, { from, sent }: UnansweredWrite, there: ContactSelection): boolean {
  if (place === 'priorityOrder') {
    const again = mergeOrder(from.selection.priorityOrder, there.priorityOrder, sent.priorityOrder);
    return again !== null && sameJson(again, there.priorityOrder);
  }
  return sameValue(placesIn(there).get(place) ?? null, placesIn(sent).get(place) ?? null);
}
