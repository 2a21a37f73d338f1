/** A sliding window: never more requests than the limit within its length. Refused requests do not count. */
import type { Settings } from './settings.ts';

export function createRateLimiter(settings: Settings, nowMs: () => number) {
  /** Times of the admitted requests; those before `first` have left the window. */
  let times: number[] = [];
  let first = 0;

  return {
    /** Null if the request is admitted, otherwise the milliseconds until one can be. */
    admit(): number | null {
      if (settings.ratePerMinute === 0) return null;
      const windowMs = settings.rateWindowSeconds * 1000;
      const limit = Math.max(1, Math.floor((settings.ratePerMinute * settings.rateWindowSeconds) / 60));
      const now = nowMs();
      while ((times[first] ?? Infinity) <= now - windowMs) first += 1;
      if (first > 10_000) {
        times = times.slice(first);
        first = 0;
      }
      if (times.length - first < limit) {
        times.push(now);
        return null;
      }
      return Math.max(1, (times[times.length - limit] ?? now) + windowMs - now);
    },
  };
}
export type RateLimiter = ReturnType<typeof createRateLimiter>;
