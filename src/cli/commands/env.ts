/** `cxflow env` */
import type { AddCommand } from '../cli.ts';
import { examples, paragraphs } from './command.ts';

export const addEnv: AddCommand = (parent, cli, finish) => {
  parent
    .command('env')
    .summary('print the addresses that a service needs, for `eval`')
    .description(
      paragraphs(
        `Prints the settings with which a service, or any program in another folder, finds the database and the
         Temporal server of the \`dev\` that runs in this folder, as commands for a shell: DATABASE_URL,
         TEMPORAL_ADDRESS and what belongs to them.`,
        `DATABASE_URL contains the password of the database. The one that \`dev\` starts accepts connections from
         this machine only, with a password that was made up for this folder. If \`dev\` was started with the
         DATABASE_URL of another database, that one is printed.`,
        `Commands in this folder need none of it. Exit code 1: no stack runs in this folder; nothing is printed.`,
      ),
    )
    .addHelpText(
      'after',
      examples(cli, [['env', `see what it prints; to use it: eval "$(${cli.command} env)"`]]),
    )
    .action(async () => {
      const { printEnv } = await import('../actions/env.ts');
      finish(printEnv(cli));
    });
};
