/** Runs a worker in this process. */
import { loadConfig } from '../../config/config.ts';
import { withStack } from '../../stack/stack-file.ts';
import { runWorker } from '../../worker.ts';
import type { Cli } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { requireDatabase } from '../session.ts';

/** Throws ConfigError, MissingAddress. */
export async function startWorker(cli: Cli): Promise<ExitCode> {
  const env = withStack(cli.stackDir, cli.env);
  requireDatabase(loadConfig(env), cli.command);
  await runWorker({ ...env });
  return EXIT.ok;
}
