import { expect, it } from 'vitest';
import { PATCH_RULES } from '../../src/activities/selection-update/attempt.ts';
import { CAMPAIGN_LOCK_MS } from '../../src/activities/selection-update/campaign-lock.ts';
import { DEADLINES } from '../../src/cxone/settings.ts';
import { LEASE_MARGIN_MS } from '../../src/ledger/writes/claims.ts';

it('the lock of a campaign outlasts an attempt that is given up', () => {
  const read = DEADLINES.tokenMs + DEADLINES.requestMs;
  const lease = PATCH_RULES.deadlineMs + LEASE_MARGIN_MS;
  expect(CAMPAIGN_LOCK_MS).toBeGreaterThan(read + lease + read + read);
});
