/**
 * Converts a sheet of a workbook (.xlsx) to text (sheet-text.ts), row by row: from there on it is a source like any other, kept in
 * the ledger, searched by erasures and read in order (docs/adr/0026-workbooks.md).
 */
import type { FileHandle } from 'node:fs/promises';
import { withoutInvisible } from '../domain/invisible.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { formatHeader, formatSheetRow, type SheetRow } from './sheet-text.ts';
import { openArchive } from './workbook.archive.ts';
import { createShowCell, readSharedStrings, type ShowCell } from './workbook.cells.ts';
import { readParts, xmlOptions } from './workbook.parts.ts';
import { type HiddenColumns, SheetReader, type StoredRow } from './workbook.rows.ts';
import { chooseSheet } from './workbook.sheets.ts';

export interface WorkbookOptions {
  /** Of the file, for messages. */
  readonly name: string;
  /** Name or number of a sheet. Default: the only visible one with cells. */
  readonly sheet?: string | undefined;
  readonly limits: SourceLimits;
}

/** The sheet that is read. Hidden rows and columns are read like the others, and counted so that somebody can be told. */
export interface SheetFacts {
  readonly name: string;
  /** Rows with values, without the header. Complete once the text has been read. */
  hiddenRows: number;
  hiddenColumns: number;
}

export interface OpenedSheet {
  readonly facts: SheetFacts;
  /** Readable once. Throws SourceError. The file has to stay open until then. */
  readonly text: AsyncGenerator<Buffer, void, undefined>;
}

/** Finds the sheet. Throws SourceError. */
export async function openSheet(file: FileHandle, options: WorkbookOptions): Promise<OpenedSheet> {
  const { name, limits } = options;
  const archive = await openArchive(file, name, limits);
  const parts = await readParts(archive, limits);
  const sheet = await chooseSheet(archive, parts.sheets, options.sheet, limits);
  const facts = { name: sheet.name, hiddenRows: 0, hiddenColumns: 0 };
  async function* text(): AsyncGenerator<Buffer, void, undefined> {
    const strings = await readSharedStrings(archive, parts.sharedStrings, limits);
    try {
      const reader = new SheetReader(xmlOptions(name, sheet.part, limits), limits);
      const converter = new RowConverter(facts, createShowCell(parts, strings), limits);
      for await (const rows of reader.read(archive.read(sheet.part))) {
        const converted = rows.map((row) => converter.convert(row, reader.hiddenColumns)).join('');
        if (converted !== '') yield Buffer.from(converted);
      }
    } finally {
      strings.close();
    }
  }
  return { facts, text: text() };
}

/** White space, and characters that nobody sees. */
function isUnseen(cell: string): boolean {
  return withoutInvisible(cell).trim() === '';
}

class RowConverter {
  readonly #facts: SheetFacts;
  readonly #show: ShowCell;
  readonly #limits: SourceLimits;
  #hasHeader = false;

  constructor(facts: SheetFacts, show: ShowCell, limits: SourceLimits) {
    this.#facts = facts;
    this.#show = show;
    this.#limits = limits;
  }

  /** A line of text, or `''` for a row without any value. The first other row is the header. */
  convert(stored: StoredRow, hidden: HiddenColumns): string {
    const row = this.#toRow(stored);
    const isBlank = row.damaged.length === 0 && row.cells.every(isUnseen);
    if (isBlank && !row.isTooLarge) return '';
    if (this.#hasHeader) {
      if (stored.isHidden) this.#facts.hiddenRows += 1;
      return formatSheetRow(row);
    }
    this.#hasHeader = true;
    const isHidden = (column: number) => hidden.some(([first, last]) => column >= first && column <= last);
    this.#facts.hiddenColumns = row.cells.filter((cell, column) => cell !== '' && isHidden(column)).length;
    return formatHeader(this.#facts.name, row);
  }

  #toRow({ row, cells: stored, isTooLarge }: StoredRow): SheetRow {
    const cells: string[] = [];
    const damaged: SheetRow['damaged'][number][] = [];
    let characters = 0;
    for (const cell of stored) {
      const shown = this.#show(cell);
      const text = typeof shown === 'string' ? shown : shown.shown;
      characters += text.length;
      // A text that many cells share may be long.
      if (isTooLarge || characters > this.#limits.maxRowBytes)
        return { row, cells, damaged, isTooLarge: true };
      if (text === '') continue;
      while (cells.length < cell.column) cells.push('');
      cells.push(text);
      if (typeof shown !== 'string')
        damaged.push({ column: cell.column, code: shown.code, what: shown.what });
    }
    return { row, cells, damaged, isTooLarge: false };
  }
}
