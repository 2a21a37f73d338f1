/** Is the first line of a CSV its header, or a row already? */

const ISO_DATE = /^\d{4}-\d{2}-\d{2}/;
const STATUS = /^(?:confirmed|pending)$/i;
/** A phone number in any spelling has so many; the name of a column hardly ever. */
const DIGITS_OF_A_VALUE = 7;

/**
 * One cell that no column would be called is enough: cells that are taken for the names of columns turn up in messages,
 * and a person must not.
 */
export function looksLikeRow(cells: readonly string[]): boolean {
  return cells.some(
    (cell) =>
      cell.includes('@') || ISO_DATE.test(cell) || STATUS.test(cell) || digitsOf(cell) >= DIGITS_OF_A_VALUE,
  );
}

function digitsOf(cell: string): number {
  return cell.replaceAll(/\D/g, '').length;
}
