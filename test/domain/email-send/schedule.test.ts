/** When a run sends, around every change of the clocks until 2040, compared with what `Intl` shows. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { dayOf, readSendAt, startOfNextDay } from '../../../src/domain/email-send/schedule.ts';
import { createClock, END, findTransitions, START, type Transition } from '../clocks.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/**
 * With summer time in the north and in the south, with half an hour of it, with changes at midnight and by the moon, with a change
 * on the last day of October at 24:00, and with none.
 */
const ZONES = [
  ...['Europe/Berlin', 'America/New_York', 'Australia/Sydney', 'Australia/Lord_Howe', 'Africa/Cairo'],
  ...[
    'Asia/Beirut',
    'America/Santiago',
    'America/Havana',
    'Atlantic/Azores',
    'America/Nuuk',
    'Africa/Casablanca',
  ],
  ...['Pacific/Chatham', 'Antarctica/Troll', 'America/St_Johns', 'Asia/Kolkata', 'Pacific/Kiritimati'],
];

/** What a clock shows, as people write it: `2026-12-01T09:00`. */
const write = (shown: number): string => new Date(shown).toISOString().slice(0, 16);
const read = (text: string) => readSendAt(text);
const atOf = (text: string): number => {
  const sendAt = read(text);
  return 'at' in sendAt ? Date.parse(sendAt.at) : NaN;
};

describe('the time of a send', () => {
  it.each([
    ['2026-12-01T09:00Z', '2026-12-01T09:00:00.000Z', 'once'],
    ['2026-12-01T09:00+01:00', '2026-12-01T08:00:00.000Z', 'once'],
    ['2026-12-01 09:00 -0500', '2026-12-01T14:00:00.000Z', 'once'],
    ['2026-12-01T09:00:30 Europe/Berlin', '2026-12-01T08:00:30.000Z', 'once'],
    [' 2026-07-01 09:00  europe/berlin ', '2026-07-01T07:00:00.000Z', 'once'],
    ['2026-07-01T09:00[Europe/Berlin]', '2026-07-01T07:00:00.000Z', 'once'],
    ['2026-07-01T09:00 UTC', '2026-07-01T09:00:00.000Z', 'once'],
    ['2027-03-28T02:30 Europe/Berlin', '2027-03-28T01:30:00.000Z', 'skipped'],
    ['2027-10-31T02:30 Europe/Berlin', '2027-10-31T00:30:00.000Z', 'twice'],
    ['2027-10-31T02:30+01:00', '2027-10-31T01:30:00.000Z', 'once'],
  ] as const)('%s', (text, at, clock) => {
    expect(read(text)).toEqual({ at, clock });
  });

  it.each([
    ['2026-12-01', 'is not a date with a time'],
    ['09:00 Europe/Berlin', 'is not a date with a time'],
    ['tomorrow', 'is not a date with a time'],
    ['', 'is not a date with a time'],
    ['2026-12-01T9:00Z', 'is not a date with a time'],
    ['2026-12-01T09:00', 'says no time zone'],
    ['2026-12-01 09:00 ', 'says no time zone'],
    ['2026-02-30T09:00Z', 'is a date or a time that does not exist'],
    ['2026-12-01T24:00 Europe/Berlin', 'is a date or a time that does not exist'],
    ['2026-12-01T09:00+25:00', 'has an offset of a time zone that does not exist'],
    ['2026-12-01T09:00+01:00[Europe/Berlin]', 'has a time zone that cannot be read'],
    ['2026-12-01T09:00 Berlin time', 'has a time zone that cannot be read'],
    ['2026-12-01T09:00 CET', 'has a time zone that is an abbreviation or an offset'],
    ['2026-12-01T09:00 Etc/GMT+5', 'has a time zone that is an abbreviation or an offset'],
    ['2026-12-01T09:00 Europe/Nowhere', 'has a time zone that is not a name of the tz database'],
  ])('%j is refused: it %s, and what to write is said', (text, problem) => {
    const sendAt = read(text);
    expect(sendAt).toHaveProperty('problem', expect.stringContaining(problem));
    expect(sendAt).toHaveProperty(
      'problem',
      expect.stringMatching(/write .*(?:Europe\/Berlin|America\/New_York)/),
    );
  });

  it('is read, or refused, whatever the text', () => {
    const piece = fc.constantFrom(
      '2026-12-01',
      'T',
      ' ',
      '09:00',
      ':30',
      'Z',
      '+01:00',
      '[',
      'Europe/Berlin',
      ']',
      'x',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, (each) => {
        const sendAt = read(each);
        if ('at' in sendAt) expect(new Date(sendAt.at).toISOString()).toBe(sendAt.at);
        else expect(sendAt.problem).toContain('write ');
      }),
    );
  });
});

