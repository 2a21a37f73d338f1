/** All commands, in the groups in which `cxflow --help` lists them. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { AddCommand, Cli } from './cli.ts';
import { addAudit } from './commands/audit.ts';
import { addDemo } from './commands/demo.ts';
import { addDev } from './commands/dev.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEnv } from './commands/env.ts';
import { addErase } from './commands/erase.ts';
import { addLimits } from './commands/limits.ts';
import { addMetrics } from './commands/metrics.ts';
import { addMigrate } from './commands/migrate.ts';
import { addPurge } from './commands/purge.ts';
import { addRecords } from './commands/records.ts';
import { addReport } from './commands/report.ts';
import { addRuns } from './commands/runs.ts';
import { addShow } from './commands/show.ts';
import { addSimulator } from './commands/simulator.ts';
import { addApprove, addCancel, addPause, addReject, addResolve, addResume } from './commands/steering.ts';
import { addSuppressions } from './commands/suppressions.ts';
import { addWatch } from './commands/watch.ts';
import { addWorker } from './commands/worker.ts';
import type { ExitCode } from './exit-codes.ts';
import { writeText } from './terminal/output.ts';

const groupCommands = ({ operations }: Cli): Readonly<Record<string, readonly AddCommand[]>> => ({
  'Operations:': operations.map(({ addCommands }) => addCommands),
  'See what happened:': [addRuns, addShow, addWatch, addRecords, addReport, addMetrics, addAudit, addLimits],
  'Decide about a run:': [addApprove, addReject, addCancel, addPause, addResume, addResolve],
  'Privacy:': [addSuppressions, addErase, addPurge],
  'Run cxflow:': [addDemo, addDev, addEnv, addWorker, addSimulator, addMigrate, addDoctor],
});

const INTRODUCTION = `Runs campaign operations on NICE CXone durably: nothing is lost, and nothing is written twice.`;

/** Throws CommanderError instead of ending the process. `finish` receives the exit code of the action that ran. */
export function createProgram(cli: Cli, finish: (code: ExitCode) => void): Command {
  const program = new Command('cxflow')
    .description(INTRODUCTION)
    .version(readVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => writeText(cli.stdout, text),
      writeErr: (text) => writeText(cli.stderr, text),
      // main.ts prints all errors in the same form.
      outputError: () => undefined,
    })
    .configureHelp({ showGlobalOptions: false });
  program
    .option(
      '--env-file <file>',
      'read settings from a file with lines NAME=value, like `node --env-file`; the environment takes precedence',
      (file: string, files: readonly string[] | undefined) => [...(files ?? []), file],
    )
    .hook('preAction', () => addEnvFiles(cli, program.opts<{ envFile?: readonly string[] }>().envFile));
  for (const [heading, commands] of Object.entries(groupCommands(cli))) {
    program.commandsGroup(heading);
    for (const add of commands) add(program, cli, finish);
  }
  // Without this, commander would put its own help command into a group of its own.
  program.helpCommand('help [command]', 'show the help of a command');
  return program.addHelpText('after', firstSteps(cli.command));
}

/** Loaded only if it is used, so that other commands start fast. */
async function addEnvFiles(cli: Cli, paths: readonly string[] = []): Promise<void> {
  if (paths.length === 0) return;
  const { addSettings } = await import('./env-files.ts');
  addSettings(cli, paths);
}

/** The words in `argv` that name a command, such as `contacts import`. */
export function findCommand(program: Command, argv: readonly string[]): string {
  const [first = '', ...rest] = argv;
  const command = program.commands.find((each) => each.name() === first);
  return command ? [first, findCommand(command, rest)].filter(Boolean).join(' ') : '';
}

function firstSteps(command: string): string {
  return `
First steps:
  # start everything on this machine and watch an import
  ${command} demo
  # import a file of your own: start everything, then, in another terminal
  ${command} dev
  ${command} contacts import contacts.csv --list L1 --dry-run

Exit codes: 0 success, 1 the run failed, 2 wrong usage or unreadable input,
3 completed but some records need attention, 4 rejected or cancelled,
130 Ctrl-C: the run goes on.
`;
}

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
