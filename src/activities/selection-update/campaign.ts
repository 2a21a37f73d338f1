/** Reads a campaign from CXone. What was seen is stored, for merges and rollbacks to come. */
import { Context } from '@temporalio/activity';
import { fatalFailure } from '../../contract/failures.ts';
import { CxoneError, CxoneRateLimited, CxoneUnreadable } from '../../cxone/errors.ts';
import type { Campaign } from '../../cxone/outbound.ts';
import { describeProblem, readSelection } from '../../domain/selection-update/selection.ts';
import { sizeProblems } from '../../domain/selection-update/size.ts';
import { LONGEST_OUTAGE_MS } from '../../domain/timeouts.ts';
import type { CampaignKey, Snapshot } from '../../ledger/selections/campaigns.ts';
import { MAX_EQUAL_FAILURES, nameFailure } from '../engine/failing.ts';
import { MAX_TRIES } from '../engine/lookups.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import { isFinal, THEN_RESTART } from '../failures.ts';
import { RepeatedFailures } from '../repeated-failures.ts';
import type { SelectionDeps } from './attempt.ts';

type ReadDeps = Pick<SelectionDeps, 'ledger' | 'cxone' | 'rateLimiter'>;

export const toCampaignKey = ({ tenant }: RateLimiter, campaignId: string): CampaignKey => ({
  tenant,
  campaignId,
});

/**
 * A GET, so repeatable. `doubt`: what a person has to know if the campaign cannot be read. Throws InvalidInput if the selection
 * is too large to be compared with others, and Refused if CXone never answers about this campaign in a way that can be used.
 */
export async function readCampaign(deps: ReadDeps, campaignId: string, doubt?: string): Promise<Snapshot> {
  const { ledger, rateLimiter } = deps;
  const campaign = await readBounded(deps, campaignId, doubt);
  const selection = readSelection(campaign.selection);
  const problems = sizeProblems(selection, `campaign ${campaignId} in CXone`);
  if (problems.length > 0) throw fatalFailure('InvalidInput', problems.map(describeProblem).join('; '));
  return ledger.campaigns.saveSnapshot(toCampaignKey(rateLimiter, campaignId), { ...campaign, selection });
}

/** Of the reads of all campaigns, by activity. */
const failures = new RepeatedFailures();

async function readBounded(deps: ReadDeps, campaignId: string, doubt?: string): Promise<Campaign> {
  const signal = Context.current().cancellationSignal;
  try {
    const campaign = await deps.rateLimiter.sendWithPermit(
      () => deps.cxone.outbound.readCampaign({ campaignId, signal }),
      signal,
    );
    failures.reset();
    return campaign;
  } catch (error) {
    if (!(error instanceof CxoneError) || !(await isHopeless(deps, error))) throw error;
    failures.reset();
    const parts = [`campaign ${campaignId} cannot be read`, error.message];
    if (doubt !== undefined) parts.push(doubt);
    parts.push(isInexact(error) ? 'Correct the campaign in CXone' : ASK_NICE, THEN_RESTART);
    throw fatalFailure('Refused', parts.join('. '));
  }
}

const ASK_NICE =
  'CXone answers other requests, but never this one: ask NICE support, with the request id in the log';

const isInexact = (error: CxoneError): boolean => error instanceof CxoneUnreadable && error.isInexact;

/**
 * A campaign that cannot be kept stays so until somebody corrects it, and shows by itself that CXone answers. Anything else may
 * be an outage, which must only delay: it has to fail in the same way for LONGEST_OUTAGE_MS, while CXone answers the probe after
 * each failure. If it does not, nothing that came before counts.
 */
async function isHopeless({ cxone, rateLimiter }: ReadDeps, error: CxoneError): Promise<boolean> {
  if (isInexact(error)) return failures.count(error.message).count >= MAX_TRIES;
  // A 429 shows nothing about the campaign, and a final failure ends the run in any case.
  if (error instanceof CxoneRateLimited || isFinal(error)) return false;
  const kind = nameFailure(error);
  if (kind === null) {
    failures.reset();
    return false;
  }
  const isThere = await rateLimiter
    .sendWithPermit(() => cxone.outbound.probe(), Context.current().cancellationSignal)
    .then(
      () => true,
      () => false,
    );
  if (!isThere) {
    failures.reset();
    return false;
  }
  const { count, triedMs } = failures.count(kind);
  return count > MAX_EQUAL_FAILURES && triedMs > LONGEST_OUTAGE_MS;
}
