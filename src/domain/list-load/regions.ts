/**
 * The states of the United States and the provinces of Canada, their time zones, and their postal codes. Sources: 49 CFR
 * Part 71 and the tz database for the zones; the US Postal Service (as CC0 data of zip-state 1.0.3) and Canada Post for the
 * postal codes. The tests compare the zones with those of libphonenumber's area codes. Pure.
 */
import { normalizeName } from '../columns.ts';

export interface Region {
  /** ISO 3166-2, e.g. `US-TX`. */
  readonly code: string;
  readonly name: string;
  /** All time zones of the region. */
  readonly zones: readonly string[];
}

/** A line: code, time zones, name. Zones that have had the same clocks since 2000 are named once. */
const STATES = `
US-AL America/Chicago Alabama
US-AK America/Anchorage,America/Juneau,America/Adak,America/Metlakatla Alaska
US-AZ America/Phoenix,America/Denver Arizona
US-AR America/Chicago Arkansas
US-CA America/Los_Angeles California
US-CO America/Denver Colorado
US-CT America/New_York Connecticut
US-DE America/New_York Delaware
US-DC America/New_York District of Columbia
US-FL America/New_York,America/Chicago Florida
US-GA America/New_York Georgia
US-HI Pacific/Honolulu Hawaii
US-ID America/Boise,America/Los_Angeles Idaho
US-IL America/Chicago Illinois
US-IN America/Indiana/Indianapolis,America/Chicago Indiana
US-IA America/Chicago Iowa
US-KS America/Chicago,America/Denver Kansas
US-KY America/New_York,America/Chicago Kentucky
US-LA America/Chicago Louisiana
US-ME America/New_York Maine
US-MD America/New_York Maryland
US-MA America/New_York Massachusetts
US-MI America/Detroit,America/Menominee Michigan
US-MN America/Chicago Minnesota
US-MS America/Chicago Mississippi
US-MO America/Chicago Missouri
US-MT America/Denver Montana
US-NE America/Chicago,America/Denver Nebraska
US-NV America/Los_Angeles,America/Denver Nevada
US-NH America/New_York New Hampshire
US-NJ America/New_York New Jersey
US-NM America/Denver New Mexico
US-NY America/New_York New York
US-NC America/New_York North Carolina
US-ND America/Chicago,America/Denver North Dakota
US-OH America/New_York Ohio
US-OK America/Chicago Oklahoma
US-OR America/Los_Angeles,America/Boise Oregon
US-PA America/New_York Pennsylvania
US-RI America/New_York Rhode Island
US-SC America/New_York South Carolina
US-SD America/Chicago,America/Denver South Dakota
US-TN America/Chicago,America/New_York Tennessee
US-TX America/Chicago,America/Denver Texas
US-UT America/Denver Utah
US-VT America/New_York Vermont
US-VA America/New_York Virginia
US-WA America/Los_Angeles Washington
US-WV America/New_York West Virginia
US-WI America/Chicago Wisconsin
US-WY America/Denver Wyoming
US-AS Pacific/Pago_Pago American Samoa
US-GU Pacific/Guam Guam
US-MP Pacific/Saipan Northern Mariana Islands
US-PR America/Puerto_Rico Puerto Rico
US-VI America/St_Thomas Virgin Islands
CA-AB America/Edmonton Alberta
CA-BC America/Vancouver,America/Edmonton,America/Creston,America/Fort_Nelson British Columbia
CA-MB America/Winnipeg Manitoba
CA-NB America/Moncton New Brunswick
CA-NL America/St_Johns,America/Goose_Bay Newfoundland and Labrador
CA-NS America/Halifax Nova Scotia
CA-NT America/Inuvik Northwest Territories
CA-NU America/Iqaluit,America/Rankin_Inlet,America/Cambridge_Bay,America/Resolute,America/Atikokan Nunavut
CA-ON America/Toronto,America/Winnipeg,America/Atikokan Ontario
CA-PE America/Halifax Prince Edward Island
CA-QC America/Toronto,America/Halifax,America/Blanc-Sablon Quebec
CA-SK America/Regina,America/Edmonton Saskatchewan
CA-YT America/Whitehorse Yukon
`;

/**
 * The first three digits of ZIP codes: from which on they belong to which states, up to the next entry. `-`: none, or the armed
 * forces and the associated states abroad.
 */
