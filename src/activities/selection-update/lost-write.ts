/** A write of this run whose answer never came: what it was, and what of it stands at CXone now. */
import { classifyLostWrite, type LostWriteFindings } from '../../domain/selection-update/lost-write.ts';
import type { Disputed } from '../../domain/selection-update/merge.ts';
import type { Place } from '../../domain/selection-update/places.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import type { Snapshot } from '../../ledger/selections/campaigns.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { SelectionUpdate } from '../../ledger/selections/selections.ts';

export interface LostWrite extends LostWriteFindings {
  /** The campaign that it was sent over. Applied, it is the next version. */
  readonly from: Snapshot;
  readonly sent: ContactSelection;
}

/** What goes with a write, and with those after it. */
export interface SelectionRefs {
  /** Places of the wish that a doubt about them was decided against: they are not wished any more. */
  readonly abandoned: readonly Place[];
}

export const abandonedPlaces = ({ refs }: OpenWrite): readonly Place[] =>
  (refs as SelectionRefs | null)?.abandoned ?? [];

/** Was it sent before, without an answer? A lease that ran out is an answer that was lost. */
export const mayBeApplied = ({ lostAnswers, state }: OpenWrite): boolean =>
  lostAnswers > 0 || state === 'sending';

/** null: nothing is under way that nobody answered. */
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
  const unanswered = { from: read(from), sent };
  return {
    ...classifyLostWrite(unanswered, read(theirs), next && readSelection(next.selection)),
    from,
    sent,
  };
}

const read = ({ version, selection }: Snapshot) => ({ version, selection: readSelection(selection) });

/** Nobody knows where it stood already: what it was to change and CXone does not have may have been taken back. */
export function disputedPlaces({ verdict, missing, from }: LostWrite): Disputed | undefined {
  if (verdict !== 'unknown') return undefined;
  const problem =
    `the answer to our write over version ${from.version} was lost: ` +
    'it never arrived, or somebody has taken this back since';
  return { places: missing, problem };
}
