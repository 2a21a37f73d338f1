/** Cells of the files that we write, made harmless for spreadsheets, and back (decisions.md 6). Pure. */

/**
 * A cell that a spreadsheet would run as a formula, with any number of our own quotes before it. Source:
 * ASVS 1.2.10.
 */
const FORMULA = /^'*[=+\-@\t\r]/;
const QUOTED_FORMULA = /^'+[=+\-@\t\r]/;
/** Exactly E.164, or a plain number: spreadsheets show them, and people want to sort and dial them. */
const HARMLESS = /^[+-]?\d+(?:\.\d+)?$/;

/**
 * Puts a `'` before a formula character. A value that already is quotes and a formula character gets one
 * more, so that `unescapeFormula(escapeFormula(x)) === x` for every x.
 */
export function escapeFormula(value: string): string {
  return FORMULA.test(value) && !HARMLESS.test(value) ? `'${value}` : value;
}

/** Takes one `'` off again where `escapeFormula` (or a spreadsheet's user, to keep `+1…` as text) has put it. */
export function unescapeFormula(value: string): string {
  return QUOTED_FORMULA.test(value) ? value.slice(1) : value;
}
