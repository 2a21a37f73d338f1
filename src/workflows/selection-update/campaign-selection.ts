/** Reads a campaign so that a person can see it: only workers hold CXone's credentials. The ledger keeps what was read. */
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { fatalFailure } from '../../contract/failures.ts';
import {
  type CampaignSelectionInput,
  type CampaignSelectionResult,
  checkCampaignSelection,
} from '../../contract/selection-update.ts';
import { requireInput } from '../input.ts';
import { interactiveReads } from '../policies.ts';

export async function campaignSelection(given: CampaignSelectionInput): Promise<CampaignSelectionResult> {
  const { campaignId } = requireInput(checkCampaignSelection(given));
  try {
    return await interactiveReads.readCampaign.executeWithOptions({ summary: `campaign ${campaignId}` }, [
      { campaignId },
    ]);
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    // The failure is retryable, but the person has waited long enough.
    if (cause instanceof ApplicationFailure && cause.nonRetryable !== true)
      throw fatalFailure('Refused', `not answered within a minute: ${cause.message}`);
    if (cause instanceof TimeoutFailure) {
      const next = 'CXone or the ledger is slow; `cxflow doctor` examines both. Then ask again';
      throw fatalFailure('Refused', `not answered within a minute. ${next}`);
    }
    throw cause;
  }
}
