/** `cxflow watch RUN`: follows a run from another terminal. */
import { type Cli, outputOf, withSession } from '../cli.ts';
import type { ExitCode } from '../exit-codes.ts';
import { watchToEnd } from '../watching/watch.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export const addWatch: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['watch contact-import:L1:3f9a0c', 'until it ends; Ctrl-C leaves it running'],
    ['watch contact-import:L1:3f9a0c --json > result.json', 'wait for its end in a script'],
  ] as const;
  parent
    .command('watch')
    .summary('follow a run to its end')
    .description('Follows a run to its end. The exit code is that of the run. Ctrl-C leaves it running.')
    .argument('<run>', 'id of the run')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (runId: string, options: { json?: boolean }) =>
      finish(await watchRun(cli, runId, options)),
    );
};

/** Errors: RunNotFound. */
export async function watchRun(
  cli: Cli,
  runId: string,
  { json = false }: { json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, (session) =>
    watchToEnd(runId, { cli, session, output: outputOf(cli, json), json }),
  );
}
