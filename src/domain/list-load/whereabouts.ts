/** Where a person is, by the fields of their record (docs/list-load-calling-hours.md#where-somebody-is). Pure. */
import { normalizeName } from '../columns.ts';
import { E164 } from '../phone.ts';
import type { Reason } from '../run.ts';
import { readTimeZone, TIME_ZONE_UNKNOWN } from '../time-zones.ts';
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

type Whereabouts =
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
 * of them together, because a number moves with its owner and an address gets old. If one of them cannot be read, the zone is
 * unknown, because the others may be elsewhere. The regions are always all that are mentioned.
 */
export function findWhereabouts(fields: readonly Field[]): Whereabouts {
  const { places, unreadable } = findPlaces(fields);
  const regions = unique(places.flatMap((place) => place.regions));
  const stated: string[] = [];
  for (const { name, value } of fields.filter(isTimeZone)) {
    const read = readTimeZone(value.trim());
    if (!('zone' in read))
      return { unknown: { ...('invalid' in read ? read.invalid : read.ambiguous), field: name } };
    stated.push(read.zone);
  }
  if (stated.length > 0) return { zones: stated, regions };
  if (unreadable) return { unknown: unreadable };
  const zones = unique(places.flatMap((place) => place.zones));
  return zones.length > 0 ? { zones, regions } : { unknown: NO_EVIDENCE };
}

const NO_EVIDENCE: Reason = {
  code: TIME_ZONE_UNKNOWN,
  message: 'no time zone, state, postal code or phone number says where the person is',
};

interface Evidence {
  readonly places: readonly Place[];
  /** Why the first field that cannot be read says nothing. */
  readonly unreadable?: Reason | undefined;
}

function findPlaces(fields: readonly Field[]): Evidence {
  // Whatever their fields are called, as for a suppression list.
  const phones = fields.map(({ value }) => value.trim()).filter((each) => E164.test(each));
  const country = readEach(fields, COUNTRY, readCountry, 'is no ISO 3166 code of a country, such as DE');
  const address = readAddress(fields, country, phones);
  const places = [...address.found.map(toPlace), ...phones.map(findPhonePlace)];
  const isNarrowed = (code: string): boolean =>
    places.some(({ regions }) => regions.some((each) => isIn(each, code)));
  const wide = country.found.filter((code) => !isNarrowed(code)).map(placeOfCountry);
  return { places: [...places, ...wide], unreadable: country.unreadable ?? address.unreadable };
}

/** States and postal codes have a meaning only in a country: `WA` is also in Australia. */
function readAddress(
  fields: readonly Field[],
  { found: countries }: Read<string>,
  phones: readonly string[],
): Read<Region> {
  const isNorthAmerican =
    countries.length === 0
      ? phones.some((each) => each.startsWith('+1'))
      : countries.some((each) => ['US', 'CA'].includes(each.slice(0, 2)));
  if (!isNorthAmerican) return { found: [] };
  const state = readEach(fields, STATE, findState, 'is no state or province, such as TX or Texas');
  // Military addresses have states and ZIP codes too, but may be anywhere.
  const postal = readEach(fields, POSTAL_CODE, readPostalCode, 'is no postal code of a state or province');
  return {
    found: [...state.found, ...postal.found.flat()],
    unreadable: state.unreadable ?? postal.unreadable,
  };
}

interface Read<T> {
  readonly found: readonly T[];
  readonly unreadable?: Reason | undefined;
}

/** What the fields of these names say. Blank ones say nothing. */
function readEach<T>(
  fields: readonly Field[],
  names: readonly string[],
  read: (text: string) => T | undefined,
  problem: string,
): Read<T> {
  const given = fields.filter(
    ({ name, value }) => names.includes(normalizeName(name)) && value.trim() !== '',
  );
  const answers = given.map(({ name, value }) => ({ name, answer: read(value.trim()) }));
  const failed = answers.find(({ answer }) => answer === undefined);
  return {
    found: answers.flatMap(({ answer }) => (answer === undefined ? [] : [answer])),
    unreadable: failed && {
      code: TIME_ZONE_UNKNOWN,
      field: failed.name,
      message: `${failed.name} ${problem}`,
    },
  };
}

function readPostalCode(text: string): readonly Region[] | undefined {
  const regions = findPostalRegions(text);
  return regions.length > 0 ? regions : undefined;
}

const toPlace = ({ code, zones }: Region): Place => ({ zones, regions: [code] });

const COUNTRY_NAMES: Readonly<Record<string, string>> = {
  usa: 'US',
  unitedstates: 'US',
  unitedstatesofamerica: 'US',
  canada: 'CA',
};

/** ISO 3166; `US-PR` for a territory of the United States. undefined: it cannot be told. */
function readCountry(text: string): string | undefined {
  const code = COUNTRY_NAMES[normalizeName(text)] ?? text.toUpperCase();
  return findTerritory(code)?.code ?? (isCountry(code) ? code : undefined);
}

const isIn = (region: string, country: string): boolean => region.startsWith(country);

function placeOfCountry(country: string): Place {
  const territory = findRegion(country);
  if (territory) return toPlace(territory);
  const regions = regionsOfCountry(country);
  const zones = regions.length > 0 ? regions.flatMap((each) => each.zones) : findCountryZones(country);
  return { zones, regions: [country] };
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
