/** Which sheet of a workbook is read: the one that was given, otherwise the only visible one with cells. */
import type { SourceLimits } from '../domain/source-limits.ts';
import { quoteName } from '../domain/text.ts';
import { SourceError } from './errors.ts';
import { emptySource } from './first-block.ts';
import type { Archive } from './workbook.archive.ts';
import { type Sheet, xmlOptions } from './workbook.parts.ts';
import { SheetReader } from './workbook.rows.ts';

/** A sheet that is a table. */
export interface TableSheet extends Sheet {
  readonly part: string;
}

/**
 * @param wanted the name of a sheet, or its number: 1 is the first tab, hidden ones are not counted
 * @returns the sheet. Throws SourceError `source_sheet` with the names of all sheets
 */
export async function chooseSheet(
  archive: Archive,
  sheets: readonly Sheet[],
  wanted: string | undefined,
  limits: SourceLimits,
): Promise<TableSheet> {
  const { name } = archive;
  if (wanted !== undefined) return requireTable(name, sheets, findSheet(sheets, wanted), wanted);
  const tables = sheets.filter(isTable).filter(({ isHidden }) => !isHidden);
  const [only, ...others] = tables;
  if (only && others.length === 0) return only;
  const filled: TableSheet[] = [];
  for (const table of tables) if (await hasCells(archive, table, limits)) filled.push(table);
  const [first, ...more] = filled;
  if (first && more.length === 0) return first;
  if (!first) throw emptySource(name, 'none of its visible sheets has a cell with a value');
  const advice = `Choose one: --sheet ${quoteName(first.name)} (in an input: "sheet")`;
  const what = `${name}: several sheets have rows: ${listSheets(filled)}`;
  throw new SourceError('source_sheet', `${what}. ${advice}`);
}

/** Names of sheets differ in more than case. A sheet may have a number as its name. */
function findSheet(sheets: readonly Sheet[], wanted: string): Sheet | undefined {
  const visible = sheets.filter(({ isHidden }) => !isHidden);
  return (
    sheets.find(({ name }) => name === wanted) ??
    sheets.find(({ name }) => name.toLowerCase() === wanted.toLowerCase()) ??
    (/^\d{1,6}$/.test(wanted) ? visible[Number(wanted) - 1] : undefined)
  );
}

function requireTable(
  name: string,
  sheets: readonly Sheet[],
  sheet: Sheet | undefined,
  wanted: string,
): TableSheet {
  if (sheet && isTable(sheet)) return sheet;
  const problem = sheet ? 'is a chart or a dialog, not a table' : 'is not in the workbook';
  const what = `${name}: the sheet ${quoteName(wanted)} ${problem}`;
  throw new SourceError('source_sheet', `${what}. Its sheets are: ${listSheets(sheets)}`);
}

function isTable(sheet: Sheet): sheet is TableSheet {
  return sheet.part !== null;
}

const MAX_LISTED = 20;

function listSheets(sheets: readonly Sheet[]): string {
  const names = sheets
    .slice(0, MAX_LISTED)
    .map(({ name, isHidden }) => `${quoteName(name)}${isHidden ? ' (hidden)' : ''}`);
  const more = sheets.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Reads until the first cell with a value. */
async function hasCells(archive: Archive, { part }: TableSheet, limits: SourceLimits): Promise<boolean> {
  const reader = new SheetReader(xmlOptions(archive.name, part, limits), limits);
  for await (const rows of reader.read(archive.read(part)))
    if (rows.some(({ cells }) => cells.some(({ value }) => value !== null && value.trim() !== '')))
      return true;
  return false;
}
