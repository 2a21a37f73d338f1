/**
 * A sheet of a workbook as text: one line of JSON for the header, then one for each row with a value, with the number that the
 * sheet shows. Cells are what they show; those that are not what somebody entered are marked with the reason.
 */
import type { Reason } from '../domain/run.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { quoteName, replaceUnstorable } from '../domain/text.ts';
import { columnName } from '../domain/workbook-text.ts';
import { SourceError } from './errors.ts';
import { type HeaderPlace, MOST_TITLE_ROWS, readColumns, refuseTitle } from './header.ts';
import type { RawRecord } from './records.ts';
import { isReservedColumn, type SourceRow, tooManyBytes, tooManyCharacters } from './rows.ts';

export interface SheetRow {
  /** 1-based, as the sheet shows it. */
  readonly row: number;
  /** From column A up to the last one with a value. */
  readonly cells: readonly string[];
  readonly damaged: readonly DamagedCell[];
  /** It exceeds CXFLOW_MAX_ROW_BYTES; `cells` has only its beginning. */
  readonly isTooLarge: boolean;
}

interface DamagedCell {
  /** 0 is column A. */
  readonly column: number;
  readonly code: string;
  readonly what: string;
}

/** `{"sheet":"Contacts","row":1,"cells":["contactId","phone"],…}` */
export function formatHeader(sheet: string, { row, cells, damaged, isTooLarge }: SheetRow): string {
  return `${JSON.stringify({ sheet, row, cells, damaged, isTooLarge })}\n`;
}

/** `[17,"crm-1","+14155550100"]`, or `{"row":17,"cells":[…],"damaged":[…]}` */
export function formatSheetRow({ row, cells, damaged, isTooLarge }: SheetRow): string {
  if (damaged.length === 0 && !isTooLarge) return `${JSON.stringify([row, ...cells])}\n`;
  return `${JSON.stringify({ row, cells, damaged, isTooLarge })}\n`;
}

export interface SheetTextReader {
  readonly sheet: string;
  readonly columns: readonly string[];
  read(record: RawRecord): SourceRow;
}

/**
 * Throws SourceError if the first line cannot be a header.
 * @param header the first line; undefined: the sheet has no cell with a value
 * @param next the lines after it that are available
 */
export function createSheetTextReader(
  name: string,
  header: RawRecord | undefined,
  limits: SourceLimits,
  next: readonly RawRecord[] = [],
): SheetTextReader {
  const first = header && (JSON.parse(header.bytes.toString()) as SheetRow & { readonly sheet: string });
  if (!first) throw new SourceError('source_empty', `${name}: the sheet has no cell with a value`);
  const { sheet, row } = first;
  const place = { name, place: `sheet ${quoteName(sheet)}, row ${row}`, line: row, limits };
  const rows = [first, ...next.slice(0, MOST_TITLE_ROWS).map(parseRow)];
  refuseTitle(
    place,
    'row',
    rows.map((each) => ({ line: each.row, cells: each.cells })),
  );
  const names = readNames(place, first);
  const kept = names.flatMap((column, at) =>
    column === null || isReservedColumn(column) ? [] : [[column, at] as const],
  );
  const context = { sheet, names, kept, limits };
  return { sheet, columns: kept.map(([column]) => column), read: (record) => readRow(record, context) };
}

interface Context {
  readonly sheet: string;
  /** By column; null: a column before the first one with a name. */
  readonly names: readonly (string | null)[];
  /** The columns that the source has, with their places in the sheet. */
  readonly kept: readonly (readonly [string, number])[];
  readonly limits: SourceLimits;
}

