/** Prints the runs in the ledger. */
import { listRateBlocks } from '../../queries/rate-limits.ts';
import { listRuns } from '../../queries/run-summary.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderRateBlocks } from '../render/rate-limits.ts';
import { renderRuns } from '../render/runs.ts';
import { openOutput, printJson } from '../terminal/output.ts';

export interface RunsOptions {
  readonly limit: number;
  readonly json?: boolean;
}

export async function printRuns(cli: Cli, { limit, json = false }: RunsOptions): Promise<ExitCode> {
  return withSession(cli, async ({ ledger }) => {
    const runs = await listRuns(ledger, limit);
    const { print, colors, stream } = openOutput(cli, json);
    const blocks = await listRateBlocks(ledger);
    if (json) printJson(cli, { runs, blocks });
    else if (runs.length > 0) print(renderRuns(runs, colors, stream.columns));
    else print(`no runs yet; \`${cli.command} --help\` lists the commands that start one`);
    if (!json && blocks.length > 0) print(`\n${renderRateBlocks(blocks, colors, cli.command)}`);
    return EXIT.ok;
  });
}
