/** Reads the selection of a campaign. Updates are started like every other operation (start.ts). */
import {
  CAMPAIGN_SELECTION,
  type CampaignSelectionResult,
  checkCampaignSelection,
} from '../contract/selection-update.ts';
import { type ContactSelection, readSelection, toEditable } from '../domain/selection-update/selection.ts';
import type { ClientDeps } from './deps.ts';
import { executeRequest, newRequestId, requireValid } from './requests.ts';

/** The selection of a campaign as a worker has just read it. */
export interface CampaignSelection {
  readonly campaignId: string;
  /** The `baseVersion` of an update that is made from this selection. */
  readonly version: number;
  /** As an update accepts it. Further properties that CXone keeps with a rule are left out, and an update keeps them. */
  readonly contactSelection: ContactSelection;
  readonly readAt: Date;
}

export interface SelectionClient {
  /**
   * What a campaign dials now. A worker reads it from CXone. Throws InputError, NoWorkerAnswered, and NotDone if CXone does not
   * have the campaign, refuses the credentials or does not answer.
   */
  readSelection(campaignId: string): Promise<CampaignSelection>;
}

/** @internal */
export function createSelectionClient({
  temporal,
  ledger,
}: Pick<ClientDeps, 'temporal' | 'ledger'>): SelectionClient {
  return {
    async readSelection(campaignId) {
      const input = requireValid(checkCampaignSelection({ campaignId }));
      const { snapshot } = await executeRequest<CampaignSelectionResult>(temporal, {
        type: CAMPAIGN_SELECTION,
        workflowId: newRequestId(`campaign-selection:${campaignId}`),
        input,
        // Longer than the workflow waits for CXone.
        timeout: '90 seconds',
      });
      const { version, selection, readAt } = await ledger.campaigns.getSnapshot(snapshot);
      return { campaignId, version, contactSelection: toEditable(readSelection(selection)), readAt };
    },
  };
}
