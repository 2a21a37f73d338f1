/** `cxflow watch RUN` */
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, RUN_HELP } from './command.ts';

const EXAMPLES = [
  ['watch contact-import:L1:3f9a0c', 'follow it until it ends; Ctrl-C does not stop the run'],
  ['watch contact-import:L1:3f9a0c --json > result.json', 'wait for the result in a script'],
] as const;

export const addWatch: AddCommand = (parent, cli, finish) => {
  parent
    .command('watch')
    .summary('follow a run until it ends')
    .description(
      'Follows a run until it ends and exits with the exit code of the run. Ctrl-C does not stop the run.',
    )
    .argument('<run>', RUN_HELP)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (runId: string, options: { json?: boolean }) => {
      const { watchRun } = await import('../actions/watch-run.ts');
      finish(await watchRun(cli, runId, options));
    });
};
