/** The part of the admin client about campaign lists. */
import type { z } from 'zod';
import type { ListItem } from '../cxone/lists.wire.ts';
import type { ItemEntry, SeededCampaign } from './lists.state.ts';
import type { SUPPRESSION_CHANGE } from './lists.suppressions.ts';

export interface CapacityAnswer {
  readonly id: string;
  readonly currentListSize?: number;
  readonly maxListSize?: number;
  readonly listCapacity?: number;
}

type Call = <T>(method: string, path: string, body?: unknown) => Promise<T>;
type ReadJournal = <E>(filter: { readonly family: 'lists'; readonly list?: string }) => Promise<E[]>;

export function createListsAdminClient(call: Call, journal: ReadJournal) {
  const path = (kind: string, id: string) => `/_sim/campaign-lists/${kind}/${encodeURIComponent(id)}`;
  return {
    /** A campaign as the API answers it. */
    campaignCapacity: (id: string) => call<CapacityAnswer>('GET', path('campaigns', id)),
    /** Creates or changes a campaign; a new one counts every list and has room for 100,000 items. */
    seedCapacity: (id: string, parts: Partial<SeededCampaign> = {}) =>
      call<CapacityAnswer>('POST', path('campaigns', id), parts),
    /** Adds suppressions to those that there are, or replaces them. */
    seedSuppressions: (change: z.input<typeof SUPPRESSION_CHANGE>) =>
      call<{ total: number }>('POST', '/_sim/campaign-lists/suppressions', change),
    /** One page of the suppressions. */
    suppressions: ({ offset = 0, limit = 1000 } = {}) =>
      call<{ total: number; entries: unknown[] }>(
        'GET',
        `/_sim/campaign-lists/suppressions?offset=${offset}&limit=${limit}`,
      ),
    /** Creates the list if necessary and adds the items, duplicates included. */
    seedItems: (listId: string, items: readonly ListItem[] = []) =>
      call<{ created: number }>('POST', path('items', listId), { items }),
    /** All items of one list, or of all, in the order in which they were created. */
    itemJournal: async (list?: string): Promise<ItemEntry[]> => {
      const entries = await journal<Partial<ItemEntry>>({
        family: 'lists',
        ...(list !== undefined && { list }),
      });
      return entries.filter((entry): entry is ItemEntry => entry.itemId !== undefined);
    },
  };
}
