/** Prints the loads of a list. */
import type { ListLoadInput } from '../../contract/list-load.ts';
import { formatCount } from '../../domain/numbers.ts';
import { countSuccesses } from '../../domain/run.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type RunSummary, summarizeRun } from '../../queries/run-summary.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderState } from '../render/runs.ts';
import { formatTime } from '../terminal/format.ts';
import { type Colors, openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderNamedRows } from '../terminal/table.ts';

export interface ShowListOptions {
  readonly limit: number;
  readonly json?: boolean;
}

export async function showList(
  cli: Cli,
  listId: string,
  { limit, json = false }: ShowListOptions,
): Promise<ExitCode> {
  return withSession(cli, async ({ ledger: { runs } }) => {
    const loads: Load[] = [];
    for (const run of await runs.list(limit, { kind: 'listLoad', target: listId }))
      loads.push({ ...summarizeRun(run, await runs.counts(run.run_no)), campaignId: campaignOf(run) });
    const { print, colors, stream } = openOutput(cli, json);
    if (json) printJson(cli, { listId, loads });
    else if (loads.length > 0) print(renderLoads(loads, colors, stream.columns));
    else print(`cxflow has not loaded list ${printable(listId)} yet`);
    return EXIT.ok;
  });
}

interface Load extends RunSummary {
  readonly campaignId: string;
}

const campaignOf = ({ input }: Run): string => (input as Partial<ListLoadInput>).campaignId ?? '';

const COLUMNS = [
  { head: 'run' },
  { head: 'state' },
  { head: 'campaign' },
  { head: 'rows', align: 'right' },
  { head: 'in the list', align: 'right' },
  { head: 'duplicate', align: 'right' },
  { head: 'suppressed', align: 'right' },
  { head: 'invalid', align: 'right' },
  { head: 'started' },
] as const;

function renderLoads(loads: readonly Load[], colors: Colors, maxWidth = Infinity): string {
  const rows = loads.map((load): [string, ...string[]] => {
    const { counts } = load;
    const { total, duplicate = 0, suppressed = 0, invalid = 0 } = counts;
    const numbers = [total, countSuccesses(counts), duplicate, suppressed, invalid].map(formatCount);
    const facts = [renderState(load, colors), load.campaignId, ...numbers, formatTime(load.startedAt)];
    return [printable(load.runId), ...facts];
  });
  return renderNamedRows(COLUMNS, rows, maxWidth);
}
