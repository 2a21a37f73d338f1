/** What the files of this folder share: how a command is added, and arguments that several of them read. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Adds a command to its parent. `finish` takes the exit code that it ends with. */
export type AddCommand = (parent: Command, cli: Cli, finish: (code: ExitCode) => void) => void;

export const JSON_HELP = 'exactly one JSON document on stdout, everything else on stderr';

/** For commander's `argParser`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (/^\d+$/.test(text) && n >= least && n <= most) return n;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** `field=column`, collected over all `--map`. */
export function collectMapping(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) {
    throw new InvalidArgumentError('It must be field=column, e.g. --map phone="Mobile Number".');
  }
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) };
}

/** Lines for the end of a command's help. */
export function examples(
  cli: Pick<Cli, 'command'>,
  lines: readonly (readonly [command: string, why: string])[],
): string {
  const shown = lines.map(([command, why]) => `  # ${why}\n  ${cli.command} ${command}`);
  return `\nExamples:\n${shown.join('\n')}\n`;
}
