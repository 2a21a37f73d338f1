/** Which time zones and regions a phone number allows, by its first digits. Pure: the data come from libphonenumber. */
import { getCountryCallingCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { AREA_CODES } from './area-codes.ts';
import { PHONE_PREFIXES } from './phone-prefixes.ts';

/** What is known about where somebody is. */
export interface Place {
  /** Time zones in which the place may be; empty: unknown. */
  readonly zones: readonly string[];
  /** ISO 3166: states and provinces of the United States and Canada, else countries. */
  readonly regions: readonly string[];
}

const BY_AREA_CODE = new Map<string, Place>(
  readLines(AREA_CODES).flatMap(([zones, regions = '', ...codes]) =>
    codes.map((code) => [code, { zones: zones.split(','), regions: regions.split(',') }] as const),
  ),
);
const BY_PREFIX = new Map<string, readonly string[]>(
  readLines(PHONE_PREFIXES).flatMap(([zones, ...prefixes]) =>
    prefixes.map((prefix) => [prefix, zones.split(',')] as const),
  ),
);
const LONGEST_PREFIX = Math.max(...[...BY_PREFIX.keys()].map(({ length }) => length));

/**
 * @param phone E.164. Area codes without an area of their own, such as toll-free ones, allow every zone of the country code;
 * numbers of no country allow none
 */
export function findPhonePlace(phone: string): Place {
  const digits = phone.slice(1);
  const area = digits.startsWith('1') ? BY_AREA_CODE.get(digits.slice(1, 4)) : undefined;
  if (area) return area;
  return { zones: zonesOfPrefix(digits), regions: digits.startsWith('1') ? [] : countriesOf(phone) };
}

/**
 * The country with every zone of its country code.
 * @param country ISO 3166, two letters
 */
export function findCountryZones(country: string): readonly string[] {
  return isSupportedCountry(country) ? zonesOfPrefix(getCountryCallingCode(country)) : [];
}

/** Area codes with what is known of them. */
export function listAreaCodes(): ReadonlyMap<string, Place> {
  return BY_AREA_CODE;
}

function zonesOfPrefix(digits: string): readonly string[] {
  for (let length = Math.min(LONGEST_PREFIX, digits.length); length > 0; length -= 1) {
    const zones = BY_PREFIX.get(digits.slice(0, length));
    if (zones) return zones;
  }
  return [];
}

function countriesOf(phone: string): readonly string[] {
  const number = parsePhoneNumberFromString(phone);
  return number?.country ? [number.country] : (number?.getPossibleCountries() ?? []);
}

function readLines(text: string): readonly (readonly [string, ...string[]])[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [string, ...string[]]);
}
