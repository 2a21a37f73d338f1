import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LONGEST_RETRY_AFTER_MS, retryAfterMs } from '../../src/cxone/retry-after.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const time = fc.date({ min: new Date('2000-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
const wholeSecond = (ms: number) => Math.floor(ms / 1000) * 1000;

describe('Retry-After', () => {
  it.each([
    ['5', 5_000],
    ['1.5', 1_500],
    ['0.0001', 1],
    [' 120 ', 120_000],
    ['36000', 36_000_000],
    ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['Saturday, 21-Nov-26 12:00:30 GMT', 30_000],
    ['Sat Nov 21 12:00:30 2026', 30_000],
    ['86401', LONGEST_RETRY_AFTER_MS],
    ['999999999', LONGEST_RETRY_AFTER_MS],
    ['Sun, 21 Nov 2027 12:00:00 GMT', LONGEST_RETRY_AFTER_MS],
  ])('%s is %i ms', (header, ms) => {
    expect(retryAfterMs(header, undefined, NOW)).toBe(ms);
  });

  it.each([
    undefined,
    null,
    '',
    'soon',
    '-5',
    '-1.5',
    '1.',
    '.5',
    '1e3',
    'NaN',
    'Infinity',
    '2026-11-21',
    '12345678901',
    7,
    ['5'],
  ])('%s is no wait that one may count on', (header) => {
    expect(retryAfterMs(header, undefined, NOW)).toBeNull();
  });

  it.each([
    '0',
    '0.0',
    '000',
    'Sat, 21 Nov 2026 11:00:00 GMT',
    'Wed, 21 Oct 2015 07:28:00 GMT',
    'Sat, 21 Nov 2026 12:00:00 GMT',
  ])('%s asks for no wait, so the backoff decides', (header) => {
    expect(retryAfterMs(header, undefined, NOW)).toBeNull();
  });

  it('compares a date with the clock of the server', () => {
    const date = 'Sat, 21 Nov 2026 15:00:10 GMT';
    expect(retryAfterMs(date, 'Sat, 21 Nov 2026 15:00:00 GMT', NOW)).toBe(10_000);
    expect(retryAfterMs(date, 'nonsense', NOW)).toBe(10_000 + 3 * 3_600_000);
  });

  it('is between a millisecond and a day, or null, for any headers', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.anything(),
      time.map((date) => date.toUTCString()),
      fc.date().map(String),
      fc.integer().map(String),
      fc.double().map(String),
      fc.bigInt().map(String),
    );
    fc.assert(
      fc.property(anything, anything, (header, date) => {
        const ms = retryAfterMs(header, date, NOW);
        expect(ms === null || (Number.isInteger(ms) && ms >= 1 && ms <= LONGEST_RETRY_AFTER_MS)).toBe(true);
      }),
    );
  });

  it('is never shorter than the header asks for, up to a day', () => {
    fc.assert(
      fc.property(time, time, (until, now) => {
        const ms = retryAfterMs(until.toUTCString(), now.toUTCString(), NOW);
        const asked = wholeSecond(until.getTime()) - wholeSecond(now.getTime());
        expect(ms).toBe(asked > 0 ? Math.min(asked, LONGEST_RETRY_AFTER_MS) : null);
      }),
    );
    const seconds = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 999_999_999 }));
    fc.assert(
      fc.property(seconds, (count) => {
        expect(retryAfterMs(String(count), null, NOW)).toBe(Math.min(count * 1000, LONGEST_RETRY_AFTER_MS));
      }),
    );
  });
});