const ZIP_CODES = `
000 -, 005 NY, 006 PR, 008 VI, 009 PR, 010 MA, 028 RI, 030 NH, 039 ME, 050 VT, 055 MA, 056 VT, 060 CT, 063 CT NY, 064 CT,
070 NJ, 090 -, 100 NY, 150 PA, 197 DE, 200 DC, 201 VA, 202 DC, 205 DC MD VA, 206 MD, 220 VA, 247 WV, 269 -, 270 NC, 290 SC,
300 GA, 320 FL, 340 -, 341 FL, 350 AL, 370 TN, 386 MS, 398 GA, 400 KY, 430 OH, 460 IN, 480 MI, 500 IA, 530 WI, 550 MN,
568 DC, 570 SD, 580 ND, 590 MT, 600 IL, 630 MO, 660 KS, 680 NE, 700 LA, 716 AR, 726 AR MO, 727 AR, 730 OK, 733 TX, 734 OK,
739 OK TX, 740 OK, 750 TX, 800 CO, 820 WY, 832 ID, 834 ID WY, 835 ID, 840 UT, 850 AZ, 870 NM, 885 TX, 889 NV, 900 CA,
962 -, 967 HI AS, 968 HI, 969 GU MP, 970 OR, 980 WA, 995 AK
`;

/** First letters of Canadian postal codes. */
const PROVINCE_BY_LETTER: Readonly<Record<string, readonly string[]>> = {
  A: ['NL'],
  B: ['NS'],
  C: ['PE'],
  E: ['NB'],
  G: ['QC'],
  H: ['QC'],
  J: ['QC'],
  K: ['ON'],
  L: ['ON'],
  M: ['ON'],
  N: ['ON'],
  P: ['ON'],
  R: ['MB'],
  S: ['SK'],
  T: ['AB'],
  V: ['BC'],
  X: ['NT', 'NU'],
  Y: ['YT'],
};

export const REGIONS: readonly Region[] = STATES.trim()
  .split('\n')
  .map((line) => {
    const [code = '', zones = '', ...name] = line.split(' ');
    return { code, zones: zones.split(','), name: name.join(' ') };
  });

const BY_CODE = new Map(REGIONS.map((region) => [region.code, region]));

/** By its name or its postal abbreviation, however it is capitalised. No state has the abbreviation of a province. */
const BY_NAME = new Map(
  REGIONS.flatMap((region) => [
    [normalizeName(region.name), region],
    [normalizeName(region.code.slice(3)), region],
  ]),
);

/** In ascending order. */
const ZIP_RANGES = ZIP_CODES.trim()
  .split(/,\s+/)
  .map((entry) => {
    const [from = '', ...states] = entry.split(' ');
    return { from, regions: regionsOf('US', states) };
  });

/** ISO 3166. All that have phone numbers, without the territories of the United States. */
const COUNTRIES = new Set(
  `
AC AD AE AF AG AI AL AM AO AR AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD CF
CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF
GG GH GI GL GM GN GP GQ GR GT GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR
KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MQ MR MS MT MU MV MW MX MY MZ NA NC NE
NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL
SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VN VU WF WS
XK YE YT ZA ZM ZW
`
    .trim()
    .split(/\s/),
);

export function isCountry(code: string): boolean {
  return COUNTRIES.has(code);
}

/** By ISO 3166 they are countries too; here they are regions of the United States, whose rules apply there. */
const TERRITORIES = ['AS', 'GU', 'MP', 'PR', 'VI'];

/** `US-PR` for the country `PR`; undefined for other countries. */
export function findTerritory(country: string): Region | undefined {
  return TERRITORIES.includes(country) ? BY_CODE.get(`US-${country}`) : undefined;
}

/** By its code, e.g. `US-TX`. */
export function findRegion(code: string): Region | undefined {
  return BY_CODE.get(code);
}

/** By a name such as `Texas`, `TX` or `US-TX`, with or without accents. */
export function findState(text: string): Region | undefined {
  const plain = text.normalize('NFD').replaceAll(/\p{M}/gu, '');
  return BY_NAME.get(normalizeName(plain)) ?? BY_CODE.get(text.toUpperCase());
}

/** The regions in which a postal code may be: a ZIP code, with or without its last four digits, or a Canadian postal code. */
export function findPostalRegions(text: string): readonly Region[] {
  // Spreadsheets drop the zeros at the beginning of a number.
  const [, zip] = /^(\d{4,5})(?:-\d{4})?$/.exec(text) ?? [];
  if (zip !== undefined) {
    const prefix = zip.padStart(5, '0').slice(0, 3);
    return ZIP_RANGES.findLast(({ from }) => from <= prefix)?.regions ?? [];
  }
  const [, letter] = /^([A-Z])\d[A-Z](?:[ -]?\d[A-Z]\d)?$/.exec(text.toUpperCase()) ?? [];
  return regionsOf('CA', letter === undefined ? [] : (PROVINCE_BY_LETTER[letter] ?? []));
}

/** Every region of a country. Empty for other countries. */
export function regionsOfCountry(country: string): readonly Region[] {
  return REGIONS.filter(({ code }) => code.startsWith(`${country}-`));
}

function regionsOf(country: string, names: readonly string[]): readonly Region[] {
  return names.flatMap((name) => BY_CODE.get(`${country}-${name}`) ?? []);
}
