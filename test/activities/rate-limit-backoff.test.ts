import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitBackoff } from '../../src/activities/engine/rate-limit-backoff.ts';

const retryAfter = fc.option(fc.integer({ min: 0, max: 1e12 }), { nil: null });

describe('the backoff after 429 answers', () => {
  it('is at least as long as Retry-After asks for, and at least a second (property)', () => {
    const refusals = fc.array(fc.record({ retryAfterMs: retryAfter, sentAtMs: fc.nat(), nowMs: fc.nat() }));
    fc.assert(
      fc.property(refusals, (all) => {
        const backoff = new RateLimitBackoff();
        for (const refusal of all) {
          const waitMs = backoff.waitMs(refusal);
          expect(waitMs).toBeGreaterThanOrEqual(Math.max(refusal.retryAfterMs ?? 0, 1_000));
          expect(waitMs).toBeLessThanOrEqual(Math.max(refusal.retryAfterMs ?? 0, 60_000));
        }
      }),
    );
  });

  it.each([null, 0])('doubles with each round if Retry-After is %s', (retryAfterMs) => {
    const backoff = new RateLimitBackoff();
    const waits = [10, 20, 30, 40].map((at) => backoff.waitMs({ retryAfterMs, sentAtMs: at, nowMs: at + 5 }));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    backoff.reset();
    expect(backoff.waitMs({ retryAfterMs, sentAtMs: 50, nowMs: 55 })).toBe(1_000);
  });

  it('counts requests that were in flight together as one round', () => {
    const backoff = new RateLimitBackoff();
    const waits = Array.from({ length: 16 }, (_, n) =>
      backoff.waitMs({ retryAfterMs: null, sentAtMs: 10, nowMs: 100 + n }),
    );
    expect(new Set(waits)).toEqual(new Set([1_000]));
  });
});
