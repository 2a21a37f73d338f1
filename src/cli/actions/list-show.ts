/** Prints the loads of a list. */
import type { ListLoadInput } from '../../contract/list-load.ts';
import { omitUndefined } from '../../domain/absent.ts';
import { formatCount } from '../../domain/numbers.ts';
import { countSuccesses } from '../../domain/run.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { listRuns, type RunSummary } from '../../queries/run-summary.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderNextPage } from '../render/next-page.ts';
import { renderState } from '../render/runs.ts';
import { formatTime } from '../terminal/format.ts';
import { type Colors, openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderNamedRows } from '../terminal/table.ts';
import { findRunBefore } from './find-run.ts';

export interface ShowListOptions {
  readonly limit: number;
  /** A run: only older loads. */
  readonly before?: string;
  readonly json?: boolean;
}

/** Throws UsageError, RunNotFound. */
export async function showList(cli: Cli, listId: string, options: ShowListOptions): Promise<ExitCode> {
  const { limit, json = false } = options;
  return withSession(cli, async (session) => {
    const before = (await findRunBefore(cli, session, options))?.run_no;
    const filter = { kind: 'listLoad', target: listId, ...omitUndefined({ before }) };
    const { rows, older } = await listRuns(session.ledger, limit, filter);
    const loads = rows.map(({ run, summary }) => ({ ...summary, campaignId: campaignOf(run) }));
    const next = older === 0 ? null : (loads.at(-1)?.runId ?? null);
    const { print, colors, stream } = openOutput(cli, json);
    if (json) {
      printJson(cli, { listId, loads, older, next });
      return EXIT.ok;
    }
    if (loads.length > 0) print(renderLoads(loads, colors, stream.columns));
    else if (before === undefined) print(`cxflow has not loaded list ${printable(listId)} yet`);
    else print('there is no older load');
    if (next === null) return EXIT.ok;
    const page = renderNextPage({
      nouns: ['load', 'loads'],
      older,
      program: cli.command,
      words: ['list', 'show', listId],
      limit,
      before: next,
    });
    print(`\n${page}`);
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
