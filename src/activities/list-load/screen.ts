/** Who must not be loaded: by CXone's suppression list and by our own (docs/list-load.md#suppression). */

import type { ListLoadFigures } from '../../contract/list-load.ts';
import { nameOfIdentifier } from '../../domain/identifiers.ts';
import { identifiersOf } from '../../domain/list-load/identity.ts';
import type { ListItem } from '../../domain/list-load/items.ts';
import { plural } from '../../domain/numbers.ts';
import type { ReasonCode } from '../../domain/reasons.ts';
import type { Reason } from '../../domain/run.ts';
import type { SuppressionSnapshot } from '../../ledger/consent/suppression-snapshots.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { findSuppressed, listPeople, TELEPHONE_CHANNELS } from '../consent/suppression.ts';
import { inChunks } from '../engine/chunks.ts';
import type { Recheck } from '../engine/definition.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import type { Withheld } from '../engine/write-definition.ts';
import { NO_CAPACITY } from './capacity.ts';
import type { ListLoadDeps } from './settings.ts';
import { requireSnapshot } from './snapshot.ts';

export const ON_CXONES_LIST = 'suppressed_by_cxone' satisfies ReasonCode;

export const RECORDS_PER_CHUNK = 1_000;

/**
 * Settles the pending records of people who are on CXone's list or on ours. Repeatable. Of a run that is planned it changes
 * nothing: there the gate looks, right before each batch.
 */
export async function screen(
  { ledger, draining }: ListLoadDeps,
  run: Run,
  { snapshotNo }: Pick<SuppressionSnapshot, 'snapshotNo'>,
): Promise<void> {
  const pending = ledger.records.listPending(run.run_no);
  for await (const chunk of inChunks(pending, { items: RECORDS_PER_CHUNK })) {
    await throwIfStopping(draining);
    const suppressed = await findSuppressedItems(ledger, snapshotNo, chunk);
    const rows = [...suppressed].map(([seq, { outcome, reasons }]) => ({ seq, outcome, reasons }));
    if (rows.length > 0) await ledger.records.settleStaged(run, rows);
  }
}

/**
 * Reads CXone's list again, however young it is: somebody may have objected while the plan waited for approval. The same list
 * decides and screens, or a plan could be void for nobody.
 */
export async function recheck(deps: ListLoadDeps, run: Run): Promise<Recheck> {
  const stopIfNeeded = () => throwIfStopping(deps.draining);
  const snapshot = await requireSnapshot(deps, run, { throwIfStopping: stopIfNeeded }, 0);
  const { figures } = run.plan as { readonly figures?: ListLoadFigures };
  return {
    isOutdated: await mayLoadSuppressed(deps, run, snapshot, figures),
    screen: async () => {
      // Whoever has no room, or is a duplicate, was not looked up in this list yet, and may be planned now.
      await deps.ledger.records.returnUnplanned(run, NO_CAPACITY);
      await screen(deps, run, snapshot);
    },
    describeChange: (now) => describeChange(figures, now as ListLoadFigures | undefined),
  };
}

/** Does the plan have people who are on one of the lists by now? */
async function mayLoadSuppressed(
  { ledger, draining }: ListLoadDeps,
  run: Run,
  { snapshotNo, hash }: SuppressionSnapshot,
  planned: ListLoadFigures | undefined,
): Promise<boolean> {
  if (hash === planned?.suppressions.hash && (await ledger.suppressions.isEmpty())) return false;
  const pending = ledger.records.listPending(run.run_no);
  for await (const chunk of inChunks(pending, { items: RECORDS_PER_CHUNK })) {
    await throwIfStopping(draining);
    if ((await findSuppressedItems(ledger, snapshotNo, chunk)).size > 0) return true;
  }
  return false;
}

/** If only our own list has changed, nothing of CXone's. */
function describeChange(before: ListLoadFigures | undefined, now: ListLoadFigures | undefined): string[] {
  if (!before || !now || before.suppressions.hash === now.suppressions.hash) return [];
  const describe = ({ suppressions: { hash, entries } }: ListLoadFigures) =>
    `${hash} (${plural(entries, 'entry')})`;
  return [`CXone's suppression list was ${describe(before)} and is ${describe(now)}`];
}

/** By seq. Reasons: ours first. Errors: SnapshotGone; those of the ledger. */
export async function findSuppressedItems(
  ledger: Ledger,
  snapshotNo: number,
  records: readonly PendingRecord[],
): Promise<Map<number, Withheld>> {
  const identifiers = records.map(({ seq, record }) => {
    const item = record as ListItem;
    return { seq, item, all: identifiersOf(item) };
  });
  const listAll = () => identifiers.flatMap(({ seq, item, all }) => listPeople(seq, contactIdOf(item), all));
  const own = await findSuppressed(ledger, listAll, TELEPHONE_CHANNELS);
  const found = await ledger.suppressionSnapshots.find(
    snapshotNo,
    identifiers.flatMap(({ all }) => all),
  );
  const suppressed = new Map(own);
  for (const { seq, all } of identifiers) {
    const identifier = all.find((each) => found.has(each));
    if (identifier === undefined) continue;
    const reasons = [...(own.get(seq)?.reasons ?? []), toReason(identifier)];
    suppressed.set(seq, { outcome: 'suppressed', reasons });
  }
  return suppressed;
}

/** By which our own list knows most people. */
export function contactIdOf({ fields }: ListItem): string | undefined {
  return fields.find(({ name }) => name === 'contact_id')?.value;
}

function toReason(identifier: string): Reason {
  return {
    code: ON_CXONES_LIST,
    field: nameOfIdentifier(identifier),
    message: "on CXone's suppression list, or in the file of the run",
  };
}
