/** Reads a campaign from CXone. What was seen is stored, for merges and rollbacks to come. */
import { Context } from '@temporalio/activity';
import { fatalFailure } from '../../contract/failures.ts';
import { describeProblem, readSelection } from '../../domain/selection-update/selection.ts';
import { sizeProblems } from '../../domain/selection-update/size.ts';
import type { CampaignKey, Snapshot } from '../../ledger/selections/campaigns.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import type { SelectionDeps } from './attempt.ts';

export const toCampaignKey = ({ tenant }: RateLimiter, campaignId: string): CampaignKey => ({
  tenant,
  campaignId,
});

/** A GET, so repeatable. Throws InvalidInput if the selection is too large to be compared with others. */
export async function readCampaign(
  { ledger, cxone, rateLimiter }: Pick<SelectionDeps, 'ledger' | 'cxone' | 'rateLimiter'>,
  campaignId: string,
): Promise<Snapshot> {
  const signal = Context.current().cancellationSignal;
  const campaign = await rateLimiter.sendWithPermit(
    () => cxone.outbound.readCampaign({ campaignId, signal }),
    signal,
  );
  const selection = readSelection(campaign.selection);
  const problems = sizeProblems(selection, `campaign ${campaignId} in CXone`);
  if (problems.length > 0) throw fatalFailure('InvalidInput', problems.map(describeProblem).join('; '));
  return ledger.campaigns.saveSnapshot(toCampaignKey(rateLimiter, campaignId), { ...campaign, selection });
}
