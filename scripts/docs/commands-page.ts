/** docs/commands.md: the `--help` of every command. */
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { createCli } from '../../src/cli/main.ts';
import { createProgram } from '../../src/cli/program.ts';
import { USAGE as SIMULATOR_USAGE } from '../../src/simulator/flags.ts';

const HELP_WIDTH = 120;

const INTRODUCTION = `# Commands

<!-- Generated from src/cli and src/simulator/flags.ts by \`npm run docs\`. Change the texts there. -->

What \`cxflow COMMAND --help\` prints, for all commands. In a clone the command is \`npx cxflow\`. Defaults that depend on
the machine are written as \`$USER\`.`;

export function renderCommandsPage(): string {
  const program = createProgram(createDocumentedCli(), () => undefined);
  const commands = listCommands(program);
  return `${[
    INTRODUCTION,
    '## Overview',
    fence(renderHelp(program)),
    ...commands.flatMap((command) => [`## ${fullName(command)}`, fence(renderHelp(command))]),
  ].join('\n\n')}\n`;
}

/** The page must not depend on the terminal, the environment or the user that generates it. */
function createDocumentedCli() {
  return {
    ...createCli({}),
    command: 'cxflow',
    login: '$USER',
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  };
}

/** Depth first, in the order of the help; without commands that only group others. */
function listCommands(parent: Command): readonly Command[] {
  return parent.commands.flatMap((command) => {
    const isGroup = command.commands.length > 0 && command.options.length === 0;
    return [...(isGroup ? [] : [command]), ...listCommands(command)];
  });
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function renderHelp(command: Command): string {
  // The simulator prints its own help.
  if (command.name() === 'simulator') return SIMULATOR_USAGE;
  let text = '';
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => HELP_WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.replace(/[ \t]+$/gm, '').trim();
}

function fence(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}
