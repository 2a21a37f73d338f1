/** A write of this run whose answer was lost: what was sent, and how much of it CXone has now. */
import {
  classifyLostWrite,
  type LostWriteFindings,
  type Versioned,
} from '../../domain/selection-update/lost-write.ts';
import type { Disputed } from '../../domain/selection-update/merge.ts';
import type { Place } from '../../domain/selection-update/places.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Snapshot } from '../../ledger/selections/campaigns.ts';
import type { SelectionUpdate } from '../../ledger/selections/selections.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';

/** Evidence: the lost answer was to our own write, and CXone has the change because of it. */
export const OWN_WRITE = 'own_write_lost_answer';

export interface LostWrite extends LostWriteFindings {
  /** The version of the campaign that it was sent over. If it was applied, it created the next version. */
  readonly from: Snapshot;
  readonly sent: ContactSelection;
}

/** Stored with a write, and inherited by those that replace it. */
export interface SelectionRefs {
  /** Places of the desired selection that are not pursued any more, since a doubt about them was decided for the other side. */
  readonly abandoned: readonly Place[];
}

export const abandonedPlaces = ({ refs }: OpenWrite): readonly Place[] =>
  (refs as SelectionRefs | null)?.abandoned ?? [];

/** Was it sent without an answer? An expired lease counts as a lost answer. */
export const mayBeApplied = ({ lostAnswers, state }: OpenWrite): boolean =>
  lostAnswers > 0 || state === 'sending';

/** Null if no answer is missing. */
export async function findLostWrite(
  { campaigns }: Pick<Ledger, 'campaigns'>,
  update: SelectionUpdate,
  write: OpenWrite,
  theirs: Snapshot,
): Promise<LostWrite | null> {
  if (!mayBeApplied(write) || update.from_snapshot === null) return null;
  const { tenant, campaign_id: campaignId } = update;
  const from = await campaigns.getSnapshot(update.from_snapshot);
  const made = from.version + 1;
  const next = theirs.version === made ? theirs : await campaigns.findVersion({ tenant, campaignId }, made);
  const sent = readSelection(update.sent);
  const unanswered = { from: readVersioned(from), sent };
  return {
    ...classifyLostWrite(unanswered, readVersioned(theirs), next && readSelection(next.selection)),
    from,
    sent,
  };
}

export const readVersioned = ({ version, selection }: Snapshot): Versioned => ({
  version,
  selection: readSelection(selection),
});

/** The intended changes that CXone does not have: they never arrived or were undone, and nobody can tell which. */
export function disputedPlaces({ verdict, missing, from }: LostWrite): Disputed | undefined {
  if (verdict !== 'unknown') return undefined;
  const problem =
    `the answer to our write over version ${from.version} was lost: ` +
    'it never arrived, or somebody has undone it since';
  return { places: missing, problem };
}
