/** What an answer says of single items → the items of the request that it speaks of. Pure. */
import type { z } from 'zod';
import type { NamedPreferenceEntry, PreferenceItem, PREFERENCES_UPDATED } from './preferences.wire.ts';

export interface PreferenceResult {
  /** Position in the request. */
  readonly index: number;
  readonly id: string | null;
  readonly contactId: string;
  readonly channel: string;
  /** What is stored now. */
  readonly optIn: boolean;
  /** CXone's word, e.g. `updated`. */
  readonly status: string;
  /** timestamp-wins had to decide between this item and a stored one. */
  readonly conflictResolved: boolean;
}

export interface NamedPreference {
  /** Position in the request. */
  readonly index: number;
  /** `UNSPECIFIED` where CXone gives none. */
  readonly code: string;
  readonly field: string | null;
  readonly message: string | null;
}

/** A result belongs to the item with its contact and channel; the first counts, what fits none is a note. */
export function resultsOf(
  entries: z.infer<typeof PREFERENCES_UPDATED>,
  items: readonly PreferenceItem[],
): { readonly results: readonly PreferenceResult[]; readonly notes: readonly string[] } {
  const indexes = indexesOf(items);
  const results = new Map<number, PreferenceResult>();
  const notes: string[] = [];
  for (const entry of entries) {
    const [index, ...more] = indexes.get(keyOf(entry)) ?? [];
    if (index === undefined || more.length > 0) notes.push('a result that names no item of the batch');
    else if (results.has(index)) notes.push(`a second result for item ${index}`);
    else results.set(index, { index, ...entry });
  }
  return { results: [...results.values()].sort((a, b) => a.index - b.index), notes };
}

/**
 * An entry is believed if its index is one of the request's and contact and channel, where given, are that item's.
 * Otherwise these decide, if exactly one item has them; what fits no item is a note: a wrong one must not be settled.
 */
export function namePreferences(
  entries: readonly (string | NamedPreferenceEntry)[],
  items: readonly PreferenceItem[],
): { readonly named: readonly NamedPreference[]; readonly notes: readonly string[] } {
  const indexes = indexesOf(items);
  const named: NamedPreference[] = [];
  const notes: string[] = [];
  for (const entry of entries) {
    const index = typeof entry === 'string' ? null : indexOf(entry, items, indexes);
    if (typeof entry === 'string') notes.push(entry);
    else if (index === null) notes.push(entry.message ?? entry.code ?? 'an entry that names no item');
    else named.push({ index, code: entry.code ?? 'UNSPECIFIED', field: entry.field, message: entry.message });
  }
  return { named, notes };
}

function indexOf(
  entry: NamedPreferenceEntry,
  items: readonly PreferenceItem[],
  indexes: ReadonlyMap<string, readonly number[]>,
): number | null {
  const { index, contactId, channel } = entry;
  const item = index == null ? undefined : items[index];
  if (index != null && item !== undefined && agrees(entry, item)) return index;
  if (contactId === null || channel === null) return null;
  const [only, ...more] = indexes.get(keyOf({ contactId, channel })) ?? [];
  return only === undefined || more.length > 0 ? null : only;
}

function agrees({ contactId, channel }: NamedPreferenceEntry, item: PreferenceItem): boolean {
  const isContact = contactId === null || contactId.toLowerCase() === item.contactId.toLowerCase();
  return isContact && (channel === null || channel === item.channel);
}

function indexesOf(items: readonly PreferenceItem[]): ReadonlyMap<string, readonly number[]> {
  const indexes = new Map<string, number[]>();
  items.forEach((item, index) => {
    const known = indexes.get(keyOf(item));
    if (known === undefined) indexes.set(keyOf(item), [index]);
    else known.push(index);
  });
  return indexes;
}

/** GUIDs are the same in capitals. */
function keyOf({ contactId, channel }: { readonly contactId: string; readonly channel: string }): string {
  return `${contactId.toLowerCase()} ${channel}`;
}
