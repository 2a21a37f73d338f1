/** When a suppression list can be relied on (docs/list-load.md#suppression). Pure. */
import { formatCount, plural } from '../numbers.ts';

/** What is known of a suppression list after it was read to its end. */
export interface SnapshotFigures {
  readonly entries: number;
  /** Entries that are not clear (domain/identifiers.ts): they identify nobody, or not everybody in them can be read. */
  readonly unidentified: number;
  /** Whether its end was seen. */
  readonly isComplete: boolean;
}

/**
 * Why a list must not be relied on until a person accepts it, as sentences with figures; empty: it may. Fail closed: who is
 * missing from the list would be called.
 * @param previous the newest list that was relied on, also by other runs; null: there is none
 */
export function suppressionDoubts(
  { entries, unidentified, isComplete }: SnapshotFigures,
  previous: Pick<SnapshotFigures, 'entries'> | null,
): readonly string[] {
  const doubts: string[] = [];
  if (!isComplete) doubts.push(`The suppression list ends in the middle, after ${plural(entries, 'entry')}`);
  if (entries === 0 && previous?.entries !== 0) doubts.push('The suppression list is empty');
  else if (previous !== null && entries * 2 < previous.entries)
    doubts.push(
      `The suppression list has shrunk by more than half, from ${plural(previous.entries, 'entry')} to ${formatCount(entries)}`,
    );
  if (unidentified > 0)
    doubts.push(
      `${plural(unidentified, 'entry')} of the suppression list ${unidentified === 1 ? 'identifies' : 'identify'} nobody, or ${unidentified === 1 ? 'has' : 'have'} a number, an address or an id that cannot be read: each may mean anybody`,
    );
  return doubts;
}