describe('every change of the clocks until 2040', () => {
  let transitions: readonly Transition[] = [];
  beforeAll(() => {
    transitions = ZONES.flatMap(findTransitions);
  }, 120_000);

  it('is found in most of these zones', () => {
    expect(transitions.length).toBeGreaterThan(300);
  });

  it('skips times, and moves them by as much as the clocks are put forward', () => {
    for (const { zone, moment, before, after } of transitions.filter((each) => each.after > each.before))
      for (const minutes of [0, 1, 17, (after - before) / MINUTE - 1]) {
        const text = `${write(moment + before + minutes * MINUTE)} ${zone}`;
        const at = new Date(moment + minutes * MINUTE).toISOString();
        expect({ text, ...read(text) }).toEqual({ text, at, clock: 'skipped' });
      }
  });

  it('repeats times, of which the first counts', () => {
    for (const { zone, moment, before, after } of transitions.filter((each) => each.after < each.before))
      for (const minutes of [0, 1, 17, (before - after) / MINUTE - 1]) {
        const text = `${write(moment + after + minutes * MINUTE)} ${zone}`;
        const at = new Date(moment - (before - after) + minutes * MINUTE).toISOString();
        expect({ text, ...read(text) }).toEqual({ text, at, clock: 'twice' });
      }
  });

  it('leaves the times before and after it as the clock shows them', () => {
    for (const { zone, moment, before, after } of transitions) {
      const change = Math.abs(after - before);
      for (const at of [moment - change - MINUTE, moment + change, moment + DAY]) {
        const text = `${write(createClock(zone)(at))} ${zone}`;
        expect({ text, ...read(text) }).toEqual({ text, at: new Date(at).toISOString(), clock: 'once' });
      }
    }
  });

  it('begins the next day when the clock first shows it', () => {
    for (const { zone, moment } of transitions)
      for (const now of [-26 * HOUR, -DAY, -90 * MINUTE, -1, 0, 1, 90 * MINUTE, DAY].map(
        (each) => moment + each,
      )) {
        const next = startOfNextDay(now, zone);
        const found = { zone, now, before: dayOf(next - 1, zone), day: dayOf(next, zone) };
        const clock = createClock(zone);
        const dayByClock = (at: number) => new Date(clock(at)).toISOString().slice(0, 10);
        const today = dayByClock(now);
        expect(dayOf(now, zone)).toBe(today);
        expect(found).toEqual({ zone, now, before: today, day: dayByClock(next) });
        expect(found.day > today).toBe(true);
        expect(next - now).toBeLessThanOrEqual(25 * HOUR);
      }
  });
});

describe('a day', () => {
  it('begins after midnight where the clocks skip it', () => {
    // Cairo puts its clocks forward at midnight.
    const next = startOfNextDay(Date.parse('2026-04-23T12:00:00Z'), 'Africa/Cairo');
    expect(new Date(next).toISOString()).toBe('2026-04-23T22:00:00.000Z');
    expect(createClock('Africa/Cairo')(next)).toBe(Date.parse('2026-04-24T01:00:00Z'));
  });

  it('is left out where a country has moved across the date line', () => {
    const next = startOfNextDay(Date.parse('2011-12-30T05:00:00Z'), 'Pacific/Apia');
    expect(dayOf(next - 1, 'Pacific/Apia')).toBe('2011-12-29');
    expect(dayOf(next, 'Pacific/Apia')).toBe('2011-12-31');
  });

  it('of any zone ends, and the next one follows', () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    fc.assert(
      fc.property(zones, fc.integer({ min: START, max: END }), (zone, now) => {
        const next = startOfNextDay(now, zone);
        expect(next).toBeGreaterThan(now);
        expect(dayOf(next - 1, zone)).toBe(dayOf(now, zone));
        expect(dayOf(next, zone) > dayOf(now, zone)).toBe(true);
      }),
    );
  });

  it('of a zone that does not exist is an error', () => {
    expect(() => dayOf(0, 'Europe/Nowhere')).toThrow(/write e\.g\. America\/New_York/);
  });
});

it('a local time in any zone is read as the moment at which the clock shows it', () => {
  const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
  fc.assert(
    fc.property(zones, fc.integer({ min: START / MINUTE, max: END / MINUTE }), (zone, minute) => {
      const shown = createClock(zone)(minute * MINUTE);
      const at = atOf(`${write(shown)} ${zone}`);
      // The earlier of two moments, if the clock shows the time twice.
      expect(createClock(zone)(at)).toBe(shown);
      expect(at).toBeLessThanOrEqual(minute * MINUTE);
    }),
  );
});
