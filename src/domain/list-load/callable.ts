/** Whether somebody may be called at a moment, and if not, from when on (docs/list-load-calling-hours.md). Pure. */
import type { Reason } from '../run.ts';
import { readWallClock } from '../time-zones.ts';
import { MS_PER_DAY } from '../timestamps.ts';
import { type CallingHours, hoursOn } from './calling-hours.ts';
import { OUTSIDE_CALLING_HOURS } from './hours-codes.ts';
import type { ListItem } from './items.ts';
import type { Place } from './phone-zones.ts';
import { findWhereabouts } from './whereabouts.ts';

export type CallAnswer =
  | { readonly kind: 'callable' }
  /** Outside their hours. `at` is the first moment at which they may be called: ISO 8601, UTC. */
  | { readonly kind: 'not_before'; readonly at: string }
  /** Nobody can say, so they are not called until somebody has decided. */
  | { readonly kind: 'unknown'; readonly reason: Reason };

/** Hours that have no common moment in so many days are not waited for. */
const MAX_DAYS_AHEAD = 31;

const NO_COMMON_HOURS: Reason = {
  code: OUTSIDE_CALLING_HOURS,
  message: `no hour of the next ${MAX_DAYS_AHEAD} days is permitted wherever the person may be`,
};

/**
 * Answers for any number of records at one moment. Who may be in several time zones or regions may be called when the hours of
 * each region permit it by the clock of each zone.
 */
export function createCallCheck(
  hours: CallingHours,
  now: Date,
): (item: Pick<ListItem, 'fields'>) => CallAnswer {
  const answers = new Map<string, CallAnswer>();
  return ({ fields }) => {
    const place = findWhereabouts(fields);
    if ('unknown' in place) return { kind: 'unknown', reason: place.unknown };
    const key = [...place.zones, ...place.regions].join();
    const answer = answers.get(key) ?? answerFor(hours, place, now.getTime());
    answers.set(key, answer);
    return answer;
  };
}

function answerFor(hours: CallingHours, place: Place, now: number): CallAnswer {
  const first = findFirstMoment(hours, place, now);
  if (first === now) return { kind: 'callable' };
  if (first === null) return { kind: 'unknown', reason: NO_COMMON_HOURS };
  return { kind: 'not_before', at: new Date(first).toISOString() };
}

/** The first permitted moment, `now` or later; null: none in MAX_DAYS_AHEAD days. In ms since 1970. */
export function findFirstMoment(hours: CallingHours, place: Place, now: number): number | null {
  const regions = place.regions.length > 0 ? place.regions : [null];
  const checks = place.zones.flatMap((zone) => regions.map((region) => ({ zone, region })));
  for (let moment = now; moment <= now + MAX_DAYS_AHEAD * MS_PER_DAY; ) {
    const next = Math.max(...checks.map(({ zone, region }) => earliest(hours, region, zone, moment)));
    if (next === moment) return moment;
    moment = next;
  }
  return null;
}

/**
 * `moment` if the hours of the region permit a call then by the clock of the zone; otherwise a later moment, before which they
 * permit none: when the next window opens, the day ends, or the clock is changed, whichever is first.
 */
function earliest(hours: CallingHours, region: string | null, zone: string, moment: number): number {
  const { date, day, msOfDay, nextTransition } = readWallClock(zone, moment);
  const windows = hoursOn(hours, region, date, day);
  if (windows.some(({ from, to }) => from <= msOfDay && msOfDay < to)) return moment;
  const openings = windows.map(({ from }) => from).filter((from) => from > msOfDay);
  return Math.min(moment + Math.min(MS_PER_DAY, ...openings) - msOfDay, nextTransition);
}
