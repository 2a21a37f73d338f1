/** How long and how often Temporal tries what, and why. The only retry authority there is (design.md). */
import { ActivityFailure, ApplicationFailure, CancelledFailure, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { RunFailureType } from '../contract/run.ts';

/** Backoff of everything that passes by itself: an outage of hours delays a run, it does not fail it. */
const UNTIL_IT_PASSES = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
} as const;

/**
 * The ledger's verbs: milliseconds each, and repeatable. Nothing of theirs beats, so this is how long a run stands still
 * when its worker dies in one.
 */
export const ledger = proxyActivities<
  Pick<
    Activities,
    | 'openRun'
    | 'setPhase'
    | 'steerRun'
    | 'recordDecision'
    | 'recordRefusal'
    | 'listInDoubt'
    | 'resolveInDoubt'
  >
>({
  startToCloseTimeout: '10s',
  retry: { ...UNTIL_IT_PASSES, initialInterval: '500ms', maximumInterval: '10s' },
});

/** They go through all records of a run, minutes for millions; the heartbeat says that somebody is at it. */
export const allRecords = proxyActivities<
  Pick<Activities, 'stageRecords' | 'planWrites' | 'endPending' | 'closeRun'>
>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '10s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: UNTIL_IT_PASSES,
});

/**
 * Pages. The heartbeat timeout is short so that a dead worker's page moves on within seconds; the fence in the ledger
 * makes the overlap harmless (decisions.md 14). Cancelled pages are waited for: they settle what is in flight.
 */
export const writing = proxyActivities<Pick<Activities, 'writePage'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '4s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: UNTIL_IT_PASSES,
});

/** One GET of CXone and what follows from it. */
export const cxoneReads = proxyActivities<Pick<Activities, 'readSelection' | 'planSelection'>>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '10s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: UNTIL_IT_PASSES,
});

/** The same for a person who waits for it. */
export const interactiveReads = proxyActivities<Pick<Activities, 'readCampaign'>>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '1 minute',
  heartbeatTimeout: '10s',
  retry: UNTIL_IT_PASSES,
});

/** A look, a merge and a PATCH of 20 s at most; the lease in the ledger is what keeps two of them apart. */
export const selectionWrites = proxyActivities<Pick<Activities, 'writeSelection' | 'leaveConflict'>>({
  startToCloseTimeout: '3 minutes',
  heartbeatTimeout: '4s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: UNTIL_IT_PASSES,
});

/** Somebody who writes a campaign again and again: after so many collisions it is the policy's turn, or a person's. */
export const MOST_COLLISIONS = 8;
export const AFTER_A_COLLISION_MS = { first: 200, longest: 2_000 } as const;

/** Lives as long as the writing does. */
export const delivery = proxyActivities<Pick<Activities, 'deliverEvents'>>({
  startToCloseTimeout: '7 days',
  heartbeatTimeout: '10s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { ...UNTIL_IT_PASSES, maximumInterval: '5 minutes' },
});

/** Somebody waits for the answer: after a minute a no is better than none. */
export const consentLookup = proxyActivities<Pick<Activities, 'checkEligibility' | 'checkedThrough'>>({
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '1 minute',
  retry: { ...UNTIL_IT_PASSES, maximumInterval: '10s' },
});

/** Thousands of questions, hours at the vendor's rate. A round of tries lasts about ten minutes. */
export const consentLookups = proxyActivities<Pick<Activities, 'checkRows'>>({
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: '10s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { ...UNTIL_IT_PASSES, maximumAttempts: 15 },
});

/** The last pass over what has no answer yet: each is asked for once more, and a busy line is waited for. */
export const finalConsentLookups = proxyActivities<Pick<Activities, 'checkRows'>>({
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: '10s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: UNTIL_IT_PASSES,
});

/** Through all rows of the ledger, without a request to anybody. */
export const erasures = proxyActivities<Pick<Activities, 'erasePerson'>>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '10s',
  retry: UNTIL_IT_PASSES,
});

/** It would have passed, but the policy's time or tries are over. Not: refused for good, or cancelled. */
export function hasRunOutOfTries(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || error.cause instanceof CancelledFailure) return false;
  return !(error.cause instanceof ApplicationFailure && error.cause.nonRetryable === true);
}

export function isWaitingItsTurn(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'RateLimited';
}

/** How long a run that is otherwise done waits for a CRM that does not answer; what is not told stays in the outbox. */
export const MAX_DELIVERY_WAIT = '10 minutes';

/** Pages that are open at a time: while one ends, the others keep the line busy (performance.md C2). */
export const OPEN_PAGES = 3;

export function fatalFailure(type: RunFailureType, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}

/** To the sender of an update only; the run goes on. */
export function refusesDecision(why: string): ApplicationFailure {
  return ApplicationFailure.create({ type: 'DecisionRefused', message: why, nonRetryable: true });
}
