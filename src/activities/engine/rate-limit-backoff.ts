/**
 * How long 429s keep everybody away. At least what they ask for; and where they come again and again, or ask for
 * nothing, longer each round. Those that were in flight together are one round, however many: sixteen refusals of one
 * moment say no more than one.
 */

const LONGEST_BACKOFF_MS = 60_000;

/** 1 s, 2 s, 4 s … 60 s. No jitter: what waits here is one page, and the rate limiter spreads its requests. */
export function backoffMs(attempt: number): number {
  return Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(attempt - 1, 10));
}

export interface Refusal {
  /** What `Retry-After` asks for; null without a readable one. A 0 or a date in the past says no more than null. */
  readonly retryAfterMs: number | null;
  /** When the request was about to leave, and when its refusal came; on the monotonic clock. */
  readonly sentAtMs: number;
  readonly nowMs: number;
}

export function createRateLimitBackoff() {
  let rounds = 0;
  let lastMs = 0;
  return {
    /** From now, for all workers of the tenant. Never below what is asked for. */
    waitMs({ retryAfterMs, sentAtMs, nowMs }: Refusal): number {
      if (rounds === 0 || sentAtMs > lastMs) rounds += 1;
      lastMs = nowMs;
      return Math.max(retryAfterMs ?? 0, backoffMs(rounds));
    },
    /** CXone has answered again. */
    reset(): void {
      rounds = 0;
    },
  };
}
