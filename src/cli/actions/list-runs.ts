/** Prints the runs in the ledger. */
import { listRuns } from '../../queries/run-summary.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
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
    if (json) printJson(cli, { runs });
    else if (runs.length > 0) print(renderRuns(runs, colors, stream.columns));
    else print(`no runs yet; \`${cli.command} --help\` lists the commands that start one`);
    return EXIT.ok;
  });
}
