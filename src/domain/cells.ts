/**
 * Keeps spreadsheets from running cells of exported files as formulas (docs/adr/0013-sources-and-files.md#exported-files).
 * Pure.
 */

/** What a spreadsheet would run as a formula (ASVS 1.2.10), with any number of quotes added by us. */
const FORMULA = /^'*[=+\-@\t\r]/;
const QUOTED_FORMULA = /^'+[=+\-@\t\r]/;
/** Phone numbers in E.164 and plain numbers are harmless, and people want to sort and dial them. */
const HARMLESS = /^[+-]?\d+(?:\.\d+)?$/;

/** Puts a `'` before a formula, and another one before an escaped formula: unescapeFormula restores any value. */
export function escapeFormula(value: string): string {
  return FORMULA.test(value) && !HARMLESS.test(value) ? `'${value}` : value;
}

/** Removes the `'` of escapeFormula, or the one with which people keep spreadsheets from converting `+1…`. */
export function unescapeFormula(value: string): string {
  return QUOTED_FORMULA.test(value) ? value.slice(1) : value;
}
