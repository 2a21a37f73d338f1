/** When a run sends, and which day it is for the daily limit (docs/email-send-events.md#dates). Pure. */
import { Temporal } from 'temporal-polyfill';
import { isTimeZone, readTimeZone, readWallClock } from '../time-zones.ts';
import { toUtcTimestamp } from '../timestamps.ts';

export type SendAt =
  | {
      /** ISO 8601, UTC. */
      readonly at: string;
      /**
       * `once`: the clock shows this time once, as it nearly always does. `skipped`: it never does, because the clocks are put
       * forward; `at` is as much later as they are. `twice`: it does so twice, because they are put back; `at` is the earlier.
       */
      readonly clock: 'once' | 'skipped' | 'twice';
    }
  /** What is wrong, and what to write. */
  | { readonly problem: string };

/** What a run waits for at most. A later moment is most likely a year with a typing error. */
const MAX_DAYS_AHEAD = 366;

const LOCAL = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(.*)$/;
const OFFSET = /^ ?(Z|[+-]\d{2}(?::?\d{2})?)$/;
const ZONE = /^(?: +([^\s[\]]+)|\[([^\s[\]]+)\])$/;
const HOW = 'write e.g. 2026-12-01T09:00+01:00, 2026-12-01T08:00Z or "2026-12-01T09:00 Europe/Berlin"';

/**
 * Date and time with `Z`, an offset, or the name of a time zone. A time without any would be the time of nobody knows where.
 * @param now in ms since 1970, if a run is to wait for the moment
 */
export function readSendAt(text: string, now?: number): SendAt {
  const read = readMoment(text);
  const isTooLate =
    now !== undefined && 'at' in read && Date.parse(read.at) - now > MAX_DAYS_AHEAD * 24 * 60 * 60_000;
  return isTooLate ? { problem: `is more than ${MAX_DAYS_AHEAD} days from now; start the run later` } : read;
}

function readMoment(text: string): SendAt {
  const [, date, time, place = ''] = LOCAL.exec(text.trim()) ?? [];
  if (date === undefined || time === undefined) return { problem: `is not a date with a time; ${HOW}` };
  if (toUtcTimestamp(`${date}T${time}Z`) === null)
    return { problem: `is a date or a time that does not exist; ${HOW}` };
  if (place.trim() === '') return { problem: `says no time zone; ${HOW}` };
  const offset = OFFSET.exec(place)?.[1];
  if (offset !== undefined) return readWithOffset(`${date}T${time}${offset}`);
  const match = ZONE.exec(place);
  const zone = match?.[1] ?? match?.[2];
  if (zone === undefined) return { problem: `has a time zone that cannot be read; ${HOW}` };
  if (zone.toUpperCase() === 'UTC') return readWithOffset(`${date}T${time}Z`);
  const read = readTimeZone(zone);
  if ('zone' in read) return readInZone(`${date}T${time}`, read.zone);
  const { message } = 'invalid' in read ? read.invalid : read.ambiguous;
  return { problem: `has a time zone that is ${message ?? 'unknown'}` };
}

function readWithOffset(text: string): SendAt {
  const at = toUtcTimestamp(text);
  return at === null
    ? { problem: `has an offset of a time zone that does not exist; ${HOW}` }
    : { at, clock: 'once' };
}

function readInZone(local: string, zone: string): SendAt {
  const time = Temporal.PlainDateTime.from(local);
  // What `compatible` means: the earlier of two, and in a gap as much later as the clocks are put forward.
  const [earlier, later] = (['compatible', 'later'] as const).map((disambiguation) =>
    time.toZonedDateTime(zone, { disambiguation }),
  );
  if (!earlier || !later) throw new Error('two readings of a local time');
  const at = toUtcTimestamp(earlier.toInstant().toString());
  if (at === null) return { problem: `is a date that is out of range; ${HOW}` };
  if (!earlier.toPlainDateTime().equals(time)) return { at, clock: 'skipped' };
  return { at, clock: earlier.equals(later) ? 'once' : 'twice' };
}

/**
 * The day on which the moment is in the time zone, e.g. `2026-12-01`.
 * @param moment in ms since 1970
 * @param zone a name of the tz database; throws if it is none
 */
export function dayOf(moment: number, zone: string): string {
  return readWallClock(assertTimeZone(zone), moment).date;
}

/** The first moment of the first day after that of `moment`: midnight, or later where the clocks skip it. In ms since 1970. */
export function startOfNextDay(moment: number, zone: string): number {
  const today = Temporal.PlainDate.from(dayOf(moment, zone));
  for (let days = 1; ; days += 1) {
    const start = today.add({ days }).toZonedDateTime(zone).epochMilliseconds;
    // A day may be missing as a whole, and at the date line a day may come twice.
    if (start > moment) return start;
  }
}

function assertTimeZone(zone: string): string {
  if (!isTimeZone(zone)) throw new RangeError('not a name of the tz database; write e.g. America/New_York');
  return zone;
}
