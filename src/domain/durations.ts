/** Durations as people write them. Pure. */
import { MS_PER_DAY } from './timestamps.ts';

/** The same grammar as `ms`, which Temporal uses for the timer. */
const DURATION =
  /^(\d{1,12}(?:\.\d{1,6})?) {0,9}(ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)$/;
const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: MS_PER_DAY,
  w: 7 * MS_PER_DAY,
};
/** Longer than anybody waits, and small enough for every timer and date. */
const MAX_DURATION_DAYS = 3_650;

/** In milliseconds, or what is wrong with it. */
export function parseDuration(value: unknown): number | string {
  const [, amount, unit = ''] = (typeof value === 'string' && DURATION.exec(value)) || [];
  if (amount === undefined) return 'must be a duration such as "3 days" or "12h"';
  const ms = Number(amount) * (MS_PER_UNIT[unit] ?? MS_PER_UNIT[unit.charAt(0)] ?? Infinity);
  return ms <= MAX_DURATION_DAYS * MS_PER_DAY ? ms : `must be at most ${MAX_DURATION_DAYS} days`;
}
