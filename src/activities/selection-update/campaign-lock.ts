/** Our own updates of one campaign wait for each other: from reading it until the write is answered. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../../ledger/ledger.ts';
import type { CampaignKey } from '../../ledger/selections/campaigns.ts';
import { retryableFailure } from '../failures.ts';

/** Longer than two reads, the wait for a PATCH's lease between them, and a probe, all with their tokens; then it expires. */
export const CAMPAIGN_LOCK_MS = 120_000;
const POLL_MS = 100;
/** After this, the place of the activity is free for another one. */
const LONGEST_WAIT_MS = 5_000;
const RETRY_AFTER_MS = 1_000;

/** It only saves collisions: what CXone accepts is decided by the version. Throws WritesInFlight if the lock is not free. */
export async function withCampaignLock<T>(
  { campaigns }: Pick<Ledger, 'campaigns'>,
  { tenant, campaignId, runNo }: CampaignKey & { readonly runNo: number },
  work: () => Promise<T>,
): Promise<T> {
  const lock = { tenant, campaignId, runNo, token: randomUUID() };
  const giveUpAt = performance.now() + LONGEST_WAIT_MS;
  while ((await campaigns.acquireLock(lock, CAMPAIGN_LOCK_MS)) > 0) {
    if (performance.now() > giveUpAt)
      throw retryableFailure(
        'WritesInFlight',
        'another update of this campaign is in progress',
        RETRY_AFTER_MS,
      );
    await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    // A lock that cannot be released expires; the result of the work counts more.
    await campaigns.releaseLock(lock).catch(() => undefined);
  }
}
