/** How many items the campaign lists have, and what makes an item a duplicate. */
import type { ItemField, ListItem } from '../cxone/lists.wire.ts';

/** A million items as objects would be a gigabyte, so their text is kept. In the journal it is the item itself. */
class ItemText {
  readonly #text: string;
  constructor(item: ListItem) {
    this.#text = JSON.stringify(item);
  }
  toJSON(): ListItem {
    return JSON.parse(this.#text) as ListItem;
  }
}

/** What the journal keeps of an item. */
export const toStored = (itemId: string, item: ListItem) => ({ itemId, item: new ItemText(item) });

interface List {
  /** Of its items. */
  count: number;
  /** The deduplication keys of its items. */
  readonly keys: Set<string>;
}

export function createItems() {
  const lists = new Map<string, List>();
  const ensure = (listId: string): List => {
    const list = lists.get(listId) ?? { count: 0, keys: new Set() };
    lists.set(listId, list);
    return list;
  };
  const sizeOf = (listId: string): number => lists.get(listId)?.count ?? 0;
  return {
    ensure: (listId: string): void => void ensure(listId),
    has: (listId: string): boolean => lists.has(listId),
    /** Of some lists together; null: of all. */
    count: (listIds: readonly string[] | null): number =>
      (listIds ?? [...lists.keys()]).reduce((sum, listId) => sum + sizeOf(listId), 0),
    put(listId: string, { deduplicationKeys }: ListItem): void {
      const list = ensure(listId);
      list.count += 1;
      for (const key of deduplicationKeys) list.keys.add(toText(key));
    },
    /** For each item, whether one of its keys is in the list already, or in an earlier item of the batch. */
    findDuplicates(listId: string, items: readonly ListItem[]): boolean[] {
      const { keys } = ensure(listId);
      const seen = new Set<string>();
      return items.map((item) => {
        const own = item.deduplicationKeys.map(toText);
        const isDuplicate = own.some((key) => keys.has(key) || seen.has(key));
        for (const key of own) seen.add(key);
        return isDuplicate;
      });
    },
  };
}
export type Items = ReturnType<typeof createItems>;

function toText({ name, value }: ItemField): string {
  return `${name}\u0000${value}`;
}
