import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallAnswer, createCallCheck, findFirstMoment } from '../../../src/domain/list-load/callable.ts';
import { type CallingHours, readCallingHours } from '../../../src/domain/list-load/calling-hours.ts';
import { readTimeZone } from '../../../src/domain/time-zones.ts';
import { parseCsv, settle, valueOf } from './rows.ts';

const fieldsOf = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).map(([name, value]) => ({ name, value }));

function check(hours: CallingHours, now: string, record: Readonly<Record<string, string>>): CallAnswer {
  return createCallCheck(hours, new Date(now))({ fields: fieldsOf(record) });
}

/** The hours of one entry, of the United States. */
const daily = (from: string, to: string): CallingHours => ({
  defaultRegion: 'US',
  regions: [{ region: 'US', effective: '2000-01-01', source: 'test', windows: [{ from, to }] }],
});

const EIGHT_TO_NINE = daily('08:00', '21:00');

describe('a file of people in several time zones', () => {
  const { columns, rows } = parseCsv(`contactId,phone,timeZone,score
Z-1,+14155550161,America/Los_Angeles,7
Z-2,+12125550162,America/New_York,6
Z-3,+14155550163,,5
Z-4,+12125550164,EST,4
Z-5,+14155550165,America/Los Angeles,3
Z-6,+14155550166,Asia/Kolkata,2
Z-7,+14155550167,Australia/Lord_Howe,1
`);
  const scoring = { column: 'score' };

  it('is called from 08:00 to 21:00 where each of them is', () => {
    const { loaded, invalid } = settle(columns, rows, { rules: { scoring, hasCallingHours: true } });
    const answerTo = createCallCheck(EIGHT_TO_NINE, new Date('2026-11-28T15:30:00Z'));
    const unknown = { kind: 'unknown', reason: { code: 'time_zone_unknown', field: 'timeZone' } };
    expect(loaded.map((row) => [valueOf(row, 'contact_id'), answerTo(row.item)])).toEqual([
      // 07:30 there.
      ['Z-1', { kind: 'not_before', at: '2026-11-28T16:00:00.000Z' }],
      ['Z-2', { kind: 'callable' }],
      // Area code 415.
      ['Z-3', { kind: 'not_before', at: '2026-11-28T16:00:00.000Z' }],
      // Not guessed from the phone number.
      [
        'Z-4',
        expect.objectContaining({ ...unknown, reason: expect.objectContaining(unknown.reason) as unknown }),
      ],
      // 21:00 there: the end is not in the window.
      ['Z-6', { kind: 'not_before', at: '2026-11-29T02:30:00.000Z' }],
      // 02:30 of the next day there.
      ['Z-7', { kind: 'not_before', at: '2026-11-28T21:00:00.000Z' }],
    ]);
    expect(invalid).toEqual([
      {
        line: 6,
        reasons: [
          {
            code: 'time_zone_invalid',
            field: 'timeZone',
            message: 'not a name of the tz database; write e.g. America/New_York, with _ instead of blanks',
          },
        ],
      },
    ]);
  });

  it('is loaded as it is without calling hours', () => {
    expect(settle(columns, rows, { rules: { scoring } }).loaded).toHaveLength(7);
  });
});

describe('time zones', () => {
  it.each([
    'America/New_York',
    'america/new_york',
    'US/Eastern',
    'Asia/Calcutta',
    'Europe/Kyiv',
    'Japan',
    'NZ-CHAT',
  ])('%s is one', (zone) => {
    expect(readTimeZone(zone)).toEqual({ zone });
  });

  it.each([
    ...['EST', 'est', 'Est', 'EST5EDT', 'CET', 'BST', 'AEST', 'UTC', 'GMT', 'GMT0', 'Zulu', 'GB', 'PRC'],
    ...['+05:30', '-0500', 'UTC+2', 'GMT-3', 'UTC−3', '5', 'Etc/GMT+5', 'Etc/UTC'],
  ])('%s may be several', (text) => {
    expect(readTimeZone(text)).toMatchObject({ ambiguous: { code: 'time_zone_unknown' } });
  });

  it.each([
    'America/Los Angeles',
    'America/Nowhere',
    'Eastern',
    'Eastern Standard Time',
    'PST/PDT',
    '/',
    'constructor',
  ])('%s is none', (text) => {
    expect(readTimeZone(text)).toMatchObject({ invalid: { code: 'time_zone_invalid' } });
  });
});

