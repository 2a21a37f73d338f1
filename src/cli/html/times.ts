/** Moments in a file that travels: always UTC, for its reader sits anywhere. Pure. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** `2026-03-01 14:05:09 UTC` */
export function momentOf(at: Date | number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** As short as the span of an axis (ms) allows: `14:05:09.5`, `14:05:09`, `14:05`, `03-01 14:05`. */
export function clockOf(at: number, spanMs: number): string {
  const text = new Date(at).toISOString();
  if (spanMs < 8 * SECOND) return text.slice(11, 21);
  if (spanMs < 20 * MINUTE) return text.slice(11, 19);
  return spanMs < DAY ? text.slice(11, 16) : text.slice(5, 16).replace('T', ' ');
}

/** Widths that a reader can think in. */
const WIDTHS_MS = [
  100, 200, 500, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600,
].map((width, i) => (i < 3 ? width : width * SECOND));

/** The least width of which at most `most` cover the span. */
export function bucketWidthMs(spanMs: number, most: number): number {
  return WIDTHS_MS.find((width) => spanMs / width <= most) ?? Math.ceil(spanMs / most / DAY) * DAY;
}
