/** Translates errors into failures that Temporal understands. No other file of the activities builds an ApplicationFailure. */
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import { fatalFailure } from '../contract/failures.ts';
import {
  CxoneCredentialsMissing,
  CxoneError,
  CxoneForbidden,
  CxoneNotFound,
  CxoneRateLimited,
  CxoneRefused,
  CxoneUnauthorized,
  CxoneUnavailable,
} from '../cxone/errors.ts';
import { isAccessDenied, isTransient, isVersionMismatch } from '../ledger/database.ts';
import { DatasetGone } from '../ledger/runs/datasets.ts';
import { SourceError } from '../sources/errors.ts';

/** The queue for permits of the rate budget is longer than a page waits. */
export class RateWait extends Error {
  override readonly name = 'RateWait';
  readonly #until: number;
  constructor(waitMs: number) {
    super('the queue of the rate budget is longer than a page waits');
    this.#until = performance.now() + waitMs;
  }

  /** From now on: earlier permits may be used before this error is reported. Never 0, which would mean unset. */
  get waitMs(): number {
    return Math.max(100, this.#until - performance.now());
  }
}

/** Temporal retries the activity. */
export type RetryableFailureType =
  | 'CxoneUnavailable'
  | 'RateLimited'
  | 'LedgerUnavailable'
  | 'WritesInFlight'
  | 'WorkerDraining'
  | 'SubscriberUnavailable';

/** Retried after `nextRetryDelayMs`, or by default after the backoff of the retry policy. */
export function retryableFailure(
  type: RetryableFailureType,
  message: string,
  nextRetryDelayMs?: number,
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    ...(nextRetryDelayMs !== undefined && { nextRetryDelay: Math.ceil(nextRetryDelayMs) }),
    // Waiting is part of normal operation: it must not raise an alarm or count as an error.
    ...(type !== 'LedgerUnavailable' &&
      type !== 'CxoneUnavailable' && { category: ApplicationFailureCategory.BENIGN }),
  });
}

export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof CxoneError) return translateCxoneError(error);
  if (error instanceof RateWait) return retryableFailure('RateLimited', error.message, error.waitMs);
  if (error instanceof SourceError || error instanceof DatasetGone)
    return fatalFailure('SourceUnreadable', error.message);
  if (isVersionMismatch(error)) {
    const next = 'replace this worker by the newer version that migrated it';
    return retryableFailure(
      'LedgerUnavailable',
      `the ledger has been migrated to another version (${nameError(error)}): ${next}`,
    );
  }
  if (isTransient(error) || isAccessDenied(error))
    return retryableFailure('LedgerUnavailable', `the ledger cannot be reached: ${nameError(error)}`);
  // The message of an unforeseen error may quote a row, so only the worker's log has it.
  return fatalFailure(
    'Bug',
    `${nameError(error)}; see the worker's log. Start the same run again to continue it.`,
  );
}

const THEN_RESTART = 'Then start the same run again to continue it.';

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
  return `${error.name}${code}`;
}

/** Wraps every activity so that the errors it throws become failures. The log gets the original errors. */
export function translateErrors<A extends Record<string, (...args: never[]) => Promise<unknown>>>(
  activities: A,
  log: (error: unknown, activity: string) => void,
): A {
  const entries = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...args: never[]) => {
      try {
        return await activity(...args);
      } catch (error) {
        const failure = toFailure(error);
        if (failure !== error) log(error, name);
        throw failure;
      }
    },
  ]);
  return Object.fromEntries(entries) as A;
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
