/** Runs the simulator in a process of its own, as the stack does, and forwards signals to it. */
import { spawn } from 'node:child_process';
import { nodeProgram } from '../../stack/entries.ts';
import { requirePackages } from '../../stack/packages.ts';
import type { Cli } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const EXIT_CODES: readonly ExitCode[] = [EXIT.ok, EXIT.failed, EXIT.usage];

/** Throws MissingPackages. */
export async function startSimulator(cli: Pick<Cli, 'env'>, flags: readonly string[]): Promise<ExitCode> {
  requirePackages(['fastify']);
  const { file, args } = nodeProgram('simulator/main', flags);
  const child = spawn(file, args, { stdio: 'inherit', env: cli.env });
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, forward);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    return EXIT_CODES.find((known) => known === code) ?? EXIT.failed;
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward);
  }
}
