/**
 * Calling hours: when people may be called, as data that a team keeps for itself, with the source of every rule. cxflow brings no
 * rules: what it does with them is an engineering default, not legal advice (docs/list-load-calling-hours.md). Pure.
 */

import { type Check, checkObject, listOf, nonEmptyText, problem, repetitions } from '../checks.ts';
import { isObject, type JsonProblem } from '../json.ts';
import { toUtcTimestamp } from '../timestamps.ts';
import { findRegion, findTerritory, isCountry } from './regions.ts';

export const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
export type Day = (typeof DAYS)[number];

/** Hours of some days, by the clock where the person is. */
export interface CallingWindow {
  /** Default: every day. */
  readonly days?: readonly Day[];
  /** `HH:MM`, included. */
  readonly from: string;
  /** `HH:MM`, not included; `24:00` is the end of the day. */
  readonly to: string;
}

/** The hours of a region from a date on, until a newer entry of the same region takes effect. */
export interface RegionHours {
  /** A country, or a state or province of the United States or Canada, by ISO 3166: `GB`, `US`, `US-FL`. */
  readonly region: string;
  /** `YYYY-MM-DD`, by the clock where the person is. */
  readonly effective: string;
  /** Where the rule comes from, e.g. a statute. For people. */
  readonly source: string;
  readonly windows: readonly CallingWindow[];
}

export interface CallingHours {
  /** Its hours hold for every person whose region, or whose country, has none of its own. */
  readonly defaultRegion: string;
  readonly regions: readonly RegionHours[];
}

/** More than there are countries and states, each with some changes; little enough to be part of a run's input. */
const MAX_REGIONS = 200;
const MAX_WINDOWS = 21;

/** The hours, or every problem with them, each a sentence that begins with its position: `callingHours.regions[2].region`. */
export function readCallingHours(
  value: unknown,
  path = 'callingHours',
): { readonly hours: CallingHours } | { readonly problems: readonly string[] } {
  const problems = callingHoursProblems(value, path).map((each) => `${each.path} ${each.message}`);
  // What has no problems has the shape, and nothing that is unknown.
  return problems.length > 0 ? { problems } : { hours: value as CallingHours };
}

/** `callingHours` of an input. */
export function callingHoursProblems(value: unknown, path: string): JsonProblem[] {
  if (!isObject(value)) return problem(path, 'must be one JSON object with defaultRegion and regions');
  const regions: readonly unknown[] = Array.isArray(value.regions) ? value.regions : [];
  const isThere = (region: unknown) => regions.some((each) => isObject(each) && each.region === region);
  const defaultRegion: Check = (region, at) => {
    if (typeof region !== 'string') return problem(at, 'must be the region whose hours hold for all others');
    return isThere(region) ? [] : problem(at, 'is the region of no entry of regions');
  };
  return checkObject({ defaultRegion, regions: checkRegions }, ['defaultRegion', 'regions'])(value, path);
}

function checkRegions(value: unknown, path: string): JsonProblem[] {
  const problems = listOf(checkRegion, MAX_REGIONS)(value, path);
  if (!Array.isArray(value) || value.length > MAX_REGIONS) return problems;
  return [...problems, ...sameHours(value, path)];
}

function checkRegion(value: unknown, path: string): JsonProblem[] {
  if (!isObject(value)) return problem(path, 'must be {"region", "effective", "source", "windows"}');
  const source = nonEmptyText('must say where the rule comes from');
  const checks = { region: checkCode, effective: checkDate, source, windows: checkWindows };
  return checkObject(checks, Object.keys(checks))(value, path);
}

/** Hours of a region that no record can be in would be ignored without a word. */
function checkCode(region: unknown, path: string): JsonProblem[] {
  const code = typeof region === 'string' ? region : '';
  const territory = findTerritory(code);
  if (territory) return problem(path, `must be ${territory.code}`);
  if (findRegion(code) || isCountry(code)) return [];
  const hint = code.toUpperCase() === 'UK' ? '; the United Kingdom is GB' : '';
  return problem(
    path,
    `must be the ISO 3166 code of a country (GB) or of a state of the US or Canada (US-FL)${hint}`,
  );
}

