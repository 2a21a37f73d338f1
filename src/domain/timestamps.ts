/** Points in time as people write them, made one form. Pure: "now" is an argument wherever it matters. */

const DATE = String.raw`(\d{4}-\d{2}-\d{2})`;
const TIME = String.raw`([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?`;
const OFFSET = String.raw`(Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)`;
const TIMESTAMP = new RegExp(`^${DATE}(?:T${TIME}${OFFSET})?$`);

export const MS_PER_DAY = 86_400_000;

/**
 * ISO 8601: a bare date (midnight UTC), or a date, `T`, a time and `Z` or an offset, to
 * `2024-11-01T09:15:00.000Z`. Anything else is null: a local time without offset names no moment, and
 * 2024-02-30 is no day. Fractions finer than a millisecond are cut. Source: decisions.md 3.
 */
export function toUtcTimestamp(text: string): string | null {
  const match = TIMESTAMP.exec(text);
  if (!match) return null;
  const [, date, hour = '00', minute = '00', second = '00', fraction = '', offset = 'Z'] = match;
  const ms = fraction.slice(0, 3).padEnd(3, '0');
  const wallClock = new Date(`${date}T${hour}:${minute}:${second}.${ms}Z`);
  // Date takes 30 February for 1 March, or for nothing, depending on the engine: only a round trip is a day.
  if (Number.isNaN(wallClock.getTime()) || !wallClock.toISOString().startsWith(`${date}T`)) return null;
  const utc = new Date(wallClock.getTime() - offsetMinutes(offset) * 60_000).toISOString();
  return utc.length === 24 ? utc : null; // an offset can lead out of the years 0000 to 9999
}

function offsetMinutes(offset: string): number {
  if (offset === 'Z') return 0;
  const digits = offset.replaceAll(/\D/g, '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return offset.startsWith('-') ? -minutes : minutes;
}
