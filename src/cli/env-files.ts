/** `--env-file`: adds the settings of files to the environment of a command. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readEnvFiles } from '../config/env-file.ts';
import type { Cli } from './cli.ts';

/** Throws EnvFileError. */
export function addSettings(cli: Pick<Cli, 'cwd' | 'env' | 'envOrigins'>, paths: readonly string[]): void {
  const { values, origins } = readEnvFiles(paths, cli.env, (path) =>
    readFileSync(resolve(cli.cwd, path), 'utf8'),
  );
  Object.assign(cli.env, values);
  for (const [name, origin] of origins) cli.envOrigins.set(name, origin);
}
