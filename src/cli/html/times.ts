/** Times in a file that is passed on: always UTC, because its reader may be in any time zone. Pure. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** `2026-03-01 14:05:09 UTC` */
export function formatUtc(at: Date | number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** As short as the span of the axis in ms allows: `14:05:09.5`, `14:05:09`, `14:05`, `03-01 14:05`. */
export function formatTick(at: number, spanMs: number): string {
  const text = new Date(at).toISOString();
  if (spanMs < 8 * SECOND) return text.slice(11, 21);
  if (spanMs < 20 * MINUTE) return text.slice(11, 19);
  return spanMs < DAY ? text.slice(11, 16) : text.slice(5, 16).replace('T', ' ');
}
