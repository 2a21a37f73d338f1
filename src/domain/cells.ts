/**
 * Keeps spreadsheets from running cells of exported files as formulas (docs/adr/0013-sources-and-files.md#exported-files).
 * Pure.
 */

/** What a spreadsheet would run as a formula (ASVS 1.2.10), with any number of quotes added by us; digits that have one. */
const FORMULA = /^'*[=+\-@\t\r]|^'+\d+$/;
const QUOTED_FORMULA = /^'+(?:[=+\-@\t\r]|\d+$)/;
/** `="00123"`, with which programs and people keep spreadsheets from converting the text. */
const TEXT_FORMULA = /^="([^"]*)"$/;
/** Phone numbers in E.164 and plain numbers are harmless, and people want to sort and dial them. */
const HARMLESS = /^[+-]?\d+(?:\.\d+)?$/;

/** Puts a `'` before a formula, and another one before an escaped formula: unescapeFormula restores any value. */
export function escapeFormula(value: string): string {
  return FORMULA.test(value) && !HARMLESS.test(value) ? `'${value}` : value;
}

/** Removes the `'` of escapeFormula, or that with which people keep spreadsheets from converting `+1…` or `00123`. */
export function unescapeFormula(value: string): string {
  return QUOTED_FORMULA.test(value) ? value.slice(1) : (TEXT_FORMULA.exec(value)?.[1] ?? value);
}
