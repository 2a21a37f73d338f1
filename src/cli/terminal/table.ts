/** Aligned columns without borders, so that other programs can cut them apart. Pure. */
import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';

export interface Column {
  readonly head?: string;
  readonly align?: 'left' | 'right';
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '  ',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Has a header line if any column has a head. Each line starts with two spaces, and none ends with a space. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const hasHead = columns.some(({ head }) => head !== undefined);
  const table = new Table({
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: columns.map(({ align }) => align ?? 'left'),
    ...(hasHead && { head: columns.map(({ head }) => head ?? '') }),
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

/** Of the longest line, as a terminal shows it. */
export function widthOf(text: string): number {
  return Math.max(...text.split('\n').map((line) => stripVTControlCharacters(line).length));
}

/** Leaves out the last columns until the table is no wider than `maxWidth`, but keeps the first `minColumns`. */
export function renderTableWithin(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { maxWidth, minColumns }: { readonly maxWidth: number; readonly minColumns: number },
): string {
  const table = renderTable(columns, rows);
  if (widthOf(table) <= maxWidth || columns.length <= minColumns) return table;
  const narrower = rows.map((row) => row.slice(0, columns.length - 1));
  return renderTableWithin(columns.slice(0, -1), narrower, { maxWidth, minColumns });
}

/**
 * One line for each row, with its name in the first column, or two if that is wider than `maxWidth`: then the name stands alone
 * on the second one, where it is never broken unless it is wider than the terminal itself.
 */
export function renderNamedRows(
  [nameColumn, ...columns]: readonly [Column, ...Column[]],
  rows: readonly (readonly [string, ...string[]])[],
  maxWidth: number,
): string {
  const wide = renderTable([nameColumn, ...columns], rows);
  if (widthOf(wide) <= maxWidth) return wide;
  const rest = rows.map(([, ...cells]) => cells);
  const [head = '', ...lines] = renderTableWithin(columns, rest, { maxWidth, minColumns: 1 }).split('\n');
  return [head, ...lines.flatMap((line, i) => [line, `    ${rows[i]?.[0] ?? ''}`])].join('\n');
}
