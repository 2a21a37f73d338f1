/** All commands, for tests that go through them. */
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { fakeCli } from './fakes.ts';

export interface ListedCommand {
  /** The words after `cxflow`. */
  readonly words: readonly string[];
  /** Whether it only groups other commands. */
  readonly isGroup: boolean;
}

/** Every command and subcommand but the simulator, which parses its own flags in a process of its own. */
export function listCommands(): readonly ListedCommand[] {
  return listUnder(createProgram(fakeCli(), () => undefined)).filter(({ words }) => words[0] !== 'simulator');
}

function listUnder(parent: Command, path: readonly string[] = []): readonly ListedCommand[] {
  return parent.commands.flatMap((command) => {
    const words = [...path, command.name()];
    const isGroup = command.commands.length > 0 && command.options.length === 0;
    return [{ words, isGroup }, ...listUnder(command, words)];
  });
}
