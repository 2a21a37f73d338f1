/** Translates errors into failures that Temporal understands. No other file of the activities builds an ApplicationFailure. */
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import { fatalFailure, MAX_FAILURE_LENGTH } from '../contract/failures.ts';
import {
  CxoneCredentialsMissing,
  CxoneError,
  CxoneForbidden,
  CxoneNotFound,
  CxoneRateLimited,
  CxoneRefused,
  CxoneTooLong,
  CxoneUnauthorized,
  CxoneUnavailable,
} from '../cxone/errors.ts';
import { plural } from '../domain/numbers.ts';
import { shorten } from '../domain/shorten.ts';
import { SnapshotGone } from '../ledger/consent/suppression-snapshots.ts';
import { classifyLedgerError, type LedgerErrorKind, sqlState } from '../ledger/errors.ts';
import { Superseded } from '../ledger/fence.ts';
import { DatasetGone } from '../ledger/runs/datasets.ts';
import { RunEnded, RunMissing } from '../ledger/runs/runs.ts';
import { SourceError } from '../sources/errors.ts';
import { RepeatedFailures } from './repeated-failures.ts';

/** The queue for permits of the rate budget is longer than a page waits. */
export class RateWait extends Error {
  override readonly name: string = 'RateWait';
  readonly #until: number;
  constructor(waitMs: number, message = 'the queue of the rate budget is longer than a page waits') {
    super(message);
    this.#until = performance.now() + waitMs;
  }

  /** From now on: earlier permits may be used before this error is reported. Never 0, which would mean unset. */
  get waitMs(): number {
    return Math.max(100, this.#until - performance.now());
  }
}

/** Other writes may leave, but not yet the next one of a kind that is kept apart. Nothing was reserved. */
export class SpacingWait extends RateWait {
  constructor(waitMs: number, name: string) {
    super(waitMs, `the interval between ${name} is longer than a page waits`);
  }
}

/** Temporal retries the activity. */
export type RetryableFailureType =
  | 'CxoneUnavailable'
  | 'RateLimited'
  | 'LedgerUnavailable'
  | 'WritesInFlight'
  | 'JobsOpen'
  | 'Superseded'
  | 'WorkerDraining'
  | 'SubscriberUnavailable';

/** An operator may lift a block early, so the activity is tried at least this often; while the block lasts, it sends nothing. */
const LOOK_AGAIN_MS = 60_000;

/** Only the waiting activity knows of any other wait: nothing shows it to an operator, and nothing can end it early. */
const LONGEST_DELAY_MS = 15 * 60_000;

/** Retried after `nextRetryDelayMs`, within the bounds above, or by default after the backoff of the retry policy. */
export function retryableFailure(
  type: RetryableFailureType,
  message: string,
  nextRetryDelayMs?: number,
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message: shorten(message, MAX_FAILURE_LENGTH),
    ...(nextRetryDelayMs !== undefined && { nextRetryDelay: boundDelay(type, nextRetryDelayMs) }),
    // Waiting is part of normal operation: it must not raise an alarm or count as an error.
    ...(type !== 'LedgerUnavailable' &&
      type !== 'CxoneUnavailable' && { category: ApplicationFailureCategory.BENIGN }),
  });
}

/** Never 0, because Temporal would take that as "do not retry". */
function boundDelay(type: RetryableFailureType, delayMs: number): number {
  const longestMs = type === 'RateLimited' ? LOOK_AGAIN_MS : LONGEST_DELAY_MS;
  return Math.min(Math.max(1, Math.ceil(delayMs)), longestMs);
}

/** Only a run that has been opened in the ledger has activities that look for it there. */
const LOST_RUN =
  'The ledger was restored from a backup older than the run, or DATABASE_URL names another database. Nothing more is sent. ' +
  'Before starting the run again, check in CXone what it has sent: this ledger would send all of it again';

export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof CxoneError) return translateCxoneError(error);
  if (error instanceof RateWait) return retryableFailure('RateLimited', error.message, error.waitMs);
  // Another attempt has read the list again.
  if (error instanceof Superseded || error instanceof SnapshotGone)
    return retryableFailure('Superseded', error.message);
  if (error instanceof SourceError || error instanceof DatasetGone)
    return fatalFailure('SourceUnreadable', error.message);
  if (error instanceof RunMissing) return fatalFailure('LedgerRestored', `${error.message}. ${LOST_RUN}`);
  if (error instanceof RunEnded) return fatalFailure('AlreadyRun', error.message);
  return (
    translateLedgerError(error) ??
    // The message of an unforeseen error may quote a row, so only the worker's log has it.
    fatalFailure('Bug', `${nameError(error)}; see the worker's log. Start the same run again to continue it.`)
  );
}

/** What the ledger lacks while the activity is retried, for the people who wait for it. */
const WHILE_RETRIED: Readonly<Partial<Record<LedgerErrorKind, string>>> = {
  unavailable: 'the ledger cannot be reached',
  contended: 'the ledger was busy with a competing transaction',
  denied: 'the ledger denies access: restore the login, the database or the permission',
  outdated:
    'the ledger has been migrated to another version: replace this worker by the newer version that migrated it',
  exhausted: 'a statement in the ledger exceeded its time or memory',
};

