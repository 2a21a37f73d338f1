/**
 * Time zones: which names are accepted, and what a clock in a zone shows. The rules come from the tz database of Node.js, through
 * `Intl`; the arithmetic from the Temporal polyfill (docs/list-load-calling-hours.md#time-zones). Pure.
 */

import { Temporal } from 'temporal-polyfill';
import type { ReasonCode } from './reasons.ts';
import type { Reason } from './run.ts';

/** The code of a reason. The ledger keeps it, so it never changes. */
export const TIME_ZONE_UNKNOWN = 'time_zone_unknown' satisfies ReasonCode;

type ReadTimeZone =
  | { readonly zone: string }
  /** It may be any of several zones, so the row's zone is unknown. */
  | { readonly ambiguous: Reason }
  /** It is not a time zone at all. */
  | { readonly invalid: Reason };

/** `EST` is an hour of several countries, and not even of New York in summer. The tz database has a few of them as names. */
const ABBREVIATIONS = [
  /^(?:[A-Z]{1,5}|[a-z]{1,5})$/,
  // Longer ones with one capital are names, such as `Japan` and `Cuba`.
  /^(?:[a-z]{1,3}|[a-z]{3}\d[a-z]{3}|zulu|universal|greenwich)$/i,
];
/** An offset such as `-05:00`, `UTC+2` or `Etc/GMT+5` knows nothing of daylight saving. */
const OFFSET = /^(?:etc\/.*|(?:utc|gmt|uct)? ?[+−-]? ?\d{1,2}(?::?\d{2})?)$/i;

/** @param text the trimmed, non-empty value of a column */
export function readTimeZone(text: string): ReadTimeZone {
  if (isAmbiguous(text)) return { ambiguous: { code: TIME_ZONE_UNKNOWN, message: AMBIGUOUS } };
  if (isTimeZone(text)) return { zone: text };
  const message = isTimeZone(text.replaceAll(' ', '_')) ? `${NO_NAME}, with _ instead of blanks` : NO_NAME;
  return { invalid: { code: 'time_zone_invalid', message } };
}

const AMBIGUOUS = 'an abbreviation or an offset; write a name of the tz database, e.g. America/New_York';
const NO_NAME = 'not a name of the tz database; write e.g. America/New_York';

function isAmbiguous(text: string): boolean {
  return OFFSET.test(text) || ABBREVIATIONS.some((each) => each.test(text));
}

const known = new Map<string, boolean>();

/** Whether the tz database has this name, however it is capitalised. */
export function isTimeZone(name: string): boolean {
  const found = known.get(name);
  if (found !== undefined) return found;
  const isKnown = /^[A-Za-z]/.test(name) && hasZone(name);
  // Rows may have any number of wrong names.
  if (known.size < MAX_REMEMBERED) known.set(name, isKnown);
  return isKnown;
}

const MAX_REMEMBERED = 2_000;

function hasZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** What the clocks of a zone show at a moment. */
interface WallClock {
  /** E.g. `2026-11-29`. */
  readonly date: string;
  /** 0 is Sunday. */
  readonly day: number;
  /** Since midnight by the clock, whatever the clocks did in between: at most 24 hours. */
  readonly msOfDay: number;
  /** Moment at which the clocks are put forward or back next; Infinity: never. In ms since 1970. */
  readonly nextTransition: number;
}

/** @param moment in ms since 1970 */
export function readWallClock(zone: string, moment: number): WallClock {
  const { offset, until } = offsetAt(zone, moment);
  const shown = new Date(moment + offset);
  const date = shown.toISOString().slice(0, 10);
  return {
    date,
    day: shown.getUTCDay(),
    msOfDay: shown.getTime() - Date.parse(date),
    nextTransition: until,
  };
}

interface Offset {
  /** Of the clocks to UTC, in ms. */
  readonly offset: number;
  readonly from: number;
  readonly until: number;
}

const offsets = new Map<string, Offset>();

/** Remembers one period of each zone, because most questions are about the same days. */
function offsetAt(zone: string, moment: number): Offset {
  const remembered = offsets.get(zone);
  if (remembered && remembered.from <= moment && moment < remembered.until) return remembered;
  const time = Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(zone);
  const found = {
    offset: time.offsetNanoseconds / 1e6,
    from: moment,
    until: time.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity,
  };
  offsets.set(zone, found);
  return found;
}