describe('the hours of a region', () => {
  const hours = {
    defaultRegion: 'GB',
    regions: [
      { region: 'GB', effective: '2000-01-01', source: 's', windows: [{ from: '09:00', to: '18:00' }] },
      { region: 'US', effective: '2000-01-01', source: 's', windows: [{ from: '08:00', to: '21:00' }] },
      { region: 'US-FL', effective: '2026-12-01', source: 's', windows: [{ from: '10:00', to: '12:00' }] },
      {
        region: 'US-FL',
        effective: '2026-01-01',
        source: 's',
        windows: [
          { days: ['monday', 'tuesday'], from: '08:00', to: '12:00' },
          { days: ['monday'], from: '13:00', to: '24:00' },
        ],
      },
    ],
  } as const satisfies CallingHours;
  const notBefore = (now: string, record: Readonly<Record<string, string>>) => {
    const answer = check(hours, now, record);
    return answer.kind === 'not_before' ? answer.at : answer.kind;
  };
  const miami = { phone_number: '+13055550100' };

  it('are those of its days', () => {
    // 23 November 2026 is a Monday.
    expect(notBefore('2026-11-23T12:59:59.999Z', miami)).toBe('2026-11-23T13:00:00.000Z');
    expect(notBefore('2026-11-23T13:00:00Z', miami)).toBe('callable');
    expect(notBefore('2026-11-23T17:00:00Z', miami)).toBe('2026-11-23T18:00:00.000Z');
    expect(notBefore('2026-11-24T04:59:59.999Z', miami)).toBe('callable');
    expect(notBefore('2026-11-24T05:00:00Z', miami)).toBe('2026-11-24T13:00:00.000Z');
    expect(notBefore('2026-11-24T17:00:00Z', miami)).toBe('2026-11-30T13:00:00.000Z');
  });

  it('are the newest in effect on the day where the person is', () => {
    expect(notBefore('2026-12-01T04:59:59Z', miami)).toBe('callable');
    expect(notBefore('2026-12-01T05:00:00Z', miami)).toBe('2026-12-01T15:00:00.000Z');
  });

  it('are those of its country, otherwise those of the default region', () => {
    expect(notBefore('2026-11-28T14:00:00Z', { phone_number: '+17185550100' })).toBe('callable');
    expect(notBefore('2026-11-28T07:30:00Z', { phone_number: '+49301234567' })).toBe(
      '2026-11-28T08:00:00.000Z',
    );
    expect(notBefore('2025-06-01T12:00:00Z', miami)).toBe('callable');
  });

  it('hold together with those of every other region that the record mentions', () => {
    const record = { phone_number: '+17185550100', state: 'Florida' };
    // A part of Florida has the time of Chicago.
    expect(notBefore('2026-12-01T13:30:00Z', record)).toBe('2026-12-01T16:00:00.000Z');
    expect(notBefore('2026-12-01T13:30:00Z', { ...record, time_zone: 'America/New_York' })).toBe(
      '2026-12-01T15:00:00.000Z',
    );
  });

  it('are not waited for if they never have a moment in common', () => {
    const record = { phone_number: '+17185550100', phone2: '+819012345678' };
    expect(check(daily('09:00', '12:00'), '2026-12-01T13:30:00Z', record)).toMatchObject({
      kind: 'unknown',
      reason: { code: 'outside_calling_hours' },
    });
  });

  it('are those that a plain search for the first moment finds', () => {
    const place = fc.record({
      zones: fc.uniqueArray(fc.constantFrom(...Intl.supportedValuesOf('timeZone')), {
        minLength: 1,
        maxLength: 3,
      }),
      regions: fc.uniqueArray(fc.constantFrom('US', 'US-FL', 'GB', 'DE'), { maxLength: 2 }),
    });
    const now = fc.integer({ min: Date.UTC(2026, 10, 20) / 60_000, max: Date.UTC(2026, 11, 5) / 60_000 });
    fc.assert(
      fc.property(place, now, ({ zones, regions }, minute) => {
        const isOpen = (moment: number) =>
          zones.every((zone) =>
            (regions.length > 0 ? regions : ['DE']).every((region) => isOpenIn(zone, region, moment)),
          );
        const limit = minute + 3 * 24 * 60;
        let expected = minute;
        while (expected < limit && !isOpen(expected * 60_000)) expected += 15 - (expected % 15);
        const found = findFirstMoment(hours, { zones, regions }, minute * 60_000);
        if (expected >= limit) expect(found ?? Infinity).toBeGreaterThanOrEqual(limit * 60_000);
        else expect(found).toBe(expected * 60_000);
      }),
      { numRuns: 300 },
    );
  });

  /** The hours above, written down once more. */
  function isOpenIn(zone: string, region: string, moment: number): boolean {
    const shown = formatOf(zone).format(moment);
    const [date = '', time = ''] = shown.split(' ');
    const day = new Date(date).getUTCDay();
    const isBetween = (from: string, to: string) => from <= time && time < to;
    if (region === 'US') return isBetween('08:00', '21:00');
    if (region !== 'US-FL') return isBetween('09:00', '18:00');
    if (date >= '2026-12-01') return isBetween('10:00', '12:00');
    if (day === 1) return isBetween('08:00', '12:00') || isBetween('13:00', '24:00');
    return day === 2 && isBetween('08:00', '12:00');
  }
});

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const options = { timeZone: zone, dateStyle: 'short', timeStyle: 'short' } as const;
  const format = formats.get(zone) ?? new Intl.DateTimeFormat('sv-SE', options);
  formats.set(zone, format);
  return format;
}

