/** Asks CXone a question again in place, so that one lost answer does not end the page that needs it. */
import { setTimeout as delay } from 'node:timers/promises';
import { CxoneError, CxoneRateLimited, CxoneUnavailable } from '../../cxone/errors.ts';
import { isFinal } from '../failures.ts';
import { backoffMs } from './rate-limit-backoff.ts';
import { LONGEST_WAIT_MS } from './rate-limiter.ts';

export interface Patience {
  /** After so many failures in a row, the last one is thrown: it is an outage, which Temporal's backoff waits out. */
  readonly failures: number;
  /** The waits are 1 s, 2 s, 4 s …; after so many of them they no longer grow. */
  readonly growing: number;
}

/**
 * For a question, which changes nothing in CXone and so may be repeated at once. Throws what no repetition can cure, a 429 (it
 * blocks the whole tenant), the last failure of an outage, and an AbortError once the signal is aborted.
 */
export async function askAgain<T>(
  ask: () => Promise<T>,
  { failures, growing }: Patience,
  signal?: AbortSignal,
): Promise<T> {
  for (let failed = 1; ; failed += 1) {
    try {
      return await ask();
    } catch (error) {
      if (failed >= failures || !isTransient(error)) throw error;
      const waitMs = Math.max(backoffMs(Math.min(failed, growing)), retryAfterMs(error));
      if (waitMs > LONGEST_WAIT_MS) throw error;
      await delay(waitMs, undefined, signal && { signal });
    }
  }
}

function isTransient(error: unknown): error is CxoneError {
  return error instanceof CxoneError && !(error instanceof CxoneRateLimited) && !isFinal(error);
}

const retryAfterMs = (error: CxoneError): number =>
  error instanceof CxoneUnavailable ? (error.retryAfterMs ?? 0) : 0;
