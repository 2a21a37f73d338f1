/** The list of runs as a table. Pure. */
import { formatCount } from '../../domain/numbers.ts';
import type { RunSummary } from '../../queries/run-summary.ts';
import { formatTime, spaced } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderNamedRows } from '../terminal/table.ts';
import { stateColor } from './run-parts.ts';

const COLUMNS = [
  { head: 'run' },
  { head: 'state' },
  { head: 'records', align: 'right' },
  { head: 'settled', align: 'right' },
  { head: 'started' },
  { head: 'by' },
] as const;

/** Without a column for the operation, because every default run id starts with it. */
export function renderRuns(runs: readonly RunSummary[], colors: Colors, maxWidth = Infinity): string {
  const rows = runs.map((run): [string, ...string[]] => [
    printable(run.runId),
    renderState(run, colors),
    formatCount(run.counts.total),
    formatCount(run.counts.total - run.counts.pending),
    formatTime(run.startedAt),
    printable(run.requestedBy ?? ''),
  ]);
  return renderNamedRows(COLUMNS, rows, maxWidth);
}

export function renderState({ state, phase, dryRun }: RunSummary, colors: Colors): string {
  if (state === 'running') return colors.cyan(spaced(phase));
  return stateColor(state, colors)(dryRun && state === 'completed' ? 'planned (dry run)' : state);
}
