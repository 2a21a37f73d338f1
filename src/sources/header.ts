const ISO_DATE = /^\d{4}-\d{2}-\d{2}/;
const STATUS = /^(?:confirmed|pending)$/i;
/** Phone numbers have at least this many digits, names of columns hardly ever. */
const MIN_DIGITS_OF_VALUE = 7;

/**
 * Is the first line of a CSV source a row rather than its header? One cell that cannot be the name of a column is enough,
 * because names of columns appear in messages, where personal data must not.
 */
export function looksLikeRow(cells: readonly string[]): boolean {
  return cells.some(
    (cell) =>
      cell.includes('@') ||
      ISO_DATE.test(cell) ||
      STATUS.test(cell) ||
      countDigits(cell) >= MIN_DIGITS_OF_VALUE,
  );
}

function countDigits(cell: string): number {
  return cell.replaceAll(/\D/g, '').length;
}
