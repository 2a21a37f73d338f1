/** `cxflow runs` */
import type { RunsOptions } from '../actions/list-runs.ts';
import type { AddCommand } from '../cli.ts';
import { addPageOptions, choice, examples, JSON_HELP, PAGES_HELP, paragraphs } from './command.ts';

const STATES = ['running', 'completed', 'rejected', 'cancelled', 'failed'];

const EXAMPLES = [
  ['runs', 'list the newest twenty'],
  ['runs --waiting', 'see what waits for a decision of somebody'],
  ['runs --state failed --since 7d', 'see what failed this week'],
  ['runs --limit 5 --json', 'from a script'],
] as const;

export const addRuns: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('runs')
    .summary('list the runs, newest first')
    .description(paragraphs(`Lists the runs in the ledger, newest first. ${PAGES_HELP}`))
    .addOption(choice('--state <state>', 'only runs in this state', STATES))
    .option('--waiting', 'only runs that wait for somebody: for approval, paused, in doubt or in conflict')
    .option(
      '--since <when>',
      'only runs started since a date (UTC), e.g. 2026-11-01, or for a duration, e.g. 30d',
    );
  addPageOptions(command, '--before <run>', 'only runs that are older than this one')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: RunsOptions) => {
      const { printRuns } = await import('../actions/list-runs.ts');
      finish(await printRuns(cli, options));
    });
};
