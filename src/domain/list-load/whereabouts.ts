/** Where a person is, by the fields of their record (docs/list-load-calling-hours.md#where-somebody-is). Pure. */
import { normalizeName } from '../columns.ts';
import { E164 } from '../phone.ts';
import type { Reason } from '../run.ts';
import type { Field } from './items.ts';
import { findCountryZones, findPhonePlace, type Place } from './phone-zones.ts';
import {
  findPostalRegions,
  findRegion,
  findState,
  findTerritory,
  isCountry,
  type Region,
  regionsOfCountry,
} from './regions.ts';
import { readTimeZone } from './time-zones.ts';

export type Whereabouts =
  | Place
  /** No time zone can be told. */
  | { readonly unknown: Reason };

/** Names of fields, as normalizeName has them. */
const STATE = ['state', 'province'];
const POSTAL_CODE = ['postalcode', 'postcode', 'zipcode', 'zip'];
const COUNTRY = ['country', 'countrycode'];

/** Why a row with this field is invalid; null: it is not. A field that only leaves the time zone unknown is valid. */
export function timeZoneProblem(field: Field): Reason | null {
  if (!isTimeZone(field)) return null;
  const read = readTimeZone(field.value.trim());
  return 'invalid' in read ? { ...read.invalid, field: field.name } : null;
}

const isTimeZone = ({ name, value }: Field): boolean =>
  normalizeName(name) === 'timezone' && value.trim() !== '';

/**
 * The time zone that the record states. Without one, every zone that its state, postal code, phone numbers or country allow: all
 * of them together, because a number moves with its owner and an address gets old. The regions are always all that are
 * mentioned.
 */
export function findWhereabouts(fields: readonly Field[]): Whereabouts {
  const values = readValues(fields);
  // Whatever their fields are called, as for a suppression list.
  const phones = [...values.values()].flat().filter((each) => E164.test(each));
  const places = findPlaces(values, phones);
  const regions = unique(places.flatMap((place) => place.regions));
  const stated: string[] = [];
  for (const { name, value } of fields.filter(isTimeZone)) {
    const read = readTimeZone(value.trim());
    if (!('zone' in read))
      return { unknown: { ...('invalid' in read ? read.invalid : read.ambiguous), field: name } };
    stated.push(read.zone);
  }
  const zones = stated.length > 0 ? stated : unique(places.flatMap((place) => place.zones));
  return zones.length > 0 ? { zones, regions } : { unknown: NO_EVIDENCE };
}

const NO_EVIDENCE: Reason = {
  code: 'time_zone_unknown',
  message: 'no time zone, state, postal code or phone number says where the person is',
};

function findPlaces(values: Values, phones: readonly string[]): Place[] {
  const country =
    pick(values, COUNTRY)
      .map(readCountry)
      .find((each) => each !== null) ?? null;
  const places = [...findAddresses(values, country, phones).map(toPlace), ...phones.map(findPhonePlace)];
  const isNarrowed =
    country === null || places.some(({ regions }) => regions.some((each) => isIn(each, country)));
  return isNarrowed ? places : [...places, placeOfCountry(country)];
}

/** States and postal codes have a meaning only in a country: `WA` is also in Australia. */
function findAddresses(values: Values, country: string | null, phones: readonly string[]): readonly Region[] {
  const isNorthAmerican =
    country === null
      ? phones.some((each) => each.startsWith('+1'))
      : ['US', 'CA'].includes(country.slice(0, 2));
  if (!isNorthAmerican) return [];
  return [
    ...pick(values, STATE).flatMap((each) => findState(each) ?? []),
    ...pick(values, POSTAL_CODE).flatMap(findPostalRegions),
  ];
}

const toPlace = ({ code, zones }: Region): Place => ({ zones, regions: [code] });

const COUNTRY_NAMES: Readonly<Record<string, string>> = {
  usa: 'US',
  unitedstates: 'US',
  unitedstatesofamerica: 'US',
  canada: 'CA',
};

/** ISO 3166; `US-PR` for a territory of the United States. null: it cannot be told. */
function readCountry(text: string): string | null {
  const code = COUNTRY_NAMES[normalizeName(text)] ?? text.toUpperCase();
  return findTerritory(code)?.code ?? (isCountry(code) ? code : null);
}

const isIn = (region: string, country: string): boolean => region.startsWith(country);

function placeOfCountry(country: string): Place {
  const territory = findRegion(country);
  if (territory) return toPlace(territory);
  const regions = regionsOfCountry(country);
  const zones = regions.length > 0 ? regions.flatMap((each) => each.zones) : findCountryZones(country);
  return { zones, regions: [country] };
}

/** By normalised name. */
type Values = ReadonlyMap<string, readonly string[]>;

function readValues(fields: readonly Field[]): Values {
  const values = new Map<string, string[]>();
  for (const { name, value } of fields) {
    const [key, text] = [normalizeName(name), value.trim()];
    if (text !== '') values.set(key, [...(values.get(key) ?? []), text]);
  }
  return values;
}

const pick = (values: Values, names: readonly string[]): readonly string[] =>
  names.flatMap((name) => values.get(name) ?? []);

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
