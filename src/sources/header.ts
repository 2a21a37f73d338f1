/** The header of a source with columns: the names in its first row. */
import { isBlank } from '../domain/invisible.ts';
import { formatCount, plural } from '../domain/numbers.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { SourceError } from './errors.ts';

const HEADER_ADVICE =
  'Add a first line with the names of the columns, e.g. contactId,phone,consentTimestamp,optInStatus';

export interface HeaderPlace {
  /** The source, for messages. */
  readonly name: string;
  /** Where the header is, for messages, e.g. `line 1`. */
  readonly place: string;
  /** 1-based. */
  readonly line: number;
  readonly limits: SourceLimits;
}

/**
 * The names of the columns. One without a name gets one, so that a trailing delimiter does no harm and no cell is lost. Throws
 * SourceError if the cells cannot be a header.
 * @param cells without surrounding blanks
 */
export function readColumns(header: HeaderPlace, cells: readonly string[]): readonly string[] {
  const { name, place, line, limits } = header;
  if (cells.length > limits.maxColumns) throw tooManyColumns(header, cells.length);
  if (cells.every((cell) => cell === '')) {
    const what = 'should name the columns, but it names no column';
    throw new SourceError('source_no_header', `${name}: ${place} ${what}. ${HEADER_ADVICE}`, { line });
  }
  if (looksLikeRow(cells)) {
    const what =
      'looks like a row, not like a header: it has a date, an address, an opt-in status or a long number';
    throw new SourceError('source_no_header', `${name}: ${place} ${what}. ${HEADER_ADVICE}`, { line });
  }
  const names = cells.map((cell, index) => cell || `column_${index + 1}`);
  const seen = new Set<string>();
  const repeated = names.findIndex((column) => seen.size === seen.add(column).size);
  if (repeated < 0) return names;
  // Named by their positions: the names could be personal data if the line is not a header after all.
  const places = `columns ${names.indexOf(names[repeated] ?? '') + 1} and ${repeated + 1}`;
  const what = `names a column twice: ${places} have the same name`;
  const message = `${name}: ${place} ${what}. Rename or remove one of them`;
  throw new SourceError('source_duplicate_column', message, { line });
}

/** The row of a source as its cells, which are as they are written. */
export interface HeaderRow {
  /** 1-based. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** Reports have a title, a date and the name of a filter above their header, seldom more. */
export const MOST_TITLE_ROWS = 10;

/**
 * Throws SourceError if there is the title of a report where the header should be: rows with one cell only, above one that looks
 * like a header. Rows without a value do not count.
 * @param unit what the rows of this source are called
 * @param rows the first ones of the source
 */
export function refuseTitle(
  { name, place, line }: HeaderPlace,
  unit: 'line' | 'row',
  rows: readonly HeaderRow[],
): void {
  const filled = rows
    .map((row) => ({
      line: row.line,
      cells: row.cells.filter((cell) => !isBlank(cell)),
    }))
    .filter(({ cells }) => cells.length > 0);
  const at = filled.findIndex(({ cells }) => cells.length > 1);
  const header = filled[at];
  if (
    at < 1 ||
    header === undefined ||
    header.cells.length < 3 ||
    looksLikeRow(header.cells.map((cell) => cell.trim()))
  )
    return;
  const what = `${place} looks like a title: it has text in one cell only, and ${unit} ${header.line} looks like the header`;
  const message = `${name}: ${what}. Remove what is above ${unit} ${header.line}`;
  throw new SourceError('source_no_header', message, { line });
}

function tooManyColumns({ name, place, line, limits }: HeaderPlace, found: number): SourceError {
  const { maxColumns } = limits;
  const what = `${name}: ${place} names ${plural(found, 'column')}, but only ${formatCount(maxColumns)} are allowed`;
  const advice = 'Check that it is a header. Leave columns out, or raise CXFLOW_MAX_COLUMNS';
  return new SourceError('source_too_many_columns', `${what}. ${advice}`, { line });
}

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
