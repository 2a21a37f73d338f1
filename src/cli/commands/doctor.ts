/** `cxflow doctor` */
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs } from './command.ts';

const EXAMPLES = [
  ['doctor', 'before the first run, and whenever something does not work'],
  ['doctor --json', 'from a script; exit code 1 if there is a problem'],
] as const;

export const addDoctor: AddCommand = (parent, cli, finish) => {
  parent
    .command('doctor')
    .summary('check that everything cxflow needs is there')
    .description(
      paragraphs(
        `Checks Node.js, settings, database and tables, Temporal with its namespace and search attributes,
         clocks, the login to CXone with its scopes, webhooks, source folder and disk. Each finding says what
         to do.`,
        `It only reads: nothing is written to CXone, no event is sent (webhooks get an OPTIONS request), and
         no secret is printed.`,
        `Exit code 1 if there is a problem; 0 if there are only warnings.`,
      ),
    )
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: { json?: boolean }) => {
      const { runDoctor } = await import('../actions/doctor.ts');
      finish(await runDoctor(cli, options));
    });
};
