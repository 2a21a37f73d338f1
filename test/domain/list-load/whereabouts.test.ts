/** Where somebody is, and whether our table of states agrees with the area codes, which have another source. */
import { getCountries } from 'libphonenumber-js/max';
import { describe, expect, it } from 'vitest';
import { PHONE_PREFIXES } from '../../../src/domain/list-load/phone-prefixes.ts';
import { findCountryZones, listAreaCodes } from '../../../src/domain/list-load/phone-zones.ts';
import {
  findPostalRegions,
  findRegion,
  findTerritory,
  isCountry,
  REGIONS,
} from '../../../src/domain/list-load/regions.ts';
import { findWhereabouts } from '../../../src/domain/list-load/whereabouts.ts';
import { isTimeZone, readWallClock } from '../../../src/domain/time-zones.ts';

const locate = (record: Readonly<Record<string, string>>) =>
  findWhereabouts(Object.entries(record).map(([name, value]) => ({ name, value })));
const NY = 'America/New_York';
const CHICAGO = 'America/Chicago';
const DENVER = 'America/Denver';

describe('the place of a record', () => {
  it.each([
    [
      'its own time zone',
      { 'Time Zone': 'Asia/Kolkata', state: 'TX', phone: '+12125550100' },
      ['Asia/Kolkata'],
      ['US-TX', 'US-NY'],
    ],
    ['the area code', { phone_number: '+12125550100' }, [NY], ['US-NY']],
    ['an area code with two time zones', { phone: '+18505550100' }, [CHICAGO, NY], ['US-FL']],
    [
      'an area code that covers the same area as an older one',
      { phone: '+14485550100' },
      [CHICAGO, NY],
      ['US-FL'],
    ],
    [
      'every phone number',
      { phone: '+12125550100', Mobile: '+13125550100' },
      [NY, CHICAGO],
      ['US-NY', 'US-IL'],
    ],
    ['the state', { state: 'tx', phone: '+19155550100' }, [CHICAGO, DENVER], ['US-TX']],
    [
      'a state that the phone contradicts',
      { state: 'New York', phone: '+13125550100' },
      [NY, CHICAGO],
      ['US-NY', 'US-IL'],
    ],
    ['the ZIP code', { zip: '79901-1234', country: 'US' }, [CHICAGO, DENVER], ['US-TX']],
    ['a ZIP code without its zeros', { zip: '2134', country: 'USA' }, [NY], ['US-MA']],
    [
      'a ZIP code in two states',
      { zip: '83414', country: 'us' },
      ['America/Boise', 'America/Los_Angeles', DENVER],
      ['US-ID', 'US-WY'],
    ],
    [
      'a Canadian postal code',
      { postalCode: 's4p 3y2', country: 'Canada' },
      ['America/Regina', 'America/Edmonton'],
      ['CA-SK'],
    ],
    [
      'the province',
      { province: 'Québec', state: 'QC', country: 'CA' },
      ['America/Toronto', 'America/Halifax', 'America/Blanc-Sablon'],
      ['CA-QC'],
    ],
    [
      'the country of the phone number',
      { phone: '+447700900123' },
      ['Europe/Guernsey', 'Europe/Isle_of_Man', 'Europe/London'],
      ['GB', 'GG', 'IM', 'JE'],
    ],
    ['the country', { country: 'DE', phone: '+12125550100' }, [NY, 'Europe/Berlin'], ['US-NY', 'DE']],
    ['a territory', { country: 'PR' }, ['America/Puerto_Rico'], ['US-PR']],
    [
      'the area code of a territory',
      { phone: '+17875550100', country: 'PR' },
      ['America/Puerto_Rico'],
      ['US-PR'],
    ],
    ['the area code of another country', { phone: '+18765550100' }, ['America/Jamaica'], ['JM']],
    [
      'two countries',
      { country: 'DE', country_code: 'US', phone: '+12125550100' },
      [NY, 'Europe/Berlin'],
      ['US-NY', 'DE'],
    ],
    [
      'its own time zone, whatever the rest says',
      { time_zone: 'Europe/Berlin', country: 'Germany', state: 'AE', phone: '+12125550100' },
      ['Europe/Berlin'],
      ['US-NY'],
    ],
    [
      'a state abroad that has the name of one here',
      { state: 'WA', country: 'AU', phone: '+61291234567' },
      ['Australia/Sydney'],
      ['AU'],
    ],
    [
      'a state abroad, by the phone number',
      { state: 'WA', phone: '+61291234567' },
      ['Australia/Sydney'],
      ['AU'],
    ],
  ])('%s', (_, record, zones, regions) => {
    expect(locate(record as Record<string, string>)).toEqual({ zones, regions });
  });

  it('is anywhere in the country if nothing else is known', () => {
    const place = locate({ country: 'United States' });
    expect(place).toMatchObject({ regions: ['US'] });
    expect(place).toHaveProperty('zones', expect.arrayContaining([NY, 'Pacific/Honolulu', 'Pacific/Guam']));
    expect(locate({ phone: '+18005550100' })).toHaveProperty(
      'zones',
      expect.arrayContaining([NY, 'America/St_Johns']),
    );
  });

  it.each([
    ['nothing', {}],
    ['a blank', { time_zone: ' ', state: '' }],
    ['a name without a country', { state: 'TX' }],
    ['a phone number of no country', { phone: '+80012345678' }],
    ['no phone number', { phone: '4155550100' }],
    ['other fields', { zone: NY, phone_type: 'mobile' }],
    ['an abbreviation', { time_zone: 'PST', phone: '+14155550100' }],
    ['an offset', { time_zone: '-08:00', phone: '+14155550100' }],
    ['two zones of which one is ambiguous', { time_zone: NY, TimeZone: 'EST' }],
  ])('is unknown with %s', (_, record) => {
    expect(locate(record as Record<string, string>)).toMatchObject({
      unknown: { code: 'time_zone_unknown' },
    });
  });
});

