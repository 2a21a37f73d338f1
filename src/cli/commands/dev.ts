/** `cxflow dev` */
import type { DevOptions } from '../actions/dev.ts';
import type { AddCommand } from '../cli.ts';
import { examples, paragraphs } from './command.ts';

const EXAMPLES = [
  ['dev', 'start PostgreSQL, Temporal with its Web UI, a CXone simulator and a worker'],
  ['dev --no-worker', 'run `cxflow worker` yourself in another terminal'],
] as const;

export const addDev: AddCommand = (parent, cli, finish) => {
  parent
    .command('dev')
    .summary('start everything on this machine')
    .description(
      paragraphs(
        `Starts PostgreSQL, Temporal, the CXone simulator and a worker, restarts what dies, and stops all of
         it on Ctrl-C.`,
        `Data and addresses are kept in .cxflow, where every other command in this folder finds them. A
         server that the environment names (DATABASE_URL, TEMPORAL_ADDRESS, CXONE_API_URL) is used instead of
         started. Its worker gets every setting of the environment, except those of the servers that are
         started.`,
      ),
    )
    .option('--no-worker', 'do not start a worker')
    .option('--no-simulator', 'do not start the simulator; use the CXone that the environment names')
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: DevOptions) => {
      const { runDev } = await import('../actions/dev.ts');
      finish(await runDev(cli, options));
    });
};
