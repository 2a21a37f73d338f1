/** Reads a campaign from CXone. What was seen is stored, for merges and rollbacks to come. */
import { Context } from '@temporalio/activity';
import { fatalFailure } from '../../contract/failures.ts';
import { describeProblem, readSelection } from '../../domain/selection-update/selection.ts';
import { sizeProblems } from '../../domain/selection-update/size.ts';
import type { CampaignKey, Snapshot } from '../../ledger/selections/campaigns.ts';
import { BoundedReads } from '../engine/bounded-reads.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import type { SelectionDeps } from './attempt.ts';

type ReadDeps = Pick<SelectionDeps, 'ledger' | 'cxone' | 'rateLimiter'>;

export const toCampaignKey = ({ tenant }: RateLimiter, campaignId: string): CampaignKey => ({
  tenant,
  campaignId,
});

const reads = new BoundedReads();

/**
 * A GET, so repeatable. `doubt`: what a person has to know if the campaign cannot be read. Throws InvalidInput if the selection
 * is too large to be compared with others, and Refused if CXone never answers about this campaign in a way that can be used.
 */
export async function readCampaign(deps: ReadDeps, campaignId: string, doubt?: string): Promise<Snapshot> {
  const { ledger, cxone, rateLimiter } = deps;
  const signal = Context.current().cancellationSignal;
  const campaign = await reads.read(rateLimiter, {
    what: `the campaign ${campaignId}`,
    request: () => cxone.outbound.readCampaign({ campaignId, signal }),
    probe: () => cxone.outbound.probe(),
    signal,
    doubt,
  });
  const selection = readSelection(campaign.selection);
  const problems = sizeProblems(selection, `campaign ${campaignId} in CXone`);
  if (problems.length > 0) throw fatalFailure('InvalidInput', problems.map(describeProblem).join('; '));
  return ledger.campaigns.saveSnapshot(toCampaignKey(rateLimiter, campaignId), { ...campaign, selection });
}
