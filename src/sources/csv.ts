/** CSV: the header, and records to rows. */
import { undefuse } from '../domain/cells.ts';
import { emptySource } from './blocks.ts';
import { SourceError } from './errors.ts';
import type { RawRecord } from './records.ts';
import { looksLikeRow } from './header.ts';
import { brokenRow, isOurs, type SourceRow, textOf } from './rows.ts';

/** The most characters of one cell. */
const MAX_CELL = 1_000_000;
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

/** Throws SourceError where the header cannot be one. */
export function createCsvReader(name: string, delimiter: string, header: RawRecord | undefined): CsvReader {
  if (header === undefined) throw emptySource(name, 'there is no text in it');
  const names = readHeader(name, delimiter, header);
  const kept = names.flatMap((column, index) => (isOurs(column) ? [] : [[column, index] as const]));
  return {
    columns: kept.map(([column]) => column),
    read(record) {
      const text = textOf(record);
      if (typeof text !== 'string') return text;
      const cells = record.quoted ? splitQuoted(text, delimiter) : text.split(delimiter);
      const fault = cellFault(cells, names.length);
      if (fault) return brokenRow(record, fault.code, fault.message);
      // fromEntries defines, it does not assign: a column `__proto__` is a field like any other.
      const entries = kept.map(([column, index]) => [column, undefuse(cells[index] ?? '')] as const);
      return { line: record.line, fields: Object.fromEntries(entries) };
    },
  };
}

function cellFault(cells: readonly string[], expected: number): { code: string; message: string } | null {
  const message = `${cells.length} cells, the header has ${expected}`;
  if (cells.length < expected) return { code: 'row_too_few_cells', message };
  if (cells.length > expected) return { code: 'row_too_many_cells', message };
  if (!cells.some((cell) => cell.length > MAX_CELL)) return null;
  return { code: 'row_cell_too_large', message: `a cell has more than ${MAX_CELL} characters` };
}

function readHeader(name: string, delimiter: string, header: RawRecord): readonly string[] {
  const { line } = header;
  const text = textOf(header);
  if (typeof text !== 'string') {
    const why = text.broken?.message ?? 'it cannot be read';
    throw new SourceError('source_no_header', `${name}: line ${line} should name the columns, but: ${why}`, {
      line,
    });
  }
  const cells = splitQuoted(text, delimiter).map((cell) => undefuse(cell.trim()));
  if (cells.every((cell) => cell === '')) throw noHeader(name, line, 'names no column');
  if (looksLikeRow(cells)) throw headless(name, line);
  // A nameless column keeps its cells under a name of ours: a trailing delimiter does no harm, and nothing
  // is lost.
  const names = cells.map((cell, index) => cell || `column_${index + 1}`);
  const doubled = names.findIndex((column, index) => names.indexOf(column) < index);
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
