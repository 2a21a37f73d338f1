/** Numbers and rates in the form that people read. Pure. */
const COUNT = new Intl.NumberFormat('en-GB');

/** `12,345` */
export function formatCount(n: number): string {
  return COUNT.format(n);
}

/** `1 record`, `2 records`; with a verb: `1 row shares`, `2 rows share`. `words` need not be given where the rule makes them. */
export function plural(n: number, word: string, words = toPlural(word)): string {
  return `${formatCount(n)} ${n === 1 ? word : words}`;
}

function toPlural(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}

/**
 * In percent, two decimals; null of nothing. Never rounded up to 100 or down to 0, so that neither hides a single record
 * among millions.
 */
export function percentOf(part: number, whole: number): number | null {
  if (whole === 0) return null;
  const percent = twoDecimals((part / whole) * 100);
  return part > 0 && part < whole ? Math.min(99.99, Math.max(0.01, percent)) : percent;
}

export function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100;
}

/** A whole number beyond 2^53: JSON.parse may have changed its last digits. */
export function isRounded(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** For a file in which everything is text: in a form that is never taken for all digits of the number. */
export function toRoundedText(value: number): string {
  return value.toExponential();
}

/** Whether a text is a number of toRoundedText. */
export function isRoundedText(text: string): boolean {
  return /^-?\d(?:\.\d+)?e\+(?:1[5-9]|[2-9]\d|\d{3})$/.test(text);
}
