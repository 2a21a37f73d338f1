/** Reads the part of a sheet: its rows and cells as they are stored, in the order of the sheet. */
import type { SourceLimits } from '../domain/source-limits.ts';
import { isTrue } from './workbook.parts.ts';
import {
  type Attributes,
  brokenWorkbook,
  type XmlHandlers,
  type XmlOptions,
  XmlReader,
} from './workbook.xml.ts';

export interface StoredCell {
  /** 0 is column A. */
  readonly column: number;
  /** `s`, `n`, `str`, `inlineStr`, `b`, `e` or `d`. */
  readonly type: string;
  /** An index of the styles. */
  readonly style: number;
  /** null: there is none. A number of a shared text, if the type is `s`. */
  readonly value: string | null;
  readonly hasFormula: boolean;
}

export interface StoredRow {
  /** As the sheet shows it: 1 is the first one. */
  readonly row: number;
  readonly isHidden: boolean;
  /** Its texts are longer than a row may be, and were not read to the end. */
  readonly isTooLarge: boolean;
  /** Only those that the part contains; a cell with a format, but without a value, may be among them. */
  readonly cells: readonly StoredCell[];
}

/** Ranges of columns that are hidden, first and last, 0 is column A. */
export type HiddenColumns = readonly (readonly [number, number])[];

/** What Excel can have. */
export const MAX_SHEET_ROWS = 1_048_576;
export const MAX_SHEET_COLUMNS = 16_384;

export class SheetReader {
  readonly #xml: XmlReader;
  readonly #handler: SheetHandler;

  constructor(options: XmlOptions, limits: SourceLimits) {
    this.#handler = new SheetHandler(options.place, limits);
    this.#xml = new XmlReader(options, this.#handler);
  }

  /** Known once the first row has been read. */
  get hiddenColumns(): HiddenColumns {
    return this.#handler.hiddenColumns;
  }

  /** The rows that end in each chunk. Never an empty batch. Throws SourceError. */
  async *read(chunks: AsyncIterable<string>): AsyncGenerator<readonly StoredRow[], void, undefined> {
    for await (const chunk of chunks) {
      this.#xml.write(chunk);
      const rows = this.#handler.take();
      if (rows.length > 0) yield rows;
    }
    this.#xml.end();
  }
}

/** Elements whose text is the text of a cell. */
const TEXT_ELEMENTS: readonly string[] = ['v', 't'];

class SheetHandler implements XmlHandlers {
  readonly hiddenColumns: [number, number][] = [];
  readonly #place: string;
  readonly #limits: SourceLimits;
  #rows: StoredRow[] = [];
  #isInData = false;
  #row = 0;
  #isRowHidden = false;
  #rowCharacters = 0;
  #cells: StoredCell[] = [];
  #column = -1;
  #type = 'n';
  #style = 0;
  #value: string | null = null;
  #hasFormula = false;
  #isText = false;
  #isPreserved = false;
  #isPhonetic = false;

  constructor(place: string, limits: SourceLimits) {
    this.#place = place;
    this.#limits = limits;
  }

  take(): readonly StoredRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  open(element: string, attributes: Attributes): void {
    if (!this.#isInData) this.#openOutside(element, attributes);
    else if (element === 'c') this.#beginCell(attributes);
    else if (element === 'row') this.#beginRow(attributes);
    else if (element === 'f') this.#hasFormula = true;
    else if (element === 'rPh') this.#isPhonetic = true;
    else if (TEXT_ELEMENTS.includes(element)) {
      this.#isText = !this.#isPhonetic;
      this.#isPreserved = element === 'v' || attributes['xml:space'] === 'preserve';
    }
    if (element === 'is') this.#value ??= '';
  }

  text(text: string): void {
    if (!this.#isText) return;
    this.#rowCharacters += text.length;
    const value = this.#value ?? '';
    // A text that is too long is kept only as far as it shows that.
    if (value.length > this.#limits.maxFieldCharacters || this.#isRowTooLarge) return;
    this.#value = value + (this.#isPreserved ? text : trimXml(text));
  }

  close(element: string): void {
    if (!this.#isInData) return;
    this.#isText = false;
    if (element === 'c') this.#endCell();
    else if (element === 'row') this.#endRow();
    else if (element === 'rPh') this.#isPhonetic = false;
    else if (element === 'sheetData') this.#isInData = false;
  }

  #openOutside(element: string, { min, max, hidden }: Attributes): void {
    if (element === 'sheetData') this.#isInData = true;
    if (element === 'col' && isTrue(hidden) && this.hiddenColumns.length < MAX_SHEET_COLUMNS)
      this.hiddenColumns.push([Number(min) - 1, Number(max) - 1]);
  }

  #beginRow({ r, hidden }: Attributes): void {
    const row = r === undefined ? this.#row + 1 : Number(r);
    if (!Number.isInteger(row) || row <= this.#row || row > MAX_SHEET_ROWS)
      throw this.#broken(`after row ${this.#row} follows one with a number that cannot be right`);
    this.#row = row;
    this.#isRowHidden = isTrue(hidden);
    this.#rowCharacters = 0;
    this.#cells = [];
    this.#column = -1;
  }

  #beginCell({ r, t = 'n', s = '0' }: Attributes): void {
    const column = r === undefined ? this.#column + 1 : columnOf(r, this.#row);
    if (column <= this.#column || column >= MAX_SHEET_COLUMNS)
      throw this.#broken(`row ${this.#row} has a cell whose column cannot be right`);
    this.#column = column;
    this.#type = t;
    this.#style = Number(s);
    this.#value = null;
    this.#hasFormula = false;
  }

  #endCell(): void {
    const [column, type, style] = [this.#column, this.#type, this.#style];
    this.#cells.push({ column, type, style, value: this.#value, hasFormula: this.#hasFormula });
  }

  #endRow(): void {
    if (this.#cells.length === 0) return;
    const [row, isHidden, isTooLarge] = [this.#row, this.#isRowHidden, this.#isRowTooLarge];
    this.#rows.push({ row, isHidden, isTooLarge, cells: this.#cells });
  }

  get #isRowTooLarge(): boolean {
    return this.#rowCharacters > this.#limits.maxRowBytes;
  }

  #broken(what: string) {
    return brokenWorkbook(this.#place, what);
  }
}

/** Without `xml:space="preserve"` blanks around a text do not belong to it. */
export function trimXml(text: string): string {
  return text.replaceAll(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
}

const A = 0x41;

/** `AB12` → 27. -1 if it is not a cell of this row. */
function columnOf(reference: string, row: number): number {
  let [column, at] = [0, 0];
  for (; at < reference.length; at += 1) {
    const letter = reference.charCodeAt(at) - A;
    if (letter < 0 || letter > 25) break;
    column = column * 26 + letter + 1;
  }
  return Number(reference.slice(at)) === row ? column - 1 : -1;
}
