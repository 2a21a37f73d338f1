import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../src/cxone/retry-after.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const time = fc.date({ min: new Date('2000-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
const wholeSecond = (ms: number) => Math.floor(ms / 1000) * 1000;

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['5', 5_000],
    [' 120 ', 120_000],
    ['36000', 36_000_000],
    ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['Saturday, 21-Nov-26 12:00:30 GMT', 30_000],
    ['Sat Nov 21 12:00:30 2026', 30_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
  ])('%s is %i ms', (header, ms) => {
    expect(retryAfterMs(header, undefined, NOW)).toBe(ms);
  });

  it.each([undefined, null, '', 'soon', '-5', '5.5', '1e3', 'NaN', '2026-11-21', '12345678901', 7, ['5']])(
    '%s is no wait that one may count on',
    (header) => {
      expect(retryAfterMs(header, undefined, NOW)).toBeNull();
    },
  );

  it('compares a date with the clock of the server', () => {
    const date = 'Sat, 21 Nov 2026 15:00:10 GMT';
    expect(retryAfterMs(date, 'Sat, 21 Nov 2026 15:00:00 GMT', NOW)).toBe(10_000);
    expect(retryAfterMs(date, 'nonsense', NOW)).toBe(10_000 + 3 * 3_600_000);
  });

  it('is finite and not negative, or null, for any headers', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.anything(),
      time.map((date) => date.toUTCString()),
      fc.date().map(String),
    );
    fc.assert(
      fc.property(anything, anything, (header, date) => {
        const ms = retryAfterMs(header, date, NOW);
        expect(ms === null || (Number.isFinite(ms) && ms >= 0)).toBe(true);
      }),
    );
  });

  it('is never shorter than the header asks for', () => {
    fc.assert(
      fc.property(time, time, (until, now) => {
        const ms = retryAfterMs(until.toUTCString(), now.toUTCString(), NOW);
        expect(ms).toBe(Math.max(0, wholeSecond(until.getTime()) - wholeSecond(now.getTime())));
      }),
    );
    const seconds = fc.nat(999_999_999);
    fc.assert(
      fc.property(seconds, (count) => {
        expect(retryAfterMs(String(count), null, NOW)).toBe(count * 1000);
      }),
    );
  });
});
