/** The one table: error → failure type, retryable, delay. No other file of this room builds an ApplicationFailure. */
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import type { RunFailureType } from '../contract/run.ts';
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
import { isAccessDenied, isVersionMismatch, isTransient } from '../ledger/database.ts';
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

  /** From now, since whoever got this error may have used up earlier permits first. Never 0, which would mean unset. */
  get waitMs(): number {
    return Math.max(100, this.#until - performance.now());
  }
}

/** Failures that pass by themselves; Temporal tries again. */
export type PassingFailureType =
  | 'CxoneUnavailable'
  | 'RateLimited'
  | 'LedgerUnavailable'
  | 'WritesInFlight'
  | 'WorkerDraining'
  | 'CrmUnavailable';

/** The run ends: not retryable, and the message says what, where and what to do. */
export function fatalFailure(type: RunFailureType, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}

/** Retried by Temporal, after `nextRetryDelayMs` where one is given and after the policy's backoff where not. */
export function retryableFailure(
  type: PassingFailureType,
  message: string,
  nextRetryDelayMs?: number,
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    ...(nextRetryDelayMs !== undefined && { nextRetryDelay: Math.ceil(nextRetryDelayMs) }),
    // Waiting for one's turn is no failure: no alarm, no red metric.
    ...(type !== 'LedgerUnavailable' &&
      type !== 'CxoneUnavailable' && { category: ApplicationFailureCategory.BENIGN }),
  });
}

export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof CxoneError) return ofCxone(error);
  if (error instanceof RateWait) return retryableFailure('RateLimited', error.message, error.waitMs);
  if (error instanceof SourceError || error instanceof DatasetGone)
    return fatalFailure('SourceUnreadable', error.message);
  if (isVersionMismatch(error)) {
    const next = 'a newer worker has migrated it; start that version in place of this one';
    return retryableFailure(
      'LedgerUnavailable',
      `the ledger is of another version (${nameOf(error)}): ${next}`,
    );
  }
  if (isTransient(error) || isAccessDenied(error))
    return retryableFailure('LedgerUnavailable', `the ledger is not to be reached: ${nameOf(error)}`);
  // The message stays here: an unforeseen one may quote a row. The stack goes to the worker's log.
  return fatalFailure(
    'Bug',
    `${nameOf(error)}; the worker's log has the rest. Starting the run again goes on where it was.`,
  );
}

const THEN_AGAIN = 'Then start the same run again: it goes on where it was.';

function ofCxone(error: CxoneError): ApplicationFailure {
  if (error instanceof CxoneRateLimited)
    return retryableFailure('RateLimited', error.message, error.retryAfterMs ?? undefined);
  if (error instanceof CxoneUnauthorized || error instanceof CxoneCredentialsMissing) {
    return fatalFailure('CredentialsRefused', `${error.message}. ${THEN_AGAIN}`);
  }
  if (error instanceof CxoneForbidden) return fatalFailure('ScopeMissing', `${error.message}. ${THEN_AGAIN}`);
  if (error instanceof CxoneNotFound) {
    const check = 'Check the id that the run is for, and CXONE_REGION or the address of this family';
    return fatalFailure('NotFound', `${error.message}. ${check}. ${THEN_AGAIN}`);
  }
  if (error instanceof CxoneRefused) {
    const check = '`cxflow doctor` looks at addresses and rights';
    return fatalFailure('Refused', `${error.message}. ${check}. ${THEN_AGAIN}`);
  }
  const retryAfterMs = error instanceof CxoneUnavailable ? error.retryAfterMs : null;
  return retryableFailure('CxoneUnavailable', error.message, retryAfterMs ?? undefined);
}

/** Trying again leads nowhere: credentials, scopes, a missing list, a bug. */
export function isFinal(error: unknown): boolean {
  const failure = toFailure(error);
  return failure instanceof ApplicationFailure && failure.nonRetryable === true;
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  return `${error.name}${code}`;
}

/** Every activity, with whatever it throws translated. */
export function translated<A extends Record<string, (...args: never[]) => Promise<unknown>>>(
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

/** Of an AbortSignal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
