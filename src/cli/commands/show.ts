/** `cxflow show RUN` */
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, RUN_HELP } from './command.ts';

const EXAMPLES = [
  ['show contact-import:L1:3f9a0c', 'see plan, counts, reasons, writes in doubt and refused decisions'],
  ['show contact-import:L1:3f9a0c --json', 'from a script'],
] as const;

export const addShow: AddCommand = (parent, cli, finish) => {
  parent
    .command('show')
    .summary('show everything about one run')
    .description(
      'Shows one run: source, plan, counts, reasons, writes in doubt, conflicts, refused decisions, events.',
    )
    .argument('<run>', RUN_HELP)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (runId: string, options: { json?: boolean }) => {
      const { showRun } = await import('../actions/show-run.ts');
      finish(await showRun(cli, runId, options));
    });
};
