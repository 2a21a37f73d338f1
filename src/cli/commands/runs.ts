/** `cxflow runs` */
import type { RunsOptions } from '../actions/list-runs.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, wholeNumber } from './command.ts';

const EXAMPLES = [
  ['runs', 'list the newest twenty'],
  ['runs --limit 5 --json', 'from a script'],
] as const;

export const addRuns: AddCommand = (parent, cli, finish) => {
  parent
    .command('runs')
    .summary('list the runs, newest first')
    .description('Lists the runs in the ledger, newest first.')
    .option('--limit <n>', 'how many', wholeNumber(1, 10_000), 20)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: RunsOptions) => {
      const { printRuns } = await import('../actions/list-runs.ts');
      finish(await printRuns(cli, options));
    });
};
