/** Reads the header of a CSV source, and its records as rows. */
import { unescapeFormula } from '../domain/cells.ts';
import { isBlank } from '../domain/invisible.ts';
import { plural } from '../domain/numbers.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { SourceError } from './errors.ts';
import { emptySource } from './first-block.ts';
import { type HeaderPlace, type HeaderRow, MOST_TITLE_ROWS, readColumns, refuseTitle } from './header.ts';
import type { RawRecord } from './records.ts';
import { brokenRow, decodeRecord, fieldTooLarge, isReservedColumn, type SourceRow } from './rows.ts';

/** If two are equally frequent, the earlier one wins. */
const DELIMITERS = [',', ';', '\t', '|'] as const;

export interface CsvReader {
  readonly columns: readonly string[];
  /** null: the row has no value in any cell, as spreadsheets leave where rows were deleted. It is no record. */
  read(record: RawRecord): SourceRow | null;
}

/** The most frequent delimiter of the header line, outside quotes. A comma if there is none. */
export function detectDelimiter(block: Buffer): string {
  const text = block.toString('latin1').trimStart();
  const [header = ''] = /^(?:"[^"]*(?:"|$)|[^"\r\n])*/.exec(text) ?? [];
  const unquoted = header.replaceAll(/"[^"]*(?:"|$)/g, '');
  const count = (delimiter: string): number => unquoted.split(delimiter).length;
  return DELIMITERS.reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

/**
 * The delimiter that Excel writes into a first line of its own: `sep=;`. null: there is no such line. Throws SourceError
 * `source_no_header` for a separator that is not supported.
 */
export function readSeparatorLine(name: string, block: Buffer): string | null {
  const [, separator] = /^"?sep=([^"\r\n])"?(?:[\r\n]|$)/i.exec(block.toString('latin1', 0, 20)) ?? [];
  if (separator === undefined) return null;
  const delimiter = DELIMITERS.find((each) => each === separator);
  if (delimiter !== undefined) return delimiter;
  const message = `${name}: line 1 (sep=) names a separator other than , ; | and tab. Export it with one of these`;
  throw new SourceError('source_no_header', message, { line: 1 });
}

export interface CsvOptions {
  /** The source, for messages. */
  readonly name: string;
  readonly delimiter: string;
  readonly limits: SourceLimits;
}

/**
 * Throws SourceError if the header is missing or cannot be a header.
 * @param next the records after it that are available
 */
export function createCsvReader(
  options: CsvOptions,
  header: RawRecord | undefined,
  next: readonly RawRecord[] = [],
): CsvReader {
  const { name, delimiter, limits } = options;
  if (header === undefined) throw emptySource(name, 'it contains only white space');
  const place = { name, place: `line ${header.line}`, line: header.line, limits };
  refuseTitle(place, 'line', readCells([header, ...next.slice(0, MOST_TITLE_ROWS)]));
  const names = readHeader(place, header, delimiter);
  const kept = names.flatMap((column, index) => (isReservedColumn(column) ? [] : [[column, index] as const]));
  return {
    columns: kept.map(([column]) => column),
    read(record) {
      const { text, broken: illFormed } = decodeRecord(record, limits);
      if (text === null) return illFormed;
      if (isBlankRow(text, delimiter)) return null;
      const cells = record.quoted ? splitQuoted(text, delimiter) : text.split(delimiter);
      const broken = checkCells(record, cells, names, limits);
      if (broken) return illFormed ?? broken;
      // fromEntries defines properties instead of assigning them, so a column may be called `__proto__`.
      const entries = kept.map(([column, index]) => [column, unescapeFormula(cells[index] ?? '')] as const);
      const fields = Object.fromEntries(entries);
      return illFormed ? { ...illFormed, legible: fields } : { line: record.line, fields };
    },
  };
}

/** Delimiters, white space, characters that nobody sees, and quotes around them. Most rows differ in their first character. */
export function isBlankRow(text: string, delimiter: string): boolean {
  if (!MAY_BE_BLANK.test(text)) return false;
  return splitQuoted(text, delimiter).every(isBlank);
}

const MAY_BE_BLANK = /^[\s\p{Default_Ignorable_Code_Point}\p{Cc}\u2800\ufff9-\ufffb",;|]*$/u;

function checkCells(
  record: RawRecord,
  cells: readonly string[],
  names: readonly string[],
  limits: SourceLimits,
): SourceRow | null {
  if (cells.length !== names.length) {
    const message = `${plural(cells.length, 'cell')}, but the header has ${names.length}`;
    return brokenRow(
      record,
      cells.length < names.length ? 'row_too_few_cells' : 'row_too_many_cells',
      message,
    );
  }
  const large = cells.findIndex((cell) => cell.length > limits.maxFieldCharacters);
  return large < 0 ? null : fieldTooLarge(record, names[large] ?? '', limits);
}

/** Those of them that can be divided into cells. The title may be without the delimiter of the others. */
const readCells = (records: readonly RawRecord[]): readonly HeaderRow[] =>
  records
    .filter(({ problem }) => problem === null)
    .map(({ line, bytes }) => ({ line, cells: splitQuoted(bytes.toString(), detectDelimiter(bytes)) }));

function readHeader(place: HeaderPlace, header: RawRecord, delimiter: string): readonly string[] {
  const { text, broken } = decodeRecord(header, place.limits);
  if (text === null || broken !== null) {
    const what = `${place.place} should name the columns, but cannot be read: ${broken?.broken?.message}`;
    throw new SourceError('source_no_header', `${place.name}: ${what}`, { line: place.line });
  }
  const cells = splitQuoted(text, delimiter).map((cell) => unescapeFormula(cell.trim()));
  return readColumns(place, cells);
}

/** For records whose quotes were found to be correct. */
function splitQuoted(text: string, delimiter: string): string[] {
  const cells: string[] = [];
  let at = 0;
  while (at <= text.length) {
    const quoted = text[at] === '"';
    const found = quoted ? closingQuote(text, at + 1) : text.indexOf(delimiter, at);
    const end = found < 0 ? text.length : found;
    cells.push(quoted ? text.slice(at + 1, end).replaceAll('""', '"') : text.slice(at, end));
    at = end + (quoted ? 2 : 1);
  }
  return cells;
}

function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}
