/** All commands, in the groups in which `cxflow help` shows them. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import type { Cli } from './cli.ts';
import { addAudit } from './commands/audit.ts';
import type { AddCommand } from './commands/command.ts';
import { addContactsImport } from './commands/contacts-import.ts';
import { addApprove, addCancel, addPause, addReject, addResolve, addResume } from './commands/steering.ts';
import { addDemo } from './commands/demo.ts';
import { addDev } from './commands/dev.ts';
import { addDoctor } from './commands/doctor.ts';
import { addErase } from './commands/erase.ts';
import { addPreferencesCheck } from './commands/preferences-check.ts';
import { addPreferencesHistory } from './commands/preferences-history.ts';
import { addPreferencesUpdate } from './commands/preferences-update.ts';
import { addRecords } from './commands/records.ts';
import { addReport } from './commands/report.ts';
import { addRuns } from './commands/runs.ts';
import { addSelection } from './commands/selection.ts';
import { addShow } from './commands/show.ts';
import { addSimulator } from './commands/simulator.ts';
import { addWatch } from './commands/watch.ts';
import { addWorker } from './commands/worker.ts';
import type { ExitCode } from './exit-codes.ts';

const addContacts: AddCommand = (parent, cli, finish) => {
  const contacts = parent
    .command('contacts')
    .summary('contact lists: `contacts import`')
    .description('Contact lists.');
  addContactsImport(contacts, cli, finish);
};

const addPreferences: AddCommand = (parent, cli, finish) => {
  const preferences = parent
    .command('preferences')
    .summary('consent: `preferences update`, `check`, `history`')
    .description('Consent preferences: send them, ask whether somebody may be reached, prove what was sent.');
  for (const add of [addPreferencesUpdate, addPreferencesCheck, addPreferencesHistory])
    add(preferences, cli, finish);
};

const GROUPS: Readonly<Record<string, readonly AddCommand[]>> = {
  'Start a run:': [addContacts, addSelection],
  'Consent and privacy:': [addPreferences, addErase],
  'See what became of it:': [addRuns, addShow, addWatch, addRecords, addReport, addAudit],
  'Decide:': [addApprove, addReject, addCancel, addPause, addResume, addResolve],
  'Run cxflow:': [addDemo, addDev, addWorker, addSimulator, addDoctor],
};

const INTRODUCTION = `Campaign writes on NICE CXone that survive: nothing lost, nothing twice.`;

/** Throws CommanderError instead of ending the process. `finish` takes the exit code of the command that ran. */
export function createProgram(cli: Cli, finish: (code: ExitCode) => void): Command {
  const program = new Command('cxflow')
    .description(INTRODUCTION)
    .version(version(), '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void cli.stdout.write(text),
      writeErr: (text) => void cli.stderr.write(text),
      // main.ts says it, in the one way in which all errors are said.
      outputError: () => undefined,
    })
    .configureHelp({ showGlobalOptions: false });
  for (const [heading, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(heading);
    for (const add of commands) add(program, cli, finish);
  }
  // In the last group: commander's own would be another one, for it alone.
  program.helpCommand('help [command]', 'show what a command does, by example');
  return program.addHelpText('after', firstExample(cli.command));
}

function firstExample(command: string): string {
  return `
First steps:
  # everything on this machine, and an import to watch
  ${command} demo
  # or your own: start everything, then in another terminal
  ${command} dev
  ${command} contacts import contacts.csv --list L1 --dry-run

Exit codes: 0 all well, 1 the run failed, 2 wrong usage or unreadable input,
3 completed but some records need a look, 4 rejected or cancelled.
`;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
