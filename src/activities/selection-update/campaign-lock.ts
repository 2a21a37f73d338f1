/** Our own updates of one campaign wait for each other: from the look at it until the write is answered. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CampaignKey } from '../../ledger/selections/campaigns.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { retryableFailure } from '../failures.ts';

/** Longer than a read and a PATCH with their tokens; a turn that nobody gives back is over then. */
const TURN_MS = 60_000;
const POLL_MS = 100;
/** Then somebody else may have the activity's place. */
const LONGEST_WAIT_MS = 5_000;
const COME_BACK_MS = 1_000;

/** What it guards against is only a collision: what CXone takes is decided by the version. */
export async function inTurn<T>(
  { campaigns }: Pick<Ledger, 'campaigns'>,
  who: CampaignKey & { readonly runNo: number },
  work: () => Promise<T>,
): Promise<T> {
  const turn = { tenant: who.tenant, campaignId: who.campaignId, runNo: who.runNo, token: randomUUID() };
  const giveUpAt = performance.now() + LONGEST_WAIT_MS;
  while ((await campaigns.acquireLock(turn, TURN_MS)) > 0) {
    if (performance.now() > giveUpAt)
      throw retryableFailure('WritesInFlight', 'another update of this campaign is under way', COME_BACK_MS);
    await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    // A turn that cannot be given back runs out; what the work came to counts more.
    await campaigns.releaseLock(turn).catch(() => undefined);
  }
}
