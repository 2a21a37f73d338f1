/** `cxflow simulator`: the CXone stand-in, alone. Its flags are its own. */
import { spawn } from 'node:child_process';
import { nodeProgram } from '../../stack/entries.ts';
import type { Cli } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { AddCommand } from './command.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const EXIT_CODES: readonly ExitCode[] = [EXIT.ok, EXIT.failed, EXIT.usage];

export const addSimulator: AddCommand = (parent, cli, finish) => {
  parent
    .command('simulator')
    .summary('start a CXone to try things on; `simulator --help` has its flags')
    .description('Starts the CXone stand-in. Point CXONE_API_URL at it.')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[flags...]')
    .action(async (flags: readonly string[]) => finish(await startSimulator(cli, flags)));
};

/** In a process of its own, as the stack starts it; our signals are handed on. */
export async function startSimulator(cli: Pick<Cli, 'env'>, flags: readonly string[]): Promise<ExitCode> {
  const { file, args } = nodeProgram('simulator/main', flags);
  const child = spawn(file, args, { stdio: 'inherit', env: cli.env });
  const handOn = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, handOn);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    return EXIT_CODES.find((known) => known === code) ?? EXIT.failed;
  } finally {
    for (const signal of SIGNALS) process.off(signal, handOn);
  }
}
