/**
 * How long 429s block the tenant: at least as long as they ask for, and longer with each round of them. Requests that
 * were in flight together count as one round, however many were refused.
 */

const LONGEST_BACKOFF_MS = 60_000;

/** 1 s, 2 s, 4 s … 60 s. Without jitter: what waits here is one page, and the rate limiter spreads its requests. */
export function backoffMs(attempt: number): number {
  return Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(attempt - 1, 10));
}

export interface RateLimited {
  /** What `Retry-After` asks for; null if it is missing, unreadable, zero or in the past. */
  readonly retryAfterMs: number | null;
  /** When the request was about to leave and when it was refused, on the monotonic clock. */
  readonly sentAtMs: number;
  readonly nowMs: number;
}

export class RateLimitBackoff {
  #rounds = 0;
  #lastMs = 0;

  /** From now, for all workers of the tenant. */
  waitMs({ retryAfterMs, sentAtMs, nowMs }: RateLimited): number {
    if (this.#rounds === 0 || sentAtMs > this.#lastMs) this.#rounds += 1;
    this.#lastMs = nowMs;
    return Math.max(retryAfterMs ?? 0, backoffMs(this.#rounds));
  }

  /** CXone has answered again. */
  reset(): void {
    this.#rounds = 0;
  }
}
