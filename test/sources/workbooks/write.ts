/** Writes workbooks for tests, part by part, so that every part can be wrong. It shares nothing with the writer of the product. */
import { ZipFile } from 'yazl';

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELATION = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';

export interface TestSheet {
  readonly name: string;
  /** The XML of its rows, or of each row. */
  readonly rows: string | readonly string[];
  readonly state?: 'hidden' | 'veryHidden';
  /** XML before the rows, e.g. `<cols>…</cols>`. */
  readonly before?: string;
}

export interface TestWorkbook {
  readonly sheets?: readonly TestSheet[];
  /** Formats of numbers: the style of a cell is the place in this list. A text is a custom format. */
  readonly formats?: readonly (number | string)[];
  readonly sharedStrings?: readonly string[];
  readonly is1904?: boolean;
  /** Parts to add or replace; null leaves one out. */
  readonly parts?: Readonly<Record<string, string | Buffer | null>>;
}

/** A cell with an inline text. */
export function text(reference: string, value: string): string {
  return `<c r="${reference}" t="inlineStr"><is><t xml:space="preserve">${escapeXml(value)}</t></is></c>`;
}

export function number(reference: string, value: number | string, style = 0): string {
  return `<c r="${reference}" s="${style}"><v>${value}</v></c>`;
}

export function row(n: number, ...cells: readonly string[]): string {
  return `<row r="${n}">${cells.join('')}</row>`;
}

/** Rows of texts from A1 on. */
export function table(...rows: readonly (readonly string[])[]): string[] {
  return rows.map((cells, at) =>
    row(
      at + 1,
      ...cells.map((cell, column) => (cell === '' ? '' : text(`${'ABCDEFGHIJ'[column]}${at + 1}`, cell))),
    ),
  );
}

export function escapeXml(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export async function writeWorkbook(workbook: TestWorkbook): Promise<Buffer> {
  const { sheets = [], parts = {} } = workbook;
  const standard: Record<string, string | Buffer | null> = {
    '[Content_Types].xml': `<Types xmlns="${PACKAGE}/content-types"/>`,
    '_rels/.rels': relations([['rId1', 'officeDocument', 'xl/workbook.xml']]),
    'xl/workbook.xml': mainPart(workbook),
    'xl/_rels/workbook.xml.rels': relations([
      ...sheets.map((_, at) => [`rId${at + 1}`, 'worksheet', `worksheets/sheet${at + 1}.xml`] as const),
      ['rIdA', 'styles', 'styles.xml'],
      ['rIdB', 'sharedStrings', '/xl/sharedStrings.xml'],
    ]),
    'xl/styles.xml': styles(workbook.formats ?? [0]),
    'xl/sharedStrings.xml': `<sst xmlns="${MAIN}">${(workbook.sharedStrings ?? []).join('')}</sst>`,
    ...Object.fromEntries(
      sheets.map(({ rows, before = '' }, at) => [
        `xl/worksheets/sheet${at + 1}.xml`,
        `<worksheet xmlns="${MAIN}">${before}<sheetData>${[rows].flat().join('')}</sheetData></worksheet>`,
      ]),
    ),
    ...parts,
  };
  return zip(standard);
}

/** One sheet. */
export function writeSheet(
  rows: TestSheet['rows'],
  rest: Omit<TestWorkbook, 'sheets'> & Pick<TestSheet, 'before'> = {},
): Promise<Buffer> {
  const { before = '', ...workbook } = rest;
  return writeWorkbook({ sheets: [{ name: 'Contacts', rows, before }], ...workbook });
}

export async function zip(parts: Readonly<Record<string, string | Buffer | null>>): Promise<Buffer> {
  const file = new ZipFile();
  for (const [path, content] of Object.entries(parts))
    if (content !== null) file.addBuffer(Buffer.from(content as string), path);
  file.end();
  const chunks: Buffer[] = [];
  for await (const chunk of file.outputStream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function mainPart({ sheets = [], is1904 = false }: TestWorkbook): string {
  const listed = sheets.map(
    ({ name, state }, at) =>
      `<sheet name="${escapeXml(name)}" sheetId="${at + 1}" ${state ? `state="${state}"` : ''} r:id="rId${at + 1}"/>`,
  );
  const properties = is1904 ? '<workbookPr date1904="1"/>' : '<workbookPr/>';
  return `<?xml version="1.0" encoding="UTF-8"?><workbook xmlns="${MAIN}" xmlns:r="${RELATION}">${properties}<sheets>${listed.join('')}</sheets></workbook>`;
}

function relations(list: readonly (readonly [string, string, string])[]): string {
  const each = list.map(
    ([id, kind, target]) => `<Relationship Id="${id}" Type="${RELATION}/${kind}" Target="${target}"/>`,
  );
  return `<Relationships xmlns="${PACKAGE}/relationships">${each.join('')}</Relationships>`;
}

function styles(formats: readonly (number | string)[]): string {
  const custom = formats.flatMap((format, at) =>
    typeof format === 'string'
      ? [`<numFmt numFmtId="${200 + at}" formatCode="${escapeXml(format).replaceAll('"', '&quot;')}"/>`]
      : [],
  );
  const cells = formats.map(
    (format, at) => `<xf numFmtId="${typeof format === 'number' ? format : 200 + at}"/>`,
  );
  return `<styleSheet xmlns="${MAIN}"><numFmts>${custom.join('')}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>${cells.join('')}</cellXfs><dxfs><dxf><numFmt numFmtId="200" formatCode="yyyy"/></dxf></dxfs></styleSheet>`;
}
