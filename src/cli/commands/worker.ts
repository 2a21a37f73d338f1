/** `cxflow worker` */
import type { WorkerCommandOptions } from '../actions/worker.ts';
import type { AddCommand } from '../cli.ts';
import { examples, paragraphs, wholeNumber } from './command.ts';

const EXAMPLES = [
  ['worker', 'use the servers of the environment, or of the `dev` that runs in this folder'],
  ['doctor && cxflow worker', 'check the setup first'],
  ['worker --env-file /etc/cxflow/env', 'read settings from a file, too'],
] as const;

export const addWorker: AddCommand = (parent, cli, finish) => {
  parent
    .command('worker')
    .summary('start a worker')
    .description(
      paragraphs(
        `Starts a worker. It waits for its servers, prepares the database and executes the runs. Any number
         of workers can run at the same time.`,
        `On SIGTERM or Ctrl-C it settles what is in flight, which takes up to 7 s.`,
      ),
    )
    .option(
      '--health-port <port>',
      'answer HTTP on this port: /readyz (200 while the worker takes tasks, else 503), /livez, and /metrics for Prometheus',
      wholeNumber(1, 65_535),
    )
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: WorkerCommandOptions) => {
      const { startWorker } = await import('../actions/worker.ts');
      finish(await startWorker(cli, options));
    });
};
