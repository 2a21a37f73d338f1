/** Timestamps in one form, however people write them. Pure: the current time is an argument where it matters. */

const DATE = String.raw`(\d{4}-\d{2}-\d{2})`;
const TIME = String.raw`([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?`;
const OFFSET = String.raw`(Z|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)`;
const TIMESTAMP = new RegExp(`^${DATE}(?:[T ]${TIME} ?${OFFSET})?$`);

export const MS_PER_DAY = 86_400_000;

/** How far the clock of another machine may be ahead of ours. A timestamp within this limit is not in the future. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/**
 * The range of every date that cxflow takes. The ledger can store all of it, and no living person has decided anything outside it.
 * Exports write 0000-01-01, 0001-01-01 or 1899-12-30 where they have no date.
 */
export const EARLIEST_TIMESTAMP = '1900-01-01T00:00:00.000Z';
export const LATEST_TIMESTAMP = '9999-12-31T23:59:59.999Z';

/**
 * Converts ISO 8601 to the form `2024-11-01T09:15:00.000Z`: a date (midnight UTC), or date, `T` or a blank (as SQL
 * exports write it), time and `Z`, `UTC` or an offset.
 * Digits beyond milliseconds are dropped. null: anything else, such as a local time without an offset, 2024-02-30, or a date
 * outside the range (docs/adr/0013-sources-and-files.md#dates).
 */
export function toUtcTimestamp(text: string): string | null {
  const match = TIMESTAMP.exec(text);
  if (!match) return null;
  const [, date, hour = '00', minute = '00', second = '00', fraction = '', offset = 'Z'] = match;
  const ms = fraction.slice(0, 3).padEnd(3, '0');
  const wallClock = new Date(`${date}T${hour}:${minute}:${second}.${ms}Z`);
  // Depending on the engine, Date accepts 30 February as 1 March. Only a date that survives the round trip exists.
  if (Number.isNaN(wallClock.getTime()) || !wallClock.toISOString().startsWith(`${date}T`)) return null;
  const utc = new Date(wallClock.getTime() - offsetMinutes(offset) * 60_000).toISOString();
  // An offset may lead past the year 9999, which toISOString writes in a longer form.
  return utc.length === 24 && utc >= EARLIEST_TIMESTAMP ? utc : null;
}

function offsetMinutes(offset: string): number {
  if (offset === 'Z' || offset === 'UTC') return 0;
  const digits = offset.replaceAll(/\D/g, '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return offset.startsWith('-') ? -minutes : minutes;
}

/** What a text that is no timestamp seems to be instead, and what to write, as a message. Never contains the text. */
export function describeNoTimestamp(text: string): string {
  const found = NO_TIMESTAMPS.find(([pattern]) => pattern.test(text))?.[1];
  return `${found === undefined ? '' : `${found}; `}write 2024-11-01 or 2024-11-01T09:15:00Z`;
}

const NO_TIMESTAMPS: readonly (readonly [RegExp, string])[] = [
  [/^[+-]?\d+(?:[.,]\d+)?e\+?\d+$/i, 'a number that a spreadsheet has shortened, so that digits are lost'],
  [
    /^[2-6]\d{4}(?:[.,]\d+)?$/,
    'the number of a day, as spreadsheets store dates: format the column as a date',
  ],
  [/^\d{15,19}$/, 'micro- or nanoseconds without a format'],
  [/^\d{12,13}$/, 'milliseconds since 1970 without a format'],
  [/^\/?Date\(-?\d+/, 'milliseconds since 1970, as .NET writes them'],
  [/^\d{8}$/, 'a date without hyphens'],
  [/^\d{4}[./]\d{1,2}[./]\d{1,2}/, 'a date with other signs than hyphens'],
  [
    /^\d{4}-\d{2}-\d{2}(?!.*(?:Z|UTC)$).{2,}\p{L}/u,
    'a time with something else than Z or an offset such as +01:00',
  ],
  [/\d.*\p{L}{3,}|\p{L}{3,}.*\d/u, 'a date in words'],
  [/^#+$/, 'a date in a cell that was too narrow: widen the column before you save'],
  [/^\d{9,10}(?:[.,]\d+)?$/, 'seconds since 1970 without a format'],
  [/^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b/, 'day and month cannot be told apart'],
  [
    /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?$/,
    'a local time without Z or an offset such as +01:00',
  ],
];
