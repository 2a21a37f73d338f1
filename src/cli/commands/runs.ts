/** `cxflow runs`: the runs that there are, the newest first. */
import type { Counts } from '../../domain/run.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, type Colors, outputOf, withSession, writeJson } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatCount, formatTime, printable, spaced } from '../terminal/format.ts';
import { summaryOf } from '../../queries/run-summary.ts';
import { renderTable } from '../terminal/table.ts';
import { type AddCommand, examples, JSON_HELP, wholeNumber } from './command.ts';

export interface RunsOptions {
  readonly limit: number;
  readonly json?: boolean;
}

export const addRuns: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['runs', 'the newest twenty'],
    ['runs --limit 5 --json', 'for a script'],
  ] as const;
  parent
    .command('runs')
    .summary('list the runs, newest first')
    .description('Lists the runs that the ledger knows, the newest first.')
    .option('--limit <n>', 'how many', wholeNumber(1, 10_000), 20)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (options: RunsOptions) => finish(await listRuns(cli, options)));
};

export async function listRuns(cli: Cli, { limit, json = false }: RunsOptions): Promise<ExitCode> {
  return withSession(cli, async ({ ledger }) => {
    const listed: { run: Run; counts: Counts }[] = [];
    for (const run of await ledger.runs.list(limit)) {
      listed.push({ run, counts: await ledger.runs.counts(run.run_no) });
    }
    const { say, colors } = outputOf(cli, json);
    if (json) writeJson(cli, { runs: listed.map(({ run, counts }) => summaryOf(run, counts)) });
    else if (listed.length > 0) say(renderRuns(listed, colors));
    else say(`no runs yet. A first one: ${cli.command} contacts import FILE --list ID`);
    return EXIT.ok;
  });
}

const COLUMNS = [
  { head: 'run' },
  { head: 'state' },
  { head: 'records', align: 'right' },
  { head: 'settled', align: 'right' },
  { head: 'started' },
  { head: 'by' },
] as const;

/** The kind stands in front of each id. */
export function renderRuns(listed: readonly { run: Run; counts: Counts }[], colors: Colors): string {
  const rows = listed.map(({ run, counts }) => [
    run.run_id,
    stateOf(run, colors),
    formatCount(counts.total),
    formatCount(counts.total - counts.pending),
    formatTime(run.started_at),
    printable(run.requested_by ?? ''),
  ]);
  return renderTable(COLUMNS, rows);
}

function stateOf(run: Run, colors: Colors): string {
  if (run.state === 'running') return colors.cyan(spaced(run.phase));
  const words = run.dry_run && run.state === 'completed' ? 'planned (dry run)' : run.state;
  const paint = {
    completed: colors.green,
    failed: colors.red,
    rejected: colors.yellow,
    cancelled: colors.yellow,
  };
  return paint[run.state](words);
}
