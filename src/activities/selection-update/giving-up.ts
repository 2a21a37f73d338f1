/** A PATCH that always fails, although CXone answers reads, is not repeated for ever: the campaign shows what became of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { CxoneError } from '../../cxone/errors.ts';
import { classifyLostWrite } from '../../domain/selection-update/lost-write.ts';
import type { Snapshot } from '../../ledger/selections/campaigns.ts';
import { LEASE_MARGIN_MS } from '../../ledger/writes/claims.ts';
import type { HeldWrite } from '../engine/attempt.ts';
import { settleGivenUp } from './answers.ts';
import {
  PATCH_RULES,
  type Payload,
  type SelectionAttempt,
  type SelectionDeps,
  type SelectionWritten,
} from './attempt.ts';
import { readCampaign } from './campaign.ts';
import { readVersioned } from './lost-write.ts';

/**
 * Settles a PATCH that is known to fail always. Null: it cannot be decided now, because CXone does not answer the read
 * either, or because the campaign has another version. The next attempt finds out, as after any lost answer.
 */
export async function giveUp(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  payload: Payload,
  held: HeldWrite,
  error: CxoneError,
): Promise<SelectionWritten | null> {
  const { theirs } = attempt;
  const now = await readAfterLease(deps, attempt, held, error);
  if (now?.version !== theirs.version) return null;
  const unanswered = { from: readVersioned(theirs), sent: payload.selection };
  const { isPartlyApplied } = classifyLostWrite(unanswered, readVersioned(now), null);
  return settleGivenUp(deps, attempt, payload, { error, fence: held.fence, isPartlyApplied });
}

async function readAfterLease(
  deps: SelectionDeps,
  { run }: SelectionAttempt,
  { claimedAtMs }: HeldWrite,
  { applied }: CxoneError,
): Promise<Snapshot | null> {
  const signal = AbortSignal.any([deps.draining, Context.current().cancellationSignal]);
  // Even if a gateway has answered, CXone may still be working on the request until its lease ends.
  const leaseMs = PATCH_RULES.deadlineMs + LEASE_MARGIN_MS - (performance.now() - claimedAtMs);
  try {
    if (applied === 'unknown' && leaseMs > 0) await delay(leaseMs, undefined, { signal });
    return await readCampaign(deps, run.target);
  } catch {
    return null;
  }
}
