/** Reads a campaign from CXone. What was seen is stored, for merges and rollbacks to come. */
import { Context } from '@temporalio/activity';
import { fatalFailure } from '../../contract/failures.ts';
import { CxoneError, CxoneUnreadable } from '../../cxone/errors.ts';
import type { Campaign } from '../../cxone/outbound.ts';
import { describeProblem, readSelection } from '../../domain/selection-update/selection.ts';
import { sizeProblems } from '../../domain/selection-update/size.ts';
import type { CampaignKey, Snapshot } from '../../ledger/selections/campaigns.ts';
import { LONGEST_OUTAGE_MS } from '../../ledger/writes/writes.ts';
import { MAX_EQUAL_FAILURES, nameFailure } from '../engine/failing.ts';
import { MAX_TRIES } from '../engine/lookups.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import { THEN_RESTART } from '../failures.ts';
import { RepeatedFailures } from '../repeated-failures.ts';
import type { SelectionDeps } from './attempt.ts';

type ReadDeps = Pick<SelectionDeps, 'ledger' | 'cxone' | 'rateLimiter'>;

export const toCampaignKey = ({ tenant }: RateLimiter, campaignId: string): CampaignKey => ({
  tenant,
  campaignId,
});

/**
 * A GET, so repeatable. Throws InvalidInput if the selection is too large to be compared with others, and Refused if CXone
 * never answers about this campaign in a way that can be used.
 */
export async function readCampaign(deps: ReadDeps, campaignId: string): Promise<Snapshot> {
  const { ledger, rateLimiter } = deps;
  const campaign = await readBounded(deps, campaignId);
  const selection = readSelection(campaign.selection);
  const problems = sizeProblems(selection, `campaign ${campaignId} in CXone`);
  if (problems.length > 0) throw fatalFailure('InvalidInput', problems.map(describeProblem).join('; '));
  return ledger.campaigns.saveSnapshot(toCampaignKey(rateLimiter, campaignId), { ...campaign, selection });
}

/** Of the reads of all campaigns, by activity. */
const failures = new RepeatedFailures();

async function readBounded(deps: ReadDeps, campaignId: string): Promise<Campaign> {
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
    const next =
      error instanceof CxoneUnreadable && error.isJson ? 'Correct the campaign in CXone' : ASK_NICE;
    throw fatalFailure(
      'Refused',
      `campaign ${campaignId} cannot be read, so nothing is written to it. ${error.message}. ${next}. ${THEN_RESTART}`,
    );
  }
}

const ASK_NICE =
  'CXone answers other requests, but never this one: ask NICE support, with the request id in the log';

/**
 * An outage must only delay, so CXone has to answer the probe first; but JSON that cannot be used shows by itself that CXone
 * answers. What else is unreadable may have been damaged on the way, and is read a few times more. An error or silence may be
 * an outage in which CXone still knows which campaigns there are, so it has to last.
 */
async function isHopeless({ cxone, rateLimiter }: ReadDeps, error: CxoneError): Promise<boolean> {
  const kind = nameFailure(error);
  if (kind === null) return false;
  if (error instanceof CxoneUnreadable && error.isJson) return failures.count(error.message) >= MAX_TRIES;
  if (failures.count(kind) <= MAX_EQUAL_FAILURES) return false;
  const { cancellationSignal, info } = Context.current();
  const isLong = Date.now() - info.scheduledTimestampMs > LONGEST_OUTAGE_MS;
  if (!isLong && !(error instanceof CxoneUnreadable)) return false;
  return rateLimiter
    .sendWithPermit(() => cxone.outbound.probe(), cancellationSignal)
    .then(
      () => true,
      () => false,
    );
}
