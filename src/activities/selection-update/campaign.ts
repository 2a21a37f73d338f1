/** Reads a campaign from CXone. What was seen is stored, for merges and rollbacks to come. */
import { Context } from '@temporalio/activity';
import { CxoneRateLimited } from '../../cxone/errors.ts';
import { readSelection } from '../../domain/selection-update/selection.ts';
import type { CampaignKey, Snapshot } from '../../ledger/selections/campaigns.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import type { SelectionDeps } from './attempt.ts';

export const toCampaignKey = ({ tenant }: RateLimiter, campaignId: string): CampaignKey => ({
  tenant,
  campaignId,
});

/** A GET, so repeatable. */
export async function readCampaign(
  { ledger, cxone, rateLimiter }: Pick<SelectionDeps, 'ledger' | 'cxone' | 'rateLimiter'>,
  campaignId: string,
): Promise<Snapshot> {
  const signal = Context.current().cancellationSignal;
  await rateLimiter.acquire(signal);
  try {
    const campaign = await cxone.outbound.readCampaign({ campaignId, signal });
    return await ledger.campaigns.saveSnapshot(toCampaignKey(rateLimiter, campaignId), {
      ...campaign,
      selection: readSelection(campaign.selection),
    });
  } catch (error) {
    if (error instanceof CxoneRateLimited && error.retryAfterMs !== null)
      await rateLimiter.block(error.retryAfterMs);
    throw error;
  }
}