function readNames(place: HeaderPlace, header: SheetRow): readonly (string | null)[] {
  const [damaged] = header.damaged;
  if (damaged !== undefined || header.isTooLarge) {
    const what = damaged ? `cell ${cellName(damaged.column, header.row)}: ${damaged.what}` : 'it is too long';
    const message = `${place.name}: ${place.place} should name the columns, but cannot be read: ${what}`;
    throw new SourceError('source_no_header', message, { line: header.row });
  }
  const cells = header.cells.map((cell) => cell.trim());
  const names = readColumns(place, cells);
  const first = cells.findIndex((cell) => cell !== '');
  return names.map((column, at) => (at < first ? null : column));
}

function readRow(record: RawRecord, context: Context): SourceRow {
  const { row, cells, damaged, isTooLarge } = parseRow(record);
  const { names, kept, limits } = context;
  if (isTooLarge) return { line: row, broken: tooManyBytes(limits), raw: showRaw(cells) };
  const place = (column: number) => `cell ${cellName(column, row)} of sheet ${quoteName(context.sheet)}`;
  const outside = cells.findIndex((cell, at) => cell.trim() !== '' && (names[at] ?? null) === null);
  if (outside >= 0) {
    const message = `${place(outside)} is not in any of the columns that the header names`;
    return { line: row, broken: { code: 'row_too_many_cells', message }, raw: showRaw(cells) };
  }
  const broken = findProblem(context, { cells, damaged, place });
  const read = (show: (cell: string, column: number) => string) =>
    Object.fromEntries(kept.map(([name, at]) => [name, show(cells[at] ?? '', at)] as const));
  if (broken === null) return { line: row, fields: read((cell) => cell) };
  const isDamaged = (column: number) => damaged.some((each) => each.column === column);
  const legible = read((cell, at) => (isDamaged(at) ? '\ufffd' : replaceUnstorable(cell)));
  return { line: row, broken, legible, shown: read(replaceUnstorable) };
}

interface Cells {
  readonly cells: readonly string[];
  readonly damaged: readonly DamagedCell[];
  readonly place: (column: number) => string;
}

/** What is wrong with the row, or null. */
function findProblem({ kept, limits }: Context, { cells, damaged, place }: Cells): Reason | null {
  const nameOf = new Map(kept.map(([name, at]) => [at, name]));
  const bad = damaged.filter(({ column }) => nameOf.has(column));
  const [first] = bad;
  if (first) {
    const others = bad.slice(1).map(({ column }) => place(column).split(' ')[1]);
    const more = others.length > 0 ? `. The same row has more such cells: ${others.join(', ')}` : '';
    const message = `${place(first.column)}: ${first.what}${more}`;
    return { code: first.code, field: nameOf.get(first.column) ?? '', message };
  }
  const large = kept.find(([, at]) => (cells[at]?.length ?? 0) > limits.maxFieldCharacters);
  if (large) return tooManyCharacters(large[0], limits);
  const illegible = kept.find(([, at]) => UNSTORABLE.test(cells[at] ?? ''));
  if (!illegible) return null;
  const message = `${place(illegible[1])} has a NUL character or half of a surrogate pair`;
  return { code: 'row_not_text', field: illegible[0], message };
}

/** Only an escape in the XML can make one. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

function parseRow({ bytes, problem }: RawRecord): SheetRow {
  const text = bytes.toString();
  // The beginning is all that there is of a line that is too long.
  const [, row] = /^(?:\[|\{"row":)(\d+)/.exec(text) ?? [];
  if (problem !== null) return { row: Number(row), cells: [text], damaged: [], isTooLarge: true };
  const value = JSON.parse(text) as readonly [number, ...string[]] | SheetRow;
  if (!Array.isArray(value)) return value as SheetRow;
  return { row: Number(row), cells: value.slice(1) as string[], damaged: [], isTooLarge: false };
}

/** `C17` */
function cellName(column: number, row: number): string {
  return `${columnName(column)}${row}`;
}

const RAW_CHARACTERS = 10_000;

function showRaw(cells: readonly string[]): string {
  return replaceUnstorable(cells.join('\t').slice(0, RAW_CHARACTERS));
}
