import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitBackoff } from '../../src/activities/engine/rate-limit-backoff.ts';

const asked = fc.option(fc.integer({ min: 0, max: 1e12 }), { nil: null });

describe('a storm of 429s', () => {
  it('is waited out for as long as it asks, whatever it asks, and for a second at least', () => {
    const refusals = fc.array(fc.record({ retryAfterMs: asked, sentAtMs: fc.nat(), nowMs: fc.nat() }));
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

  it.each([null, 0])('that asks for %s is left alone longer each round', (retryAfterMs) => {
    const backoff = new RateLimitBackoff();
    const waits = [10, 20, 30, 40].map((at) => backoff.waitMs({ retryAfterMs, sentAtMs: at, nowMs: at + 5 }));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    backoff.reset();
    expect(backoff.waitMs({ retryAfterMs, sentAtMs: 50, nowMs: 55 })).toBe(1_000);
  });

  it('counts the requests that were in flight together once', () => {
    const backoff = new RateLimitBackoff();
    const waits = Array.from({ length: 16 }, (_, n) =>
      backoff.waitMs({ retryAfterMs: null, sentAtMs: 10, nowMs: 100 + n }),
    );
    expect(new Set(waits)).toEqual(new Set([1_000]));
  });
});
