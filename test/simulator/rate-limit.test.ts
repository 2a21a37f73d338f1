import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter } from '../../src/simulator/rate-limiter.ts';
import { DEFAULT_SETTINGS } from '../../src/simulator/settings.ts';
import { captureError } from '../cxone/vendor.ts';
import { contact, startSimulator } from './stand.ts';

describe('the window', () => {
  it('never admits more than the limit within a minute, and admits a request that has waited that long', () => {
    const gaps = fc.array(fc.nat(20_000), { maxLength: 200 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 12 }), (steps, ratePerMinute) => {
        let nowMs = 0;
        const limiter = createRateLimiter({ ...DEFAULT_SETTINGS, ratePerMinute }, () => nowMs);
        const admitted: number[] = [];
        for (const step of steps) {
          nowMs += step;
          const waitMs = limiter.admit();
          if (waitMs !== null) {
            nowMs += waitMs;
            expect(limiter.admit()).toBeNull();
          }
          admitted.push(nowMs);
        }
        admitted.forEach((at, i) => {
          const before = admitted[i - ratePerMinute];
          if (before !== undefined) expect(at - before).toBeGreaterThanOrEqual(60_000);
        });
      }),
    );
  });
});

describe('429', () => {
  it.each(['seconds', 'http-date'] as const)('has Retry-After as %s', async (retryAfterAs) => {
    const start = Math.ceil(Date.now() / 1000) * 1000;
    const { create, admin } = await startSimulator({ ratePerMinute: 2, retryAfterAs, nowMs: () => start });
    await create('L1', [contact(1)]);
    await create('L1', [contact(2)]);
    const error = (await captureError(create('L1', [contact(3)]))) as { name: string; retryAfterMs: number };
    expect(error.name).toBe('CxoneRateLimited');
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(60_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(62_000);
    expect((await admin.stats()).rateLimited).toBe(1);
    expect((await admin.health()).applied).toBe(2);
  });

  it('can omit Retry-After, and the limit can be lifted', async () => {
    const { create, admin } = await startSimulator({ ratePerMinute: 1, retryAfterAs: 'none' });
    await create('L1', [contact(1)]);
    expect(await captureError(create('L1', [contact(2)]))).toMatchObject({ retryAfterMs: null });
    await admin.change({ ratePerMinute: 0 });
    expect(await create('L1', [contact(2)])).toMatchObject({ kind: 'created' });
  });
});
