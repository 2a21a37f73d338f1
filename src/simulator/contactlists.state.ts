/** The contact lists: which contacts are in which, and what makes one a duplicate. No HTTP here. */
import type { ContactRecord } from '../cxone/contact-lists.wire.ts';
import type { JournalEntry, JournalItem } from './journal.ts';

interface List {
  readonly byRecordId: Map<string, JournalItem>;
  /** Contact id and phone number → record. */
  readonly byKey: Map<string, JournalItem>;
}

/**
 * A duplicate is a record with the same contactId *and* one phone number in common with a record of the list
 * (cxone-api.md: "phone number + contactId"): another number of a known contact is a new record, and so is another
 * contact of a known number.
 */
export function createContactLists() {
  const lists = new Map<string, List>();
  const ensure = (listId: string): List => {
    const list = lists.get(listId) ?? { byRecordId: new Map(), byKey: new Map() };
    lists.set(listId, list);
    return list;
  };
  const forget = (list: List, item: JournalItem): void => {
    for (const key of keysOf(item.contactId, item.phones))
      if (list.byKey.get(key) === item) list.byKey.delete(key);
  };
  const put = (listId: string, item: JournalItem): void => {
    const list = ensure(listId);
    const old = list.byRecordId.get(item.recordId);
    if (old !== undefined) forget(list, old);
    list.byRecordId.set(item.recordId, item);
    for (const key of keysOf(item.contactId, item.phones)) list.byKey.set(key, item);
  };
  return {
    ensure: (listId: string): void => void ensure(listId),
    has: (listId: string): boolean => lists.has(listId),
    find: (listId: string, recordId: string): JournalItem | null =>
      lists.get(listId)?.byRecordId.get(recordId) ?? null,
    put,
    restore: (entry: JournalEntry): void =>
      put(entry.listId, { recordId: entry.recordId, contactId: entry.contactId, phones: entry.phones }),
    /** For each record its twin in the list, in the batch before it, or null. A twin of the batch has no id yet. */
    findDuplicates(listId: string, records: readonly ContactRecord[]): (JournalItem | 'in batch' | null)[] {
      const { byKey } = ensure(listId);
      const seen = new Set<string>();
      return records.map((record) => {
        const keys = keysOf(record.contactId, phonesOf(record));
        const stored = keys.map((key) => byKey.get(key)).find((item) => item !== undefined);
        const isRepeated = keys.some((key) => seen.has(key));
        for (const key of keys) seen.add(key);
        return stored ?? (isRepeated ? 'in batch' : null);
      });
    },
    page(listId: string, offset: number, limit: number) {
      const byRecordId = lists.get(listId)?.byRecordId ?? new Map<string, JournalItem>();
      return { total: byRecordId.size, records: [...byRecordId.values()].slice(offset, offset + limit) };
    },
    totals: () => Object.fromEntries([...lists].map(([listId, list]) => [listId, list.byRecordId.size])),
  };
}
export type ContactLists = ReturnType<typeof createContactLists>;

export function phonesOf(record: ContactRecord): string[] {
  return record.phoneNumbers.map((phone) => phone.number);
}

function keysOf(contactId: string, phones: readonly string[]): string[] {
  return phones.map((phone) => `${contactId}\u0000${phone}`);
}
