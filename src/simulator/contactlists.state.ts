/** The contact lists, and what makes a record a duplicate. */
import type { ContactRecord } from '../cxone/contact-lists.wire.ts';
import type { JournalEntry, JournalItem } from './journal.ts';

interface List {
  readonly byRecordId: Map<string, JournalItem>;
  /** Contact id and phone number → record. */
  readonly byKey: Map<string, JournalItem>;
}

/**
 * A duplicate has the same contactId as a record of the list *and* a phone number in common with it
 * (docs/cxone-contract.md#create-records). Another number of a known contact is a new record, and so is another contact
 * with a known number.
 */
export function createContactLists() {
  const lists = new Map<string, List>();
  const ensure = (listId: string): List => {
    const list = lists.get(listId) ?? { byRecordId: new Map(), byKey: new Map() };
    lists.set(listId, list);
    return list;
  };
  const removeKeys = (list: List, item: JournalItem): void => {
    for (const key of duplicateKeys(item.contactId, item.phones))
      if (list.byKey.get(key) === item) list.byKey.delete(key);
  };
  const put = (listId: string, item: JournalItem): void => {
    const list = ensure(listId);
    const old = list.byRecordId.get(item.recordId);
    if (old !== undefined) removeKeys(list, old);
    list.byRecordId.set(item.recordId, item);
    for (const key of duplicateKeys(item.contactId, item.phones)) list.byKey.set(key, item);
  };
  return {
    ensure: (listId: string): void => void ensure(listId),
    has: (listId: string): boolean => lists.has(listId),
    find: (listId: string, recordId: string): JournalItem | null =>
      lists.get(listId)?.byRecordId.get(recordId) ?? null,
    put,
    restore: (entry: JournalEntry): void =>
      put(entry.listId, { recordId: entry.recordId, contactId: entry.contactId, phones: entry.phones }),
    /** For each record, the record of the list that it duplicates; `in batch` if an earlier one of the batch; or null. */
    findDuplicates(listId: string, records: readonly ContactRecord[]): (JournalItem | 'in batch' | null)[] {
      const { byKey } = ensure(listId);
      const seen = new Set<string>();
      return records.map((record) => {
        const keys = duplicateKeys(record.contactId, phoneNumbers(record));
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

export function phoneNumbers(record: ContactRecord): string[] {
  return record.phoneNumbers.map((phone) => phone.number);
}

function duplicateKeys(contactId: string, phones: readonly string[]): string[] {
  return phones.map((phone) => `${contactId}\u0000${phone}`);
}
