/** Runs a worker in this process. */
import { loadConfig } from '../../config/config.ts';
import { requirePackages } from '../../stack/packages.ts';
import { withStack } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { requireDatabase } from '../session.ts';

export interface WorkerCommandOptions {
  readonly healthPort?: number;
}

/** Throws MissingPackages, ConfigError, MissingAddress. */
export async function startWorker(cli: Cli, { healthPort }: WorkerCommandOptions = {}): Promise<ExitCode> {
  requirePackages(['@temporalio/worker']);
  const env = withStack(cli.stackDir, cli.env);
  requireDatabase(loadConfig(env), cli.command);
  const { runWorker } = await import('../../worker.ts');
  await runWorker({ ...env }, { healthPort });
  return EXIT.ok;
}
