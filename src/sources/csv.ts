/** CSV: the header, and records to rows. */
import { unescapeFormula } from '../domain/cells.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { SourceError } from './errors.ts';
import { emptySource } from './first-block.ts';
import type { RawRecord } from './records.ts';
import { looksLikeRow } from './header.ts';
import { brokenRow, fieldTooLarge, inThousands, isOurs, type SourceRow, textOf } from './rows.ts';

/** In the order of preference where two are equally frequent. */
const DELIMITERS = [',', ';', '\t', '|'] as const;

const HEADER_ADVICE =
  'Put a line with the names of the columns on top, e.g. contactId,phone,consentTimestamp,optInStatus';

export interface CsvReader {
  readonly columns: readonly string[];
  read(record: RawRecord): SourceRow;
}

/** The delimiter that the header line has most of, outside quotes; a comma where it has none. */
export function detectDelimiter(block: Buffer): string {
  const text = block.toString('latin1').trimStart();
  const [header = ''] = /^(?:"[^"]*(?:"|$)|[^"\r\n])*/.exec(text) ?? [];
  const unquoted = header.replaceAll(/"[^"]*(?:"|$)/g, '');
  const count = (delimiter: string): number => unquoted.split(delimiter).length;
  return DELIMITERS.reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

/**
 * Excel's own first line, `sep=;`: it names the delimiter and is no header. null: there is none. Throws SourceError
 * where it names one that cannot be.
 */
export function separatorLine(name: string, block: Buffer): string | null {
  const [, separator] = /^"?sep=([^"\r\n])"?(?:[\r\n]|$)/i.exec(block.toString('latin1', 0, 20)) ?? [];
  if (separator === undefined) return null;
  const delimiter = DELIMITERS.find((each) => each === separator);
  if (delimiter !== undefined) return delimiter;
  const message = `${name}: line 1 (sep=) names a separator that is none of , ; | and tab. Export it with one of these`;
  throw new SourceError('source_no_header', message, { line: 1 });
}

export interface CsvOptions {
  /** Of the source, for messages. */
  readonly name: string;
  readonly delimiter: string;
  readonly limits: SourceLimits;
}

/** Throws SourceError where the header cannot be one. */
export function createCsvReader(options: CsvOptions, header: RawRecord | undefined): CsvReader {
  const { name, delimiter, limits } = options;
  if (header === undefined) throw emptySource(name, 'there is no text in it');
  const names = readHeader(options, header);
  const kept = names.flatMap((column, index) => (isOurs(column) ? [] : [[column, index] as const]));
  return {
    columns: kept.map(([column]) => column),
    read(record) {
      const text = textOf(record, limits);
      if (typeof text !== 'string') return text;
      const cells = record.quoted ? splitQuoted(text, delimiter) : text.split(delimiter);
      const fault = cellFault(record, cells, names, limits);
      if (fault) return fault;
      // fromEntries defines, it does not assign: a column `__proto__` is a field like any other.
      const entries = kept.map(([column, index]) => [column, unescapeFormula(cells[index] ?? '')] as const);
      return { line: record.line, fields: Object.fromEntries(entries) };
    },
  };
}

function cellFault(
  record: RawRecord,
  cells: readonly string[],
  names: readonly string[],
  limits: SourceLimits,
): SourceRow | null {
  if (cells.length !== names.length) {
    const message = `${cells.length} cells, the header has ${names.length}`;
    return brokenRow(
      record,
      cells.length < names.length ? 'row_too_few_cells' : 'row_too_many_cells',
      message,
    );
  }
  const large = cells.findIndex((cell) => cell.length > limits.maxFieldCharacters);
  return large < 0 ? null : fieldTooLarge(record, names[large] ?? '', limits);
}

function readHeader({ name, delimiter, limits }: CsvOptions, header: RawRecord): readonly string[] {
  const { line } = header;
  const text = textOf(header, limits);
  if (typeof text !== 'string') {
    const why = text.broken?.message ?? 'it cannot be read';
    throw new SourceError('source_no_header', `${name}: line ${line} should name the columns, but: ${why}`, {
      line,
    });
  }
  const cells = splitQuoted(text, delimiter).map((cell) => unescapeFormula(cell.trim()));
  if (cells.length > limits.maxColumns) throw tooManyColumns(name, line, cells.length, limits);
  if (cells.every((cell) => cell === '')) throw noHeader(name, line, 'names no column');
  if (looksLikeRow(cells)) throw headless(name, line);
  // A nameless column keeps its cells under a name of ours: a trailing delimiter does no harm, and nothing
  // is lost.
  const names = cells.map((cell, index) => cell || `column_${index + 1}`);
  const seen = new Set<string>();
  const doubled = names.findIndex((column) => seen.size === seen.add(column).size);
  if (doubled < 0) return names;
  // By their places: of a row that is no header this would name a person.
  const places = `columns ${names.indexOf(names[doubled] ?? '') + 1} and ${doubled + 1}`;
  const twice = `names a column twice: ${places} have the same name`;
  const message = `${name}: line ${line} ${twice}. Rename or remove one of each`;
  throw new SourceError('source_duplicate_column', message, { line });
}

function headless(name: string, line: number): SourceError {
  const what =
    'looks like a row, not like a header: it has a date, an address, an opt-in status or a long number';
  return new SourceError('source_no_header', `${name}: line ${line} ${what}. ${HEADER_ADVICE}`, { line });
}

function tooManyColumns(
  name: string,
  line: number,
  found: number,
  { maxColumns }: SourceLimits,
): SourceError {
  const what = `${name}: line ${line} names ${inThousands(found)} columns, ${inThousands(maxColumns)} are allowed`;
  const advice = 'Is it a header? Leave columns out, or raise CXFLOW_MAX_COLUMNS';
  return new SourceError('source_too_many_columns', `${what}. ${advice}`, { line });
}

function noHeader(name: string, line: number, found: string): SourceError {
  return new SourceError(
    'source_no_header',
    `${name}: line ${line} should name the columns, but it ${found}. ${HEADER_ADVICE}`,
    {
      line,
    },
  );
}

/** The cells of a record whose quotes are known to be right. */
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
