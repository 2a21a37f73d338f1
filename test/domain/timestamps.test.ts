import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  describeNoTimestamp,
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  toUtcTimestamp,
} from '../../src/domain/timestamps.ts';

describe('timestamps', () => {
  it.each([
    ['2024-11-01', '2024-11-01T00:00:00.000Z'],
    ['2024-11-01T09:15:00Z', '2024-11-01T09:15:00.000Z'],
    ['2024-11-01T09:15Z', '2024-11-01T09:15:00.000Z'],
    ['2024-11-01T09:15:00.5Z', '2024-11-01T09:15:00.500Z'],
    ['2024-11-01T09:15:00.123999Z', '2024-11-01T09:15:00.123Z'],
    ['2024-11-01T00:30:00+02:00', '2024-10-31T22:30:00.000Z'],
    ['2024-11-01T23:30:00-0530', '2024-11-02T05:00:00.000Z'],
    ['2024-11-01T09:15:00+01', '2024-11-01T08:15:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    // An hour that Berlin has twice, and one that it skips: the offset determines the time.
    ['2026-10-25T02:30:00+02:00', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25T02:30:00+01:00', '2026-10-25T01:30:00.000Z'],
    ['2026-03-29T02:30:00+01:00', '2026-03-29T01:30:00.000Z'],
  ])('%s is %s', (text, utc) => {
    expect(toUtcTimestamp(text)).toBe(utc);
  });

  it.each([
    '',
    '2024-02-30',
    '2023-02-29',
    '2024-13-01',
    '2024-00-10',
    '2024-1-1',
    '2024-11-01T24:00:00Z',
    '2024-11-01T09:60:00Z',
    '2024-11-01T09:15:60Z',
    '2016-12-31T23:59:60Z', // a leap second, which Date cannot represent
    '2024-11-01T09:15:00', // local time
    '2024-11-01T09:15:00+25:00',
    '01.11.2024',
    '11/01/2024',
    '1730452500000',
    'yesterday',
    '2024-11-01\n',
    '0000-01-01T00:00:00+01:00', // before the year 0
    '0000-01-01', // PostgreSQL has no year 0
    '0001-01-01T00:00:00Z', // what .NET writes for no date
    '1899-12-30', // what Excel writes for no date
    '1900-01-01T00:00:00+00:01',
    '9999-12-31T23:30:00-01:00',
  ])('%j is not a timestamp', (text) => {
    expect(toUtcTimestamp(text)).toBeNull();
  });

  it.each([EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, '1900-01-01', '9999-12-31'])(
    '%s is in the range',
    (text) => {
      expect(toUtcTimestamp(text)).not.toBeNull();
    },
  );

  it('are converted correctly from any offset', () => {
    const moment = fc.date({
      min: new Date(EARLIEST_TIMESTAMP),
      max: new Date('9998-01-01'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moment, fc.integer({ min: -839, max: 839 }), (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const [hh, mm] = [hours, minutes].map((part) => String(part).padStart(2, '0'));
        expect(toUtcTimestamp(`${local}${offset < 0 ? '-' : '+'}${hh}:${mm}`)).toBe(date.toISOString());
      }),
    );
  });
});

describe('a text that is no timestamp', () => {
  it.each([
    ['45678', 'the number of a day'],
    ['45678.25', 'the number of a day'],
    ['1730452500000', 'milliseconds since 1970'],
    ['1730452500', 'seconds since 1970'],
    ['1,73045E+12', 'digits are lost'],
    ['01/10/2025', 'day and month'],
    ['1730452500000000', 'micro- or nanoseconds'],
    ['/Date(1730452500000)/', 'as .NET writes them'],
    ['20241101', 'a date without hyphens'],
    ['2024/11/01', 'other signs than hyphens'],
    ['1 Nov 2024', 'a date in words'],
    ['2024-11-01 09:15:00 EST', 'something else than Z'],
    ['########', 'too narrow'],
    ['2024-11-01 09:15:00', 'without Z or an offset'],
    ['2024-11-01T09:15:00', 'without Z or an offset'],
    ['soon', 'write 2024-11-01'],
  ])('%s has a message that says what it seems to be', (text, message) => {
    expect(toUtcTimestamp(text)).toBeNull();
    expect(describeNoTimestamp(text)).toContain(message);
    expect(describeNoTimestamp(text)).toMatch(/write 2024-11-01 or 2024-11-01T09:15:00Z$/);
  });

  it.each([
    ['2024-11-01 09:15:00Z', '2024-11-01T09:15:00.000Z'],
    ['2024-11-01 09:15:00.123456+00', '2024-11-01T09:15:00.123Z'],
    ['2024-11-01 09:15:00 +0100', '2024-11-01T08:15:00.000Z'],
    ['2024-11-01 09:15 UTC', '2024-11-01T09:15:00.000Z'],
  ])('%s, as SQL exports write it, is one', (text, utc) => {
    expect(toUtcTimestamp(text)).toBe(utc);
  });
});
