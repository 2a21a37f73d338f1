/** Campaign lists: the items of each list, the campaigns whose sizes they count for, and the suppressions. */
import type { ListItem } from '../cxone/lists.wire.ts';
import type { Entry, Journal } from './journal.ts';
import { createItems, type Items, toStored } from './lists.items.ts';
import { createSuppressions, type SuppressionChange, type Suppressions } from './lists.suppressions.ts';

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

export interface AddOptions {
  readonly action: 'create' | 'seed';
  readonly requestId: string | null;
}

/** On its first use. */
const NEW_CAMPAIGN: SeededCampaign = {
  currentListSize: 0,
  maxListSize: 100_000,
  listCapacity: null,
  lists: null,
};
const SEED = { family: 'lists', action: 'seed', requestId: null } as const;

/** Whatever changes something writes the journal first. */
export function createCampaignLists(journal: Journal) {
  const items = createItems();
  const campaigns = new Map<string, SeededCampaign>();
  const suppressions = createSuppressions();
  const putCampaign = (campaignId: string, campaign: SeededCampaign): void => {
    campaigns.set(campaignId, campaign);
    for (const listId of campaign.lists ?? []) items.ensure(listId);
  };
  return {
    items: items as Omit<Items, 'put'>,
    suppressions: suppressions as Omit<Suppressions, 'apply'>,
    hasCampaign: (campaignId: string): boolean => campaigns.has(campaignId),
    addItems(listId: string, added: readonly ListItem[], { action, requestId }: AddOptions): void {
      const firstN = journal.nextN();
      const stored = added.map((item, i) => toStored(`i${firstN + i}`, item));
      journal.append({ family: 'lists', action, listId, requestId, items: stored });
      for (const item of added) items.put(listId, item);
    },
    /** The campaign as it is, or a new one, with the given parts replaced. */
    seedCampaign(campaignId: string, parts: Partial<SeededCampaign>): void {
      const campaign = { ...(campaigns.get(campaignId) ?? NEW_CAMPAIGN), ...parts };
      journal.append({ ...SEED, items: [{ campaignId, campaign }] });
      putCampaign(campaignId, campaign);
    },
    /** As the API answers it; a campaign that was not seeded is as on its first use. */
    describe(id: string) {
      const { lists, currentListSize, ...maxima } = campaigns.get(id) ?? NEW_CAMPAIGN;
      const isGiven = currentListSize !== null;
      const sizes = { currentListSize: isGiven ? currentListSize + items.count(lists) : null, ...maxima };
      return { id, ...Object.fromEntries(Object.entries(sizes).filter(([, each]) => each !== null)) };
    },
    changeSuppressions(change: SuppressionChange): void {
      journal.append({ ...SEED, items: [{ suppressions: change }] });
      suppressions.apply(change);
    },
    restore({ listId, item, campaignId, campaign, suppressions: change }: ListsEntry): void {
      if (listId !== undefined && item !== undefined) items.put(listId, item);
      if (campaignId !== undefined && campaign !== undefined) putCampaign(campaignId, campaign);
      if (change !== undefined) suppressions.apply(change);
    },
  };
}
export type CampaignLists = ReturnType<typeof createCampaignLists>;