/** Classes of SQLSTATE that are about the data of a run. What they refuse once, they refuse always. */
const ABOUT_DATA: Readonly<Record<string, string>> = {
  '22': 'cannot store a value of this run',
  '23': 'refused rows of this run, because they break a constraint',
  '54': 'cannot store a value of this run, because it is too large',
};

/** Null: it is no error of the ledger, or a mistake in our SQL. */
function translateLedgerError(error: unknown): ApplicationFailure | null {
  const what = WHILE_RETRIED[classifyLedgerError(error)];
  if (what !== undefined) return retryableFailure('LedgerUnavailable', `${what} (${nameError(error)})`);
  const refusal = ABOUT_DATA[sqlState(error)?.slice(0, 2) ?? ''];
  if (refusal === undefined) return null;
  const next =
    "The same run would fail again. See the worker's log; correct the input, or report it with the log if the input is right";
  return fatalFailure('LedgerRefused', `the ledger ${refusal} (${nameError(error)}). ${next}`);
}

export const THEN_RESTART = 'Then start the same run again to continue it.';

function translateCxoneError(error: CxoneError): ApplicationFailure {
  if (error instanceof CxoneRateLimited)
    return retryableFailure('RateLimited', error.message, error.retryAfterMs ?? undefined);
  if (error instanceof CxoneUnauthorized || error instanceof CxoneCredentialsMissing) {
    return fatalFailure('CredentialsRefused', `${error.message}. ${THEN_RESTART}`);
  }
  if (error instanceof CxoneForbidden)
    return fatalFailure('ScopeMissing', `${error.message}. ${THEN_RESTART}`);
  if (error instanceof CxoneNotFound) {
    const check = 'Check the id that the run is for, and CXONE_REGION or the address of this family';
    return fatalFailure('NotFound', `${error.message}. ${check}. ${THEN_RESTART}`);
  }
  if (error instanceof CxoneRefused) {
    const check = '`cxflow doctor` checks addresses and permissions';
    return fatalFailure('Refused', `${error.message}. ${check}. ${THEN_RESTART}`);
  }
  if (error instanceof CxoneTooLong) return fatalFailure('Refused', `${error.message}. ${THEN_RESTART}`);
  const retryAfterMs = error instanceof CxoneUnavailable ? error.retryAfterMs : null;
  return retryableFailure('CxoneUnavailable', error.message, retryAfterMs ?? undefined);
}

/** Retrying cannot help: refused credentials, missing scopes or lists, bugs. */
export function isFinal(error: unknown): boolean {
  const failure = toFailure(error);
  return failure instanceof ApplicationFailure && failure.nonRetryable === true;
}

function nameError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  return `${error.name}${code}${nameRelation(error)}`;
}

/** The names in our schema, which PostgreSQL reports with a violated constraint. They contain no data. */
function nameRelation(error: Error): string {
  const { table, constraint } = error as { readonly table?: unknown; readonly constraint?: unknown };
  return [table, constraint].flatMap((name) => (typeof name === 'string' ? [` ${name}`] : [])).join('');
}

/** Wraps every activity so that the errors it throws become failures. The log gets the original errors. */
export function translateErrors<A extends Record<string, (...args: never[]) => Promise<unknown>>>(
  activities: A,
  log: (error: unknown, activity: string) => void,
): A {
  const exhaustions = new ExhaustionBound();
  const entries = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...args: never[]) => {
      try {
        const result = await activity(...args);
        exhaustions.reset();
        return result;
      } catch (error) {
        const failure = exhaustions.apply(error, toFailure(error));
        if (failure !== error) log(error, name);
        throw failure;
      }
    },
  ]);
  return Object.fromEntries(entries) as A;
}

/** How many attempts in a row may exceed the limits of a statement; each may have taken minutes. */
const MAX_EXHAUSTIONS = 5;

/**
 * Ends what would be repeated for ever: a statement that always exceeds its time or memory. A slow one right after an outage
 * must not fail the run at once.
 */
class ExhaustionBound {
  readonly #failures = new RepeatedFailures();

  reset(): void {
    this.#failures.reset();
  }

  apply(error: unknown, failure: Error): Error {
    if (classifyLedgerError(error) !== 'exhausted') {
      this.reset();
      return failure;
    }
    const { count } = this.#failures.count('exhausted');
    if (count < MAX_EXHAUSTIONS) return failure;
    this.reset();
    const next =
      'Give PostgreSQL more resources, or a longer statement_timeout (a parameter of DATABASE_URL, in ms)';
    return fatalFailure(
      'LedgerRefused',
      `${failure.message}, ${plural(count, 'time')} in a row. ${next}. ${THEN_RESTART}`,
    );
  }
}

export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/**
 * Throws an AbortError. The signal's own `throwIfAborted` throws whatever the signal was aborted with, which is a failure
 * of Temporal if an activity is cancelled.
 */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new DOMException('the work was stopped', 'AbortError');
}

/** The error of an aborted AbortSignal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
