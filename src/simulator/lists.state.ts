/** The campaign lists: items by list, and the campaigns whose sizes they count for. */
import type { ListItem } from '../cxone/lists.wire.ts';
import type { Entry, Journal } from './journal.ts';
import { createSuppressions, type SuppressionChange, type Suppressions } from './lists.suppressions.ts';

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

interface StoredItem {
  readonly itemId: string;
  readonly item: ItemText;
}
export interface SeededCampaign {
  /** Beside the items of its lists. null: the answer has no size. */
  readonly currentListSize: number | null;
  readonly maxListSize: number | null;
  readonly listCapacity: number | null;
  /** null: every list. */
  readonly lists: readonly string[] | null;
}

/** What the journal has of an item. */
export type ItemEntry = Entry<{ readonly itemId: string; readonly item: ListItem }> & {
  readonly listId: string;
};
/** All entries of the family: items of lists, campaigns, changes of the suppressions. */
type ListsEntry = Entry<
  Partial<Pick<ItemEntry, 'itemId' | 'item'>> & {
    readonly campaignId?: string;
    readonly campaign?: SeededCampaign;
    readonly suppressions?: SuppressionChange;
  }
>;

interface List {
  readonly items: StoredItem[];
  /** The deduplication keys of its items. */
  readonly keys: Set<string>;
}

export interface AddOptions {
  readonly action: 'create' | 'seed';
  readonly requestId: string | null;
}

const NEW_CAMPAIGN: SeededCampaign = {
  currentListSize: 0,
  maxListSize: 100_000,
  listCapacity: null,
  lists: null,
};

export function createCampaignLists(journal: Journal) {
  const lists = new Map<string, List>();
  const campaigns = new Map<string, SeededCampaign>();
  const suppressions: Suppressions = createSuppressions();
  const ensure = (listId: string): List => {
    const list = lists.get(listId) ?? { items: [], keys: new Set() };
    lists.set(listId, list);
    return list;
  };
  const putItem = (listId: string, itemId: string, item: ListItem, text: ItemText): void => {
    const { items, keys } = ensure(listId);
    items.push({ itemId, item: text });
    for (const key of keysOf(item)) keys.add(key);
  };
  const putCampaign = (campaignId: string, campaign: SeededCampaign): void => {
    campaigns.set(campaignId, campaign);
    for (const listId of campaign.lists ?? []) ensure(listId);
  };
  const family = 'lists';
  const common = { family, action: 'seed', requestId: null } as const;
  return {
    ensure: (listId: string): void => void ensure(listId),
    has: (listId: string): boolean => lists.has(listId),
    /** For each item, whether one of its keys is in the list already, or in an earlier item of the batch. */
    findDuplicates(listId: string, items: readonly ListItem[]): ('in list' | 'in batch' | null)[] {
      const { keys } = ensure(listId);
      const seen = new Set<string>();
      return items.map((item) => {
        const own = keysOf(item);
        const isRepeated = own.some((key) => seen.has(key));
        for (const key of own) seen.add(key);
        if (own.some((key) => keys.has(key))) return 'in list';
        return isRepeated ? 'in batch' : null;
      });
    },
    /** Writes the journal first. */
    add(listId: string, items: readonly ListItem[], { action, requestId }: AddOptions): void {
      const firstN = journal.nextN();
      const stored = items.map((item, i) => ({ itemId: `i${firstN + i}`, item: new ItemText(item) }));
      journal.append({ family, action, listId, requestId, items: stored });
      ensure(listId);
      stored.forEach((each, i) => putItem(listId, each.itemId, items[i] as ListItem, each.item));
    },
    page(listId: string, offset: number, limit: number) {
      const items = lists.get(listId)?.items ?? [];
      return { total: items.length, items: items.slice(offset, offset + limit) };
    },
    find: (campaignId: string): SeededCampaign | null => campaigns.get(campaignId) ?? null,
    /** The campaign as it is, or a new one as on its first use, with the given parts replaced. Writes the journal first. */
    seedCampaign(campaignId: string, parts: Partial<SeededCampaign>): void {
      const campaign = { ...(campaigns.get(campaignId) ?? NEW_CAMPAIGN), ...parts };
      journal.append({ ...common, items: [{ campaignId, campaign }] });
      putCampaign(campaignId, campaign);
    },
    /** As the API answers it; a campaign that was not seeded is as on its first use. */
    describe(id: string) {
      const { lists: own, ...sizes } = campaigns.get(id) ?? NEW_CAMPAIGN;
      const items = (own ?? [...lists.keys()]).reduce(
        (sum, each) => sum + (lists.get(each)?.items.length ?? 0),
        0,
      );
      const given = {
        ...sizes,
        currentListSize: sizes.currentListSize === null ? null : sizes.currentListSize + items,
      };
      return { id, ...Object.fromEntries(Object.entries(given).filter(([, size]) => size !== null)) };
    },
    suppressions: suppressions as Pick<Suppressions, 'size' | 'page' | 'all'>,
    /** Writes the journal first. */
    changeSuppressions(change: SuppressionChange): void {
      journal.append({ ...common, items: [{ suppressions: change }] });
      suppressions.apply(change);
    },
    restore({ listId, itemId, item, campaignId, campaign, suppressions: change }: ListsEntry): void {
      if (listId !== undefined && itemId !== undefined && item !== undefined)
        putItem(listId, itemId, item, new ItemText(item));
      if (campaignId !== undefined && campaign !== undefined) putCampaign(campaignId, campaign);
      if (change !== undefined) suppressions.apply(change);
    },
  };
}
export type CampaignLists = ReturnType<typeof createCampaignLists>;

function keysOf({ deduplicationKeys }: ListItem): string[] {
  return deduplicationKeys.map(({ name, value }) => `${name}\u0000${value}`);
}
