/** Prints the settings of the stack of this folder as commands for a POSIX shell. */
import { dirname } from 'node:path';
import { serverOf } from '../../config/catalogue.ts';
import { stackEnvironment } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { shellQuote } from '../terminal/format.ts';
import { writeText } from '../terminal/output.ts';

/** No stack runs in this folder. */
export class NoStack extends Error {
  override readonly name = 'NoStack';
  readonly next: string;
  constructor(folder: string, command: string) {
    super(`no stack is running in ${folder}`);
    this.next = `start one there with \`${command} dev\` in another terminal, or change to the folder in which it runs`;
  }
}

/** Throws NoStack. */
export function printEnv(cli: Cli): ExitCode {
  const { DATABASE_URL, ...others } = stackEnvironment(cli.stackDir);
  if (DATABASE_URL === undefined) throw new NoStack(dirname(cli.stackDir), cli.command);
  // Only workers need the others, and they would make the next `dev` of this shell use them.
  const ofTemporal = Object.entries(others).filter(([name]) => serverOf(name) === 'temporal');
  const lines = [['DATABASE_URL', DATABASE_URL] as const, ...ofTemporal].map(
    ([name, value]) => `export ${name}=${shellQuote(value)}\n`,
  );
  writeText(cli.stdout, lines.join(''));
  return EXIT.ok;
}
