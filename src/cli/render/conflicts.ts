/** The conflicts of a selection update as a table. Pure. */
import type { ShownConflict } from '../../contract/steering.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';

export function renderConflicts(conflicts: readonly ShownConflict[]): string {
  const rows = conflicts.map(({ place, base, theirs, ours }) => [place, base, theirs, ours].map(printable));
  const table = renderTable(
    [{ head: 'place' }, { head: 'before' }, { head: 'theirs' }, { head: 'ours' }],
    rows,
  );
  const problems = conflicts.flatMap(({ place, problem }) =>
    problem === undefined ? [] : [`  ${printable(`${place}: ${problem}`)}`],
  );
  return ['conflicts: someone else changed the same places differently', table, ...problems].join('\n');
}
