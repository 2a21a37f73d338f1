/** Runs the embedded stack until Ctrl-C. */
import { relative } from 'node:path';
import type { Cli } from '../cli.ts';
import {
  listenForInterruption,
  renderAddresses,
  type StackParts,
  startCliStack,
  untilInterrupted,
} from '../dev/stack.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderSteps } from '../render/next-steps.ts';
import { openOutput } from '../terminal/output.ts';

export type DevOptions = StackParts;

export async function runDev(cli: Cli, options: DevOptions): Promise<ExitCode> {
  const output = openOutput(cli);
  const interruption = listenForInterruption();
  try {
    output.print(`starting; logs are in ${relative(cli.cwd, cli.stackDir)}/logs`);
    const stack = await startCliStack(cli, options, output);
    output.print(`\n${output.colors.bold('ready')}\n${renderAddresses(stack.addresses)}\n`);
    output.print(renderSteps('next, in another terminal', nextSteps(cli.command)));
    output.print('\nCtrl-C stops everything and keeps the data.');
    await untilInterrupted(interruption);
    interruption.release();
    await stack.stop();
    return EXIT.ok;
  } finally {
    interruption.release();
  }
}

const nextSteps = (command: string) => [
  { what: 'import contacts', command: `${command} contacts import FILE --list L1` },
  { what: 'list the runs', command: `${command} runs` },
];
