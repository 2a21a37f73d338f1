/** The stored preferences, one for each contact and channel; which item keys are known, and what batches were answered. */
import type { PreferenceItem, StoredPreference } from '../cxone/preferences.wire.ts';
import type { EntryOf } from './journal.ts';

/** An item as it is stored; `batchKey` is the `X-Idempotency-Key` that brought it, null where a test put it there. */
export interface Stored extends PreferenceItem {
  readonly id: string;
  readonly batchKey: string | null;
}
export type PreferenceEntry = EntryOf<Stored>;

/** What a batch was answered, to be answered again. */
export interface StoredAnswer {
  /** The bytes of the first request's body, parsed and written again. */
  readonly body: string;
  readonly status: number;
  readonly answer: unknown;
  readonly expiresAtMs: number;
}

export function createPreferences() {
  const byPlace = new Map<string, Stored>();
  /** Item key → the item that first had it, as text. */
  const byItemKey = new Map<string, string>();
  const answers = new Map<string, StoredAnswer>();

  const put = (stored: Stored): void => {
    byPlace.set(placeOf(stored), stored);
    byItemKey.set(stored.idempotencyKey, contentOf(stored));
  };
  return {
    find: (contactId: string, channel: string): Stored | null =>
      byPlace.get(placeOf({ contactId, channel })) ?? null,
    put,
    restore: ({
      n: _n,
      at: _at,
      family: _f,
      action: _a,
      requestId: _r,
      listId: _l,
      ...stored
    }: PreferenceEntry) => put(stored),
    /** The item's key was used for something else before. */
    isKeyTaken(item: PreferenceItem): boolean {
      const known = byItemKey.get(item.idempotencyKey);
      return known !== undefined && known !== contentOf(item);
    },
    /** Forgotten when its time is up. */
    answerOf(batchKey: string, nowMs: number): StoredAnswer | null {
      const known = answers.get(batchKey);
      if (known !== undefined && known.expiresAtMs <= nowMs) answers.delete(batchKey);
      return answers.get(batchKey) ?? null;
    },
    remember: (batchKey: string, answer: StoredAnswer): void => void answers.set(batchKey, answer),
    page(contactId: string | undefined, offset: number, limit: number) {
      const wanted = contactId?.toLowerCase();
      const all = [...byPlace.values()].filter(
        (each) => (wanted ?? each.contactId) === each.contactId.toLowerCase(),
      );
      return { total: all.length, preferences: all.slice(offset, offset + limit).map(publicOf) };
    },
  };
}
export type Preferences = ReturnType<typeof createPreferences>;

/** As GET tells it. */
export function publicOf({ batchKey: _b, idempotencyKey: _i, ...stored }: Stored): StoredPreference {
  return stored;
}

/** What an item says, without how it came. Two items with the same say the same. */
export function contentOf(item: PreferenceItem): string {
  const { contactId, channel, optIn, consentTimestamp, withdrawalTimestamp, regulatoryRegion, source } = item;
  const times = [consentTimestamp, withdrawalTimestamp, item.updatedAt].map((time) =>
    time === null ? null : Date.parse(time),
  );
  return JSON.stringify([contactId.toLowerCase(), channel, optIn, regulatoryRegion, source, times]);
}

/** GUIDs are the same in capitals. */
export function placeOf({ contactId, channel }: Pick<PreferenceItem, 'contactId' | 'channel'>): string {
  return `${contactId.toLowerCase()} ${channel}`;
}
