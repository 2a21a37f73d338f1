/** Prints the runs in the ledger. */
import { omitUndefined } from '../../domain/absent.ts';
import { WAITS_FOR_PERSON } from '../../domain/run.ts';
import type { RunFilter } from '../../ledger/runs/runs.ts';
import { listRateBlocks } from '../../queries/rate-limits.ts';
import { listRuns } from '../../queries/run-summary.ts';
import { type Cli, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderNextPage } from '../render/next-page.ts';
import { renderRateBlocks } from '../render/rate-limits.ts';
import { renderRuns } from '../render/runs.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { findRunBefore } from './find-run.ts';

export interface RunsOptions {
  readonly limit: number;
  readonly state?: NonNullable<RunFilter['state']>;
  readonly waiting?: boolean;
  readonly since?: string;
  /** A run: only older ones. */
  readonly before?: string;
  readonly json?: boolean;
}

/** Throws UsageError, RunNotFound. */
export async function printRuns(cli: Cli, options: RunsOptions): Promise<ExitCode> {
  const { limit, state, waiting = false, json = false } = options;
  if (waiting && state !== undefined && state !== 'running')
    throw new UsageError(`--waiting and --state ${state} exclude each other: a run that waits is running`);
  const since = await readSince(options);
  return withSession(cli, async (session) => {
    const { ledger } = session;
    const before = (await findRunBefore(cli, session, options))?.run_no;
    const phases = waiting ? WAITS_FOR_PERSON : undefined;
    const { rows, older } = await listRuns(ledger, limit, omitUndefined({ state, phases, since, before }));
    const runs = rows.map(({ summary }) => summary);
    const { print, colors, stream } = openOutput(cli, json);
    const blocks = await listRateBlocks(ledger);
    const next = older === 0 ? null : (runs.at(-1)?.runId ?? null);
    if (json) {
      printJson(cli, { runs, older, next, blocks });
      return EXIT.ok;
    }
    print(runs.length > 0 ? renderRuns(runs, colors, stream.columns) : describeNone(options, cli.command));
    if (next !== null) {
      const page = renderNextPage({
        nouns: ['run', 'runs'],
        older,
        program: cli.command,
        words: ['runs'],
        limit,
        before: next,
        options: repeat(options),
      });
      print(`\n${page}`);
    }
    if (blocks.length > 0) print(`\n${renderRateBlocks(blocks, colors, cli.command)}`);
    return EXIT.ok;
  });
}

/** Durations come with the rules of inputs, which nobody loads without need. */
async function readSince({ since }: RunsOptions): Promise<Date | undefined> {
  if (since === undefined) return undefined;
  const { parseSince } = await import('./since.ts');
  return parseSince(since, new Date());
}

/** The options of the next page. A duration counts from the moment of its page, which hides nothing: all runs on it are older. */
function repeat({ state, waiting, since }: RunsOptions): readonly string[] {
  return [
    ...(state === undefined ? [] : ['--state', state]),
    ...(waiting === true ? ['--waiting'] : []),
    ...(since === undefined ? [] : ['--since', since]),
  ];
}

function describeNone({ state, waiting, since, before }: RunsOptions, command: string): string {
  const isFiltered = [state, waiting, since, before].some((option) => option !== undefined);
  return isFiltered
    ? `no run is like that; \`${command} runs\` lists all`
    : `no runs yet; \`${command} --help\` lists the commands that start one`;
}
