/** Reads the header of a CSV source, and its records as rows. */
import { unescapeFormula } from '../domain/cells.ts';

import { withoutInvisible } from '../domain/invisible.ts';

import type { SourceLimits } from '../domain/source-limits.ts';
import { SourceError } from './errors.ts';
import { emptySource } from './first-block.ts';
import { looksLikeRow, readColumns } from './header.ts';
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
  refuseTitle(name, [header, ...next.slice(0, MOST_TITLE_LINES)]);
  const names = readHeader(options, header);
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
function isBlankRow(text: string, delimiter: string): boolean {
  if (!MAY_BE_BLANK.test(text)) return false;
  return splitQuoted(text, delimiter).every((cell) => withoutInvisible(cell).trim() === '');
}

const MAY_BE_BLANK = /^[\s\p{Default_Ignorable_Code_Point}",;|]*$/u;

function checkCells(
  record: RawRecord,
  cells: readonly string[],
  names: readonly string[],
  limits: SourceLimits,
): SourceRow | null {
  if (cells.length !== names.length) {
    const message = `${cells.length} cells, but the header has ${names.length}`;
    return brokenRow(
      record,
      cells.length < names.length ? 'row_too_few_cells' : 'row_too_many_cells',
      message,
    );
  }
  const large = cells.findIndex((cell) => cell.length > limits.maxFieldCharacters);
  return large < 0 ? null : fieldTooLarge(record, names[large] ?? '', limits);
}

const MOST_TITLE_LINES = 4;

/** Lines with text in one place only, above one that looks like a header: the title of a report. */
function refuseTitle(name: string, records: readonly RawRecord[]): void {
  const lines = records.map(({ bytes, quoted }) => {
    const delimiter = detectDelimiter(bytes);
    const text = bytes.toString('utf8');
    const cells = quoted ? [] : text.split(delimiter);
    return cells.map((cell) => withoutInvisible(cell).trim()).filter((cell) => cell !== '');
  });
  const at = lines.findIndex((cells) => cells.length !== 1);
  const [title, header] = [records[0], records[at]];
  if (at < 1 || title === undefined || header === undefined) return;
  const cells = lines[at] ?? [];
  if (cells.length < 3 || looksLikeRow(cells)) return;
  const what = `line ${title.line} looks like a title: it has text in one place only, and line ${header.line} looks like the header`;
  const message = `${name}: ${what}. Remove what is above line ${header.line}`;
  throw new SourceError('source_no_header', message, { line: title.line });
}

function readHeader({ name, delimiter, limits }: CsvOptions, header: RawRecord): readonly string[] {
  const { line } = header;
  const { text, broken } = decodeRecord(header, limits);
  if (text === null || broken !== null) {
    const message = `${name}: line ${line} should name the columns, but cannot be read: ${broken?.broken?.message}`;
    throw new SourceError('source_no_header', message, { line });
  }
  const cells = splitQuoted(text, delimiter).map((cell) => unescapeFormula(cell.trim()));
  return readColumns({ name, place: `line ${line}`, line, limits }, cells);
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
