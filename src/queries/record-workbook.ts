/** Rows as a workbook (.xlsx), streamed (docs/adr/0026-workbooks.md#exported-workbooks). */
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { isRounded } from '../domain/numbers.ts';
import type { Reason } from '../domain/run.ts';
import { columnName, writeEscapes } from '../domain/workbook-text.ts';

export interface Table {
  /** The first ones are those of the source, the others are ours. */
  readonly columns: readonly string[];
  readonly sourceColumns: number;
  readonly rows: AsyncIterable<TableRow>;
}

export interface TableRow {
  /** In the source, for messages. */
  readonly line: number;
  /** In the order of the columns. Absent ones are null. */
  readonly cells: readonly unknown[];
  readonly reasons: readonly Reason[];
}

/** What Excel can have. */
const MAX_ROWS = 1_048_576;
const MAX_CELL_CHARACTERS = 32_767;
const ROWS_PER_CHUNK = 500;

/** A workbook cannot hold these rows. */
export class TooLargeForWorkbook extends Error {
  override readonly name = 'TooLargeForWorkbook';
  readonly next = 'choose the format csv, which has no such limit';
}

/** Throws TooLargeForWorkbook. */
export async function* formatWorkbook(table: Table): AsyncIterable<Uint8Array> {
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  for (const [path, text] of Object.entries(PARTS)) zip.addBuffer(Buffer.from(text), path);
  const sheet = Readable.from(formatSheet(table), { objectMode: false });
  // yazl does not pass on what goes wrong in a stream that it reads.
  for (const source of [sheet, zip]) source.on('error', (error: Error) => output.destroy(error));
  zip.addReadStreamLazy('xl/worksheets/sheet1.xml', (open) => open(null, sheet));
  zip.end();
  try {
    for await (const chunk of output) yield chunk as Buffer;
  } finally {
    sheet.destroy();
  }
}

const [GENERAL, TEXT, HEADER, SCIENTIFIC, DATE] = [0, 1, 2, 3, 4];

