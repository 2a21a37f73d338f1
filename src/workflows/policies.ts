/** Timeouts and retries of all activities, and why. Only Temporal retries (docs/adr/0020-one-attempt.md#retries). */
import {
  ActivityFailure,
  type ActivityOptions,
  ApplicationFailure,
  CancelledFailure,
  proxyActivities,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { shortenToBytes } from '../domain/shorten.ts';
import { STEP_TIMEOUT_MS } from '../domain/timeouts.ts';

/** An outage of hours delays a run; it does not fail it. */
const RETRY_INDEFINITELY = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
} as const;

/**
 * For every activity whose answer nobody is waiting for. Its heartbeats show that its worker is alive. When they stop, another
 * worker takes over, so a run stands still for at most their timeout when its worker dies. A statement or request that hangs is
 * ended by a timeout of its own.
 */
const STEP = {
  startToCloseTimeout: STEP_TIMEOUT_MS,
  heartbeatTimeout: '10s',
  retry: RETRY_INDEFINITELY,
} as const;

/**
 * Somebody waits for the answer, which is worth nothing after a minute. So this is shorter than a statement may take, which the
 * others must not be (src/domain/timeouts.ts): if the ledger is slow, the request fails before anybody knows what was slow.
 */
const INTERACTIVE = {
  scheduleToCloseTimeout: '1 minute',
  heartbeatTimeout: '10s',
  retry: { ...RETRY_INDEFINITELY, maximumInterval: '10s' },
} as const;

/** Summaries contain what others have written. A longer one would fail every workflow task (limit.userMetadataSummarySize). */
const MAX_SUMMARY_BYTES = 200;

/** The activities as functions. Summaries are shortened here, so that callers need not. */
function callActivities<Name extends keyof Activities>(options: ActivityOptions) {
  const activities = proxyActivities<Pick<Activities, Name>>(options);
  return new Proxy(activities, {
    get(target, name) {
      const activity = Reflect.get(target, name) as Callable;
      const executeWithOptions: Callable['executeWithOptions'] = ({ summary = '', ...rest }, args) =>
        activity.executeWithOptions({ ...rest, summary: shortenToBytes(summary, MAX_SUMMARY_BYTES) }, args);
      return Object.assign((...args: unknown[]) => activity(...args), { executeWithOptions });
    },
  });
}

interface Callable {
  (...args: unknown[]): Promise<unknown>;
  executeWithOptions(options: ActivityOptions, args: readonly unknown[]): Promise<unknown>;
}

/** Short statements in the ledger, which take milliseconds. */
export const ledger = callActivities<
  | 'openRun'
  | 'setPhase'
  | 'steerRun'
  | 'recordDecision'
  | 'recordRefusal'
  | 'listInDoubt'
  | 'resolveInDoubt'
  | 'countCheckedRows'
>({
  ...STEP,
  retry: { ...RETRY_INDEFINITELY, initialInterval: '500ms', maximumInterval: '10s' },
});

/** These go through all records of a run, which takes minutes for millions. */
export const ledgerScans = callActivities<
  'stageRecords' | 'planWrites' | 'replanWrites' | 'endPending' | 'closeRun'
>({
  ...STEP,
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/**
 * The heartbeat timeout is short, so that the pages of a dead worker move on within seconds; if the worker was alive after
 * all, the fence in the ledger makes the overlap harmless (docs/adr/0014-lost-answers.md#times). A cancelled page is
 * awaited, because it settles what is in flight.
 */
export const pageWrites = callActivities<'writePage'>({
  ...STEP,
  heartbeatTimeout: '4s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** One GET from CXone, and what follows from it. */
export const cxoneReads = callActivities<'readSelection' | 'planSelection'>({
  ...STEP,
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** The same, while somebody waits for the answer. */
export const interactiveReads = callActivities<'readCampaign'>(INTERACTIVE);

/** A GET, a merge and a PATCH of at most 20 s. The lease in the ledger keeps two of them apart. */
export const selectionWrites = callActivities<'writeSelection' | 'leaveConflict'>({
  ...STEP,
  heartbeatTimeout: '4s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** A pass over the jobs that are due. Temporal repeats it when the next one is, for days if need be. */
export const messageTracking = callActivities<'trackMessages'>({
  ...STEP,
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** What an email send asks the ledger, beside what every run does. */
export const emailSteps = callActivities<'judgeCanary' | 'stageOptOuts' | 'markOptOutsSynced'>(STEP);

/** Somebody else may keep writing the same campaign: after this many collisions the policy or an operator decides. */
export const MAX_COLLISIONS = 8;
export const COLLISION_BACKOFF_MS = { first: 200, longest: 2_000 } as const;

/** Delivery takes as long as the run writes. */
export const delivery = callActivities<'deliverEvents'>({
  ...STEP,
  startToCloseTimeout: '7 days',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { ...RETRY_INDEFINITELY, maximumInterval: '5 minutes' },
});

/** After a minute, "not eligible" is better than no answer. */
export const consentLookup = callActivities<'checkEligibility'>(INTERACTIVE);

/** Thousands of lookups, hours at the vendor's rate limit. One round of attempts lasts about ten minutes. */
export const consentLookups = callActivities<'checkRows'>({
  ...STEP,
  startToCloseTimeout: '24 hours',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { ...RETRY_INDEFINITELY, maximumAttempts: 15 },
});

/** The last pass over rows without an answer looks each of them up once more, however long the rate limit makes it wait. */
export const finalConsentLookups = callActivities<'checkRows'>({
  ...STEP,
  startToCloseTimeout: '24 hours',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** Goes through all rows of the ledger and sends no request. */
export const erasures = callActivities<'eraseSubject'>(STEP);

/** The error was worth retrying, but the policy permits no further attempt. False for fatal failures and cancellations. */
export function isOutOfAttempts(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || error.cause instanceof CancelledFailure) return false;
  return !isFatal(error);
}

/** No attempt will ever succeed. */
export function isFatal(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}

export function isRateLimited(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'RateLimited';
}

/** Of the activity itself: the ledger lacks what the run has done, or the whole run. */
export function isLedgerRestored(failure: unknown): boolean {
  return failure instanceof ApplicationFailure && failure.type === 'LedgerRestored';
}

/** How long a finished run waits for a subscriber that does not answer. Undelivered events stay in the outbox. */
export const MAX_DELIVERY_WAIT = '10 minutes';

/** How long a run that ends early tries to hand its opt-outs over to CXone's preferences. */
export const MAX_SYNC_WAIT = '10 minutes';

/** More than one, so that requests keep flowing while one page ends (docs/adr/0002-pages.md). */
export const MAX_OPEN_PAGES = 3;

/** Fails the update that carried the decision; the run continues. */
export function decisionRefused(why: string): ApplicationFailure {
  return ApplicationFailure.create({ type: 'DecisionRefused', message: why, nonRetryable: true });
}
