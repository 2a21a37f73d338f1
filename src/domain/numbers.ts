/** Numbers and rates in the form that people read. Pure. */
const COUNT = new Intl.NumberFormat('en-GB');

/** `12,345` */
export function formatCount(n: number): string {
  return COUNT.format(n);
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
