/** Matches what an answer says about single items to the items of the request. Pure. */
import type { z } from 'zod';
import type { NamedPreferenceEntry, PREFERENCES_UPDATED, PreferenceItem } from './preferences.wire.ts';

export interface PreferenceResult {
  /** Position in the request. */
  readonly index: number;
  readonly id: string | null;
  readonly contactId: string;
  readonly channel: string;
  /** The value that is stored now. */
  readonly optIn: boolean;
  /** As CXone returns it, e.g. `updated`. */
  readonly status: string;
  /** This item differed from the stored preference, and the newer timestamp won. */
  readonly conflictResolved: boolean;
}

export interface NamedPreference {
  /** Position in the request. */
  readonly index: number;
  /** `UNSPECIFIED` if CXone returns none. */
  readonly code: string;
  readonly field: string | null;
  readonly message: string | null;
}

/**
 * A result belongs to the item with the same contact and channel. If there are several, the first one counts. Results that
 * match no item become notes.
 */
export function matchResults(
  entries: z.infer<typeof PREFERENCES_UPDATED>,
  items: readonly PreferenceItem[],
): { readonly results: readonly PreferenceResult[]; readonly notes: readonly string[] } {
  const indexes = indexItems(items);
  const results = new Map<number, PreferenceResult>();
  const notes: string[] = [];
  for (const entry of entries) {
    const [index, ...more] = indexes.get(toKey(entry)) ?? [];
    if (index === undefined || more.length > 0) notes.push('a result that matches no item of the batch');
    else if (results.has(index)) notes.push(`a second result for item ${index}`);
    else results.set(index, { index, ...entry });
  }
  return { results: [...results.values()].sort((a, b) => a.index - b.index), notes };
}

/**
 * An entry belongs to the item at its index if contact and channel, where given, agree. Otherwise it belongs to the item
 * with its contact and channel, if there is exactly one. Other entries become notes, because blaming the wrong item would
 * be worse.
 */
export function matchPreferences(
  entries: readonly (string | NamedPreferenceEntry)[],
  items: readonly PreferenceItem[],
): { readonly named: readonly NamedPreference[]; readonly notes: readonly string[] } {
  const indexes = indexItems(items);
  const named: NamedPreference[] = [];
  const notes: string[] = [];
  for (const entry of entries) {
    const index = typeof entry === 'string' ? null : findIndex(entry, items, indexes);
    if (typeof entry === 'string') notes.push(entry);
    else if (index === null) notes.push(entry.message ?? entry.code ?? 'an entry that matches no item');
    else named.push({ index, code: entry.code ?? 'UNSPECIFIED', field: entry.field, message: entry.message });
  }
  return { named, notes };
}

function findIndex(
  entry: NamedPreferenceEntry,
  items: readonly PreferenceItem[],
  indexes: ReadonlyMap<string, readonly number[]>,
): number | null {
  const { index, contactId, channel } = entry;
  const item = index == null ? undefined : items[index];
  if (index != null && item !== undefined && agrees(entry, item)) return index;
  if (contactId === null || channel === null) return null;
  const [only, ...more] = indexes.get(toKey({ contactId, channel })) ?? [];
  return only === undefined || more.length > 0 ? null : only;
}

function agrees({ contactId, channel }: NamedPreferenceEntry, item: PreferenceItem): boolean {
  const isContact = contactId === null || contactId.toLowerCase() === item.contactId.toLowerCase();
  return isContact && (channel === null || channel === item.channel);
}

function indexItems(items: readonly PreferenceItem[]): ReadonlyMap<string, readonly number[]> {
  const indexes = new Map<string, number[]>();
  items.forEach((item, index) => {
    const known = indexes.get(toKey(item));
    if (known === undefined) indexes.set(toKey(item), [index]);
    else known.push(index);
  });
  return indexes;
}

/** GUIDs are case-insensitive. */
function toKey({ contactId, channel }: { readonly contactId: string; readonly channel: string }): string {
  return `${contactId.toLowerCase()} ${channel}`;
}