describe('a place that cannot be read', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['country', { country: 'Germany' }],
    ['Country Code', { country: 'US', 'Country Code': 'DEU' }],
    ['state', { state: 'Calif.' }],
    ['state', { country: 'US', state: 'AE', zip: '09012' }],
    ['province', { country: 'CA', state: 'QC', province: 'Kebek' }],
    ['zip', { state: 'CA', zip: '96201' }],
    ['zip', { zip: '09012' }],
    ['zip', { zip: '501' }],
    ['zip_code', { zip_code: '902101234' }],
    ['postal_code', { country: 'US', postal_code: '90210-' }],
    ['postalCode', { country: 'CA', postalCode: 'D4P 3Y2' }],
  ])('leaves the time zone unknown: %s of %j', (field, record) => {
    expect(locate({ phone: '+12125550100', ...record })).toMatchObject({
      unknown: { code: 'time_zone_unknown', field },
    });
  });

  it('does not matter if it is blank, or a state abroad', () => {
    expect(locate({ phone: '+12125550100', country: ' ', state: '', zip: '' })).toMatchObject({
      zones: [NY],
    });
    expect(locate({ phone: '+493012345', state: 'Bayern', zip: '80331' })).toMatchObject({
      zones: ['Europe/Berlin'],
    });
  });
});

describe('the tables of time zones', () => {
  const months = Array.from({ length: 14 * 12 }, (_, month) => Date.UTC(2027, month, 10));
  const clockOf = (zone: string) =>
    months.map((moment) => Object.values(readWallClock(zone, moment)).slice(0, 3).join(' ')).join();

  it('name only zones of the tz database', () => {
    const named = [
      ...REGIONS.flatMap(({ zones }) => zones),
      ...[...listAreaCodes().values()].flatMap(({ zones }) => zones),
      ...PHONE_PREFIXES.trim()
        .split('\n')
        .flatMap((line) => line.split(' ')[0]?.split(',') ?? []),
    ];
    expect([...new Set(named)].filter((zone) => !isTimeZone(zone))).toEqual([]);
  });

  it('agree: each time zone of an area code is one of its states', () => {
    const wrong = [...listAreaCodes()].flatMap(([code, { zones, regions }]) => {
      const states = regions.flatMap((each) => findRegion(each) ?? []);
      // Other countries have no states to compare with.
      if (states.length === 0) return [];
      const clocks = new Set(states.flatMap((state) => state.zones.map(clockOf)));
      return zones.filter((zone) => !clocks.has(clockOf(zone))).map((zone) => `${code} ${zone}`);
    });
    // Where libphonenumber allows one zone more than the states have; more zones are only stricter.
    expect(wrong).toEqual(['907 Pacific/Honolulu', '867 America/Vancouver', '474 America/Winnipeg']);
  });

  it('agree: each state has an area code in each of its time zones', () => {
    const wrong = REGIONS.flatMap(({ code, zones }) => {
      const codes = [...listAreaCodes().values()].filter(({ regions }) => regions.includes(code));
      const clocks = new Set(codes.flatMap((each) => each.zones.map(clockOf)));
      return zones.filter((zone) => !clocks.has(clockOf(zone))).map((zone) => `${code} ${zone}`);
    });
    // Small parts of provinces, whose area codes are those of the rest.
    expect(wrong).toEqual([
      ...['CA-BC America/Creston', 'CA-BC America/Fort_Nelson', 'CA-NU America/Atikokan'],
      ...['CA-ON America/Atikokan', 'CA-QC America/Blanc-Sablon', 'CA-SK America/Edmonton'],
    ]);
  });

  it('have these states in several time zones', () => {
    const split = REGIONS.filter(
      ({ code, zones }) => code.startsWith('US-') && new Set(zones.map(clockOf)).size > 1,
    );
    expect(split.map(({ code }) => code.slice(3)).join(' ')).toBe(
      'AK AZ FL ID IN KS KY MI NE NV ND OR SD TN TX',
    );
  });

  it('have every country that has phone numbers', () => {
    expect(getCountries().filter((code) => !isCountry(code) && !findTerritory(code))).toEqual([]);
    expect(getCountries().filter((code) => findCountryZones(code).length === 0)).toEqual([]);
    expect(['UK', 'XX', 'PR', 'us', ''].filter(isCountry)).toEqual([]);
  });

  it('have a ZIP code of every state, and a postal code of every province', () => {
    const zips = Array.from({ length: 1000 }, (_, prefix) => `${String(prefix).padStart(3, '0')}01`);
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((letter) => `${letter}1A 1A1`);
    const found = new Set([...zips, ...letters].flatMap(findPostalRegions).map(({ code }) => code));
    expect(REGIONS.map(({ code }) => code).filter((code) => !found.has(code))).toEqual([]);
  });
});
