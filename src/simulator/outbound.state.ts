/** The campaigns: documents with a version. The journal has every version. */
import type { CampaignDocument } from '../cxone/outbound.wire.ts';
import type { Entry, Journal } from './journal.ts';

export interface Campaign extends CampaignDocument {
  readonly id: string;
  readonly version: number;
  readonly contactSelection: SimSelection;
}

export interface SimSelection {
  readonly targetListIds: readonly string[];
  readonly exclusionListIds: readonly string[];
  readonly filterRules: readonly Readonly<Record<string, unknown>>[];
  readonly priorityOrder: readonly unknown[];
}

export interface CampaignItem {
  readonly campaignId: string;
  readonly version: number;
  /** The whole document in this version. */
  readonly document: Campaign;
}
export type CampaignEntry = Entry<CampaignItem>;

/** `update`: by a PATCH; `edit`: by a third party; `seed`: by the admin API. */
export type CampaignAction = 'update' | 'edit' | 'seed';

export function createCampaigns(journal: Journal) {
  const campaigns = new Map<string, Campaign>();
  return {
    find: (id: string): Campaign | null => campaigns.get(id) ?? null,
    /** A campaign that has not been created, on its first use. */
    initial: (id: string): Campaign => ({
      id,
      name: `Campaign ${id}`,
      status: 'active',
      version: 1,
      contactSelection: { targetListIds: ['L1'], exclusionListIds: [], filterRules: [], priorityOrder: [] },
      pacing: { mode: 'progressive', callsPerAgent: 1 },
    }),
    /** Writes the journal first. */
    put(action: CampaignAction, document: Campaign, requestId: string | null = null): Campaign {
      const { id, version } = document;
      journal.append({
        family: 'outbound',
        action,
        requestId,
        items: [{ campaignId: id, version, document }],
      });
      campaigns.set(id, document);
      return document;
    },
    restore: ({ campaignId, document }: CampaignEntry): void => void campaigns.set(campaignId, document),
  };
}
export type Campaigns = ReturnType<typeof createCampaigns>;
