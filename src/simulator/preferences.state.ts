/** The stored preferences, one per contact and channel, with the known item keys and the stored answers to batches. */
import type { PreferenceItem, StoredPreference } from '../cxone/preferences.wire.ts';
import type { Entry } from './journal.ts';

/** `batchKey` is the `X-Idempotency-Key` of the batch, or null if the admin API stored the preference. */
export interface Stored extends PreferenceItem {
  readonly id: string;
  readonly batchKey: string | null;
}
export type PreferenceEntry = Entry<Stored>;

/** The answer to a batch, to be repeated when the batch is sent again. */
export interface StoredAnswer {
  /** The first request's body, parsed and serialised again. */
  readonly body: string;
  readonly status: number;
  readonly answer: unknown;
  readonly expiresAtMs: number;
}

export function createPreferences() {
  const byPreference = new Map<string, Stored>();
  /** Item key → content key of the item that first used it. */
  const byItemKey = new Map<string, string>();
  const answers = new Map<string, StoredAnswer>();

  const put = (stored: Stored): void => {
    byPreference.set(preferenceKey(stored), stored);
    byItemKey.set(stored.idempotencyKey.toLowerCase(), contentKey(stored));
  };
  return {
    find: (contactId: string, channel: string): Stored | null =>
      byPreference.get(preferenceKey({ contactId, channel })) ?? null,
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
    /** Whether the item's key was used for another content before. */
    isKeyTaken(item: PreferenceItem): boolean {
      const known = byItemKey.get(item.idempotencyKey.toLowerCase());
      return known !== undefined && known !== contentKey(item);
    },
    findAnswer(batchKey: string, nowMs: number): StoredAnswer | null {
      const known = answers.get(batchKey);
      if (known !== undefined && known.expiresAtMs <= nowMs) answers.delete(batchKey);
      return answers.get(batchKey) ?? null;
    },
    storeAnswer: (batchKey: string, answer: StoredAnswer): void => void answers.set(batchKey, answer),
    page(contactId: string | undefined, offset: number, limit: number) {
      const wanted = contactId?.toLowerCase();
      const all = [...byPreference.values()].filter(
        (each) => (wanted ?? each.contactId) === each.contactId.toLowerCase(),
      );
      return { total: all.length, preferences: all.slice(offset, offset + limit).map(toPublic) };
    },
  };
}
export type Preferences = ReturnType<typeof createPreferences>;

/** The preference as GET returns it. */
export function toPublic({ batchKey: _b, idempotencyKey: _i, ...stored }: Stored): StoredPreference {
  return stored;
}

/** Two items with the same content key mean the same; the idempotency key does not count. */
export function contentKey(item: PreferenceItem): string {
  const { contactId, channel, optIn, consentTimestamp, withdrawalTimestamp, regulatoryRegion, source } = item;
  const times = [consentTimestamp, withdrawalTimestamp, item.updatedAt].map((time) =>
    time === null ? null : Date.parse(time),
  );
  return JSON.stringify([contactId.toLowerCase(), channel, optIn, regulatoryRegion, source, times]);
}

/** GUIDs are case-insensitive. */
export function preferenceKey({ contactId, channel }: Pick<PreferenceItem, 'contactId' | 'channel'>): string {
  return `${contactId.toLowerCase()} ${channel}`;
}