describe('a file of calling hours', () => {
  it('is taken as it is', () => {
    expect(readCallingHours(EIGHT_TO_NINE)).toEqual({ hours: EIGHT_TO_NINE });
  });

  it('is refused with the position of every problem', () => {
    const entry = {
      region: 'US',
      effective: '2000-01-01',
      source: 's',
      windows: [{ from: '08:00', to: '21:00' }],
    };
    const read = readCallingHours({
      defaultRegion: 'FR',
      timeZone: 'EST',
      regions: [
        entry,
        { ...entry, source: ' ', effective: '2026-02-30' },
        { ...entry, region: 'UK', windows: [] },
        { ...entry, region: 'US-XX' },
        { ...entry, region: 'PR' },
        {
          ...entry,
          region: 'DE',
          windows: [
            { from: '8:00', to: '25:00' },
            { from: '21:00', to: '08:00' },
            { from: '24:00', to: '24:00' },
            { days: ['mon', 'sunday', 'sunday'], from: '00:00', to: '24:00', zone: 'x' },
            { days: [], from: '08:00', to: '09:00' },
            7,
          ],
        },
        entry,
        null,
      ],
    });
    const problems = 'problems' in read ? read.problems : [];
    expect(problems.map((each) => each.replace('callingHours.', ''))).toMatchInlineSnapshot(`
      [
        "timeZone is unknown; known fields: defaultRegion, regions",
        "defaultRegion is the region of no entry of regions",
        "regions[1].effective must be the date from which it holds, e.g. 2026-01-31",
        "regions[1].source must say where the rule comes from",
        "regions[2].region must be the ISO 3166 code of a country (GB) or of a state of the US or Canada (US-FL); the United Kingdom is GB",
        "regions[2].windows must be a list of 1 to 21 windows",
        "regions[3].region must be the ISO 3166 code of a country (GB) or of a state of the US or Canada (US-FL)",
        "regions[4].region must be US-PR",
        "regions[5].windows[0].from must be a time by a 24-hour clock, e.g. 08:00",
        "regions[5].windows[0].to must be a time by a 24-hour clock, e.g. 21:00",
        "regions[5].windows[1].to must be after from; split a window over midnight in two",
        "regions[5].windows[2].from must be a time by a 24-hour clock, e.g. 08:00",
        "regions[5].windows[2].to must be after from; split a window over midnight in two",
        "regions[5].windows[3].zone is unknown; known fields: days, from, to",
        "regions[5].windows[3].days[0] must be one of sunday, monday, tuesday, wednesday, thursday, friday, saturday",
        "regions[5].windows[3].days[2] is there twice",
        "regions[5].windows[4].days must be a list of days; leave it out for every day",
        "regions[5].windows[5] must be {"days", "from", "to"}",
        "regions[7] must be {"region", "effective", "source", "windows"}",
        "regions[6] has the region and the date of regions[0]",
      ]
    `);
  });

  it.each([null, [], 'US', { defaultRegion: 'US' }, { defaultRegion: 'US', regions: [] }])(
    '%j is none',
    (value) => {
      expect(readCallingHours(value)).toHaveProperty('problems.0');
    },
  );

  it('is not answered with a message of its size if it is another file', () => {
    const numbered = Array.from({ length: 1000 }, (_, i) => `n${i}`);
    const wrong = Object.fromEntries(numbered.map((key) => [key, 1]));
    const window = { days: numbered, from: '08:00', to: '09:00' };
    const entry = { region: 'US', effective: '2000-01-01', source: 's', windows: [window] };
    const problemsOf = (value: unknown) =>
      (readCallingHours(value) as { problems: readonly string[] }).problems.length;
    expect(problemsOf({ ...EIGHT_TO_NINE, ...wrong })).toBe(5);
    expect(problemsOf({ defaultRegion: 'US', regions: [entry] })).toBe(1);
  });

  it.each(['constructor', '__proto__', 'US-', 'us', 'US-FL-1', ''])('%s is no region', (region) => {
    const { problems } = readCallingHours({
      defaultRegion: region,
      regions: [{ region, effective: '2000-01-01', source: 's', windows: [{ from: '08:00', to: '09:00' }] }],
    }) as { problems: readonly string[] };
    expect(problems.map((each) => each.split(' ')[0])).toEqual(['callingHours.regions[0].region']);
  });
});
