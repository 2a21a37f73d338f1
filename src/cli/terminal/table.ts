/** Aligned columns without lines: they can be read, copied and cut by other programs. Pure. */
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

/** A head only where a column has one. Each line begins with two spaces; none ends with one. */
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