function checkDate(value: unknown, path: string): JsonProblem[] {
  const isDate = typeof value === 'string' && value.length === 10 && toUtcTimestamp(value) !== null;
  return isDate ? [] : problem(path, 'must be the date from which it holds, e.g. 2026-01-31');
}

function checkWindows(value: unknown, path: string): JsonProblem[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_WINDOWS)
    return problem(path, `must be a list of 1 to ${MAX_WINDOWS} windows`);
  return listOf(checkWindow, MAX_WINDOWS)(value, path);
}

function checkWindow(value: unknown, path: string): JsonProblem[] {
  if (!isObject(value)) return problem(path, 'must be {"days", "from", "to"}');
  const problems = checkObject({ days: checkDays, from: checkStart, to: checkEnd }, ['from', 'to'])(
    value,
    path,
  );
  const [start, end] = [readTime(value.from), readTime(value.to)];
  if (start === null || end === null || start < end) return problems;
  return [...problems, ...problem(`${path}.to`, 'must be after from; split a window over midnight in two')];
}

function checkStart(value: unknown, path: string): JsonProblem[] {
  const start = readTime(value);
  const isStart = start !== null && start < MINUTES_PER_DAY;
  return isStart ? [] : problem(path, 'must be a time by a 24-hour clock, e.g. 08:00');
}

function checkEnd(value: unknown, path: string): JsonProblem[] {
  return readTime(value) === null ? problem(path, 'must be a time by a 24-hour clock, e.g. 21:00') : [];
}

function checkDays(value: unknown, path: string): JsonProblem[] {
  if (!Array.isArray(value) || value.length === 0)
    return problem(path, 'must be a list of days; leave it out for every day');
  const problems = listOf(checkDay, DAYS.length)(value, path);
  return value.length > DAYS.length ? problems : [...problems, ...repetitions(value, path)];
}

function checkDay(value: unknown, path: string): JsonProblem[] {
  return DAYS.includes(value as Day) ? [] : problem(path, `must be one of ${DAYS.join(', ')}`);
}

/** Of two entries of one region and date, nobody could say which holds. */
function sameHours(regions: readonly unknown[], path: string): JsonProblem[] {
  const keys = regions.map((each) =>
    isObject(each) ? `${String(each.region)} ${String(each.effective)}` : null,
  );
  return keys.flatMap((key, index) => {
    const first = keys.indexOf(key);
    if (key === null || first === index) return [];
    return problem(`${path}[${index}]`, `has the region and the date of regions[${first}]`);
  });
}

const MINUTES_PER_DAY = 24 * 60;

/** Minutes since midnight; null: it is no time. */
function readTime(value: unknown): number | null {
  const match = typeof value === 'string' ? /^(\d{2}):([0-5]\d)$/.exec(value) : null;
  const minutes = match ? Number(match[1]) * 60 + Number(match[2]) : null;
  return minutes !== null && minutes <= MINUTES_PER_DAY ? minutes : null;
}

/** A window in ms since midnight. */
export interface OpenHours {
  readonly from: number;
  readonly to: number;
}

/**
 * When people of a region may be called on a day: by the newest entry of the region that is in effect then, otherwise by that of
 * its country, otherwise by that of the default region. Empty: not at all.
 * @param date `YYYY-MM-DD`
 * @param day of the week, 0 is Sunday
 * @param region null: unknown
 */
export function hoursOn(
  hours: CallingHours,
  region: string | null,
  date: string,
  day: number,
): readonly OpenHours[] {
  const chain = [...(region === null ? [] : [region, region.slice(0, 2)]), hours.defaultRegion];
  for (const name of chain) {
    const entry = inEffect(hours, name, date);
    if (entry) return entry.windows.filter(({ days }) => isOn(days, day)).map(toOpenHours);
  }
  return [];
}

function inEffect(hours: CallingHours, region: string, date: string): RegionHours | undefined {
  return hours.regions
    .filter((each) => each.region === region && each.effective <= date)
    .sort((a, b) => (a.effective < b.effective ? 1 : -1))[0];
}

const isOn = (days: readonly Day[] | undefined, day: number): boolean =>
  days?.some((each) => DAYS[day] === each) ?? true;

const toOpenHours = ({ from, to }: CallingWindow): OpenHours => ({
  from: (readTime(from) ?? 0) * 60_000,
  to: (readTime(to) ?? 0) * 60_000,
});
