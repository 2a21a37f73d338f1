/**
 * The idempotency keys of items. Those of the source are sent as they are, unless several items have the same one: CXone takes
 * it for a repetition of the first, or refuses it (docs/adr/0016-consent.md#sending-preferences).
 */
import type { PreferenceItem } from '../../cxone/preferences.ts';
import { plural } from '../../domain/numbers.ts';
import type { Preference } from '../../domain/preference-update/preferences.ts';
import type { Reason } from '../../domain/run.ts';
import { canonicalize } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { toUuid } from '../engine/uuid.ts';

/** What the ledger has of an item. */
export interface StagedItem extends PreferenceItem {
  /** Other items of the run had its key as well, so it has a derived one now. */
  readonly sharedKey?: true;
}

/** Why the item was sent under another key than the one in its row. */
export const SHARED_KEY: Reason = {
  code: 'idempotency_key_shared',
  field: 'idempotencyKey',
  message: 'other rows have the same key, so each of them has a key of its own, derived from its content',
};

/**
 * Of several items with the same key, none keeps it: which of them had it in CXone would depend on their order. Called when
 * duplicate rows are settled, so that identical rows share no key. Repeatable.
 */
export async function replaceSharedKeys(ledger: Ledger, run: Run): Promise<void> {
  await ledger.preferences.replaceSharedKeys(run, (record): StagedItem => {
    const item = record as PreferenceItem;
    return { ...item, idempotencyKey: deriveItemKey(run.run_id, item), sharedKey: true };
  });
}

/** For the plan. */
export async function describeSharedKeys(ledger: Ledger, run: Run): Promise<string[]> {
  const n = await ledger.preferences.countSharedKeys(run.run_no);
  if (n === 0) return [];
  return [
    `${plural(n, 'row shares', 'rows share')} an idempotency key with another row; each is sent under a derived key`,
  ];
}

/** Derived from run, contact, channel and content. */
export function deriveItemKey(runId: string, item: Preference | PreferenceItem): string {
  return toUuid(canonicalize({ runId, ...item }));
}