async function* formatSheet({ columns, sourceColumns, rows }: Table): AsyncGenerator<string> {
  const header = columns.map((column, at) => textCell(cellName(at, 1), column, HEADER));
  let chunk = `${SHEET_BEGINNING}<row r="1">${header.join('')}</row>`;
  let row = 1;
  for await (const each of rows) {
    row += 1;
    if (row > MAX_ROWS)
      throw new TooLargeForWorkbook(`a workbook has at most ${MAX_ROWS} rows, and there are more records`);
    const cells = each.cells.map((value, at) => toCell(each, value, { at, row, columns, sourceColumns }));
    chunk += `<row r="${row}">${cells.join('')}</row>`;
    if (row % ROWS_PER_CHUNK !== 0) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk + SHEET_END;
}

interface Place extends Pick<Table, 'columns' | 'sourceColumns'> {
  /** 0 is column A. */
  readonly at: number;
  readonly row: number;
}

function toCell({ line, reasons }: TableRow, value: unknown, place: Place): string {
  if (value === null || value === undefined || value === '') return '';
  const name = cellName(place.at, place.row);
  const isOurs = place.at >= place.sourceColumns;
  if (isOurs && typeof value === 'number') return numberCell(name, String(value), GENERAL);
  // JSON has rounded its digits: as a number of too many digits it is refused by every import, as a text it would not be.
  if (isRounded(value)) return numberCell(name, String(value), GENERAL);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const damage = isOurs ? undefined : findDamage(reasons, place.columns[place.at] ?? '', text);
  if (damage !== undefined) return damagedCell(name, text, damage);
  if (text.length > MAX_CELL_CHARACTERS)
    throw new TooLargeForWorkbook(
      `the row of line ${line} has a value of more than ${MAX_CELL_CHARACTERS} characters, which is more than a cell can hold`,
    );
  return textCell(name, text, TEXT);
}

/** In every other row these words are a text that somebody entered. */
const ERRORS: readonly string[] = [...['#NULL!', '#DIV/0!', '#VALUE!', '#REF!', '#NAME?', '#NUM!', '#N/A']];

/** The code of the reason for which the cell was refused, if it was. A reason names the first such cell of its row. */
function findDamage(reasons: readonly Reason[], column: string, text: string): string | undefined {
  const damage = reasons.find(({ code }) => code.startsWith('cell_'));
  if (damage === undefined) return undefined;
  if (damage.field === column) return damage.code;
  return ERRORS.includes(text) ? 'cell_error' : undefined;
}

/** So that an import refuses it again, and nobody takes what it shows for a value. */
function damagedCell(name: string, text: string, code: string): string {
  if (/^-?\d+(?:\.\d+)?(?:E[+-]?\d+)?$/.test(text)) {
    if (code === 'cell_digits_lost') return numberCell(name, text, GENERAL);
    if (code === 'cell_scientific') return numberCell(name, text, SCIENTIFIC);
    if (code === 'cell_not_a_date') return numberCell(name, text, DATE);
  }
  return `<c r="${name}" t="e"><v>${ERRORS.includes(text) ? text : '#VALUE!'}</v></c>`;
}

function numberCell(name: string, value: string, style: number): string {
  return `<c r="${name}" s="${style}"><v>${value}</v></c>`;
}

function textCell(name: string, text: string, style: number): string {
  const escaped = writeEscapes(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<c r="${name}" s="${style}" t="inlineStr"><is><t xml:space="preserve">${escaped}</t></is></c>`;
}

function cellName(column: number, row: number): string {
  return `${columnName(column)}${row}`;
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELATIONS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const TYPES = 'application/vnd.openxmlformats-officedocument.spreadsheetml';

/** All parts but the sheet. The styles are in the order of GENERAL, TEXT, HEADER, SCIENTIFIC and DATE. */
const PARTS: Readonly<Record<string, string>> = {
  '[Content_Types].xml':
    `${XML}<Types xmlns="${PACKAGE}/content-types">` +
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
    `<Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/>` +
    `<Override PartName="/xl/worksheets/sheet1.xml" ContentType="${TYPES}.worksheet+xml"/>` +
    `<Override PartName="/xl/styles.xml" ContentType="${TYPES}.styles+xml"/></Types>`,
  '_rels/.rels':
    `${XML}<Relationships xmlns="${PACKAGE}/relationships">` +
    `<Relationship Id="rId1" Type="${RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  'xl/workbook.xml':
    `${XML}<workbook xmlns="${MAIN}" xmlns:r="${RELATIONS}">` +
    '<sheets><sheet name="Records" sheetId="1" r:id="rId1"/></sheets></workbook>',
  'xl/_rels/workbook.xml.rels':
    `${XML}<Relationships xmlns="${PACKAGE}/relationships">` +
    `<Relationship Id="rId1" Type="${RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>` +
    `<Relationship Id="rId2" Type="${RELATIONS}/styles" Target="styles.xml"/></Relationships>`,
  'xl/styles.xml':
    `${XML}<styleSheet xmlns="${MAIN}">` +
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>' +
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>' +
    '<fills count="2"><fill><patternFill patternType="none"/></fill>' +
    '<fill><patternFill patternType="gray125"/></fill></fills>' +
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>' +
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>' +
    '<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>' +
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>' +
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>' +
    '<xf numFmtId="11" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>' +
    '<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>' +
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
};

/** The header stays in view, and Excel does not mark every id as a number that is stored as text. */
const SHEET_BEGINNING =
  `${XML}<worksheet xmlns="${MAIN}"><sheetViews><sheetView workbookViewId="0">` +
  '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>' +
  '<sheetFormatPr baseColWidth="16" defaultRowHeight="15"/><sheetData>';
const SHEET_END =
  '</sheetData><ignoredErrors><ignoredError sqref="A1:XFD1048576" numberStoredAsText="1"/></ignoredErrors></worksheet>';
