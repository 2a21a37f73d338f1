/** `cxflow worker`: does the work of the runs, until it is stopped. */
import type { Cli } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type AddCommand, examples } from './command.ts';

export const addWorker: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['worker', 'with the addresses of the environment, or of the `dev` that runs in this folder'],
    ['doctor && cxflow worker', 'look first'],
  ] as const;
  parent
    .command('worker')
    .summary('start a worker')
    .description(
      'Starts a worker: it waits for its servers, prepares the database, and does the work of all runs.\n' +
        'SIGTERM and Ctrl-C let it settle what is in flight first (at most 7 s). Start as many as you like.',
    )
    .addHelpText('after', examples(cli, lines))
    .action(async () => finish(await startWorker(cli)));
};

/** Errors: ConfigError, MissingAddress. */
export async function startWorker(cli: Cli): Promise<ExitCode> {
  // Not needed by any other command, and slow to load.
  const [{ runWorker }, { requireDatabase, sessionEnvironment }, { loadConfig }] = await Promise.all([
    import('../../worker.ts'),
    import('../session.ts'),
    import('../../config/config.ts'),
  ]);
  const env = sessionEnvironment(cli);
  requireDatabase(loadConfig(env), cli.command);
  await runWorker({ ...env });
  return EXIT.ok;
}
