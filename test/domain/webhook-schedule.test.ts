import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delayBeforeNextAttempt, SCHEDULE_MS } from '../../src/domain/webhook-schedule.ts';

const HOUR = 3_600_000;

/** The moments of all attempts of an event that nobody accepts, in ms after the first. */
function attemptsOf(random: () => number, retryAfterMs: number | null = null): number[] {
  const moments: number[] = [];
  for (let [at, attempts]: [number | null, number] = [0, 1]; at !== null; attempts += 1) {
    moments.push(at);
    const delay = delayBeforeNextAttempt({ attempts, failingForMs: at, retryAfterMs }, random());
    at = delay === null ? null : at + delay;
  }
  return moments;
}

describe('the schedule of an event', () => {
  it('lasts for at least the 75 hours 35 minutes of Standard Webhooks and at most four days', () => {
    expect(SCHEDULE_MS).toBeGreaterThanOrEqual(75.6 * HOUR);
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (random) => {
        const last = attemptsOf(() => Number(random.next().value)).at(-1) ?? 0;
        expect(last).toBeGreaterThanOrEqual(SCHEDULE_MS);
        expect(last).toBeLessThan(96 * HOUR);
      }),
    );
  });

  it('tries again within seconds at first, and within a day and its jitter at last', () => {
    const moments = attemptsOf(() => 1);
    expect(moments).toHaveLength(18);
    expect(moments.slice(0, 4)).toEqual([0, 1_200, 3_600, 9_600]);
    expect((moments.at(-1) ?? 0) - (moments.at(-2) ?? 0)).toBe(24 * HOUR * 1.2);
  });

  it('does not try sooner than the subscriber asks for', () => {
    const failed = { attempts: 1, failingForMs: 0 };
    expect(delayBeforeNextAttempt({ ...failed, retryAfterMs: 42_000 }, 0.5)).toBe(42_000);
    expect(delayBeforeNextAttempt({ ...failed, retryAfterMs: 5 }, 0.5)).toBe(1_100);
  });

  it('ends although the subscriber always asks for a day', () => {
    expect(attemptsOf(() => 0, 24 * HOUR)).toHaveLength(5);
  });

  it('tries an event three times that has waited for days behind another one', () => {
    const tries = [1, 2, 3].map((attempts) =>
      delayBeforeNextAttempt({ attempts, failingForMs: 100 * HOUR, retryAfterMs: null }, 0),
    );
    expect(tries).toEqual([1_000, 2_000, null]);
  });
});
