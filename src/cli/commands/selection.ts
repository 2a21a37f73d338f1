/** `cxflow selection update | rollback | show | history` */
import type { Command } from 'commander';
import type { SelectionHistoryOptions } from '../actions/selection-history.ts';
import type { SelectionOptions } from '../actions/selection-update.ts';
import type { AddCommand, Cli, CliOperation } from '../cli.ts';
import { selectionFacts } from '../render/selection-facts.ts';
import { stepsAfterSelectionUpdate } from '../render/selection-steps.ts';
import {
  addPageOptions,
  choice,
  duration,
  examples,
  JSON_HELP,
  PAGES_HELP,
  paragraphs,
  RUN_HELP,
} from './command.ts';
import { addRunOptions } from './run-options.ts';

const addSelection: AddCommand = (parent, cli, finish) => {
  const selection = parent
    .command('selection')
    .summary('campaigns: `selection update`, `rollback`, `show`, `history`')
    .description(
      'Manages which contacts a campaign dials: target lists, exclusions, filter rules, priorities.',
    );
  for (const add of [addUpdate, addRollback, addShow, addHistory]) add(selection, cli, finish);
};

const CONFLICT_POLICIES = ['merge', 'ask', 'mine', 'ours', 'theirs'] as const;

function addSelectionOptions(command: Command, cli: Cli): Command {
  command
    .addOption(
      choice(
        '--on-conflict <what>',
        'if someone else changed the same places: fail (merge), ask, or keep one side; ours is the same as mine (default: merge)',
        CONFLICT_POLICIES,
      ),
    )
    .option(
      '--conflict-deadline <duration>',
      'with ask: fail after this time, e.g. "9 days" (default: never)',
      duration,
    );
  return addRunOptions(command, cli, {
    identity: 'campaign and desired selection',
    attention: 'there are conflicts',
  });
}

const UPDATE_EXAMPLES = [
  ['selection show C1 --json > c1.json', 'export the selection, then edit contactSelection in the file'],
  ['selection update C1 c1.json --dry-run', 'see what would change; later edits by others are kept'],
  ['selection update C1 change.json --on-conflict ask', 'add or remove: {"add": {"targetListIds": ["L7"]}}'],
] as const;

const addUpdate: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('update')
    .summary('change what a campaign dials, and keep the edits of others')
    .description(
      paragraphs(
        `Changes the contact selection of a campaign. FILE.json contains a whole contactSelection, the edited
         output of \`selection show --json\`, or a change {"add": {…}, "remove": {…}}.`,
        `A filter rule is its field, operator and value. An added rule replaces none: to replace a rule, also name
         it in "remove". The plan shows a replacement as ~ and names the rules that an addition keeps.`,
        `The write is guarded by the version of the campaign: what others change in the meantime is merged,
         and what both sides changed differently is a conflict.`,
      ),
    )
    .argument('<campaign>', 'id of the campaign in CXone')
    .argument('<file>', 'FILE.json; - for standard input');
  addSelectionOptions(command, cli)
    .addHelpText('after', examples(cli, UPDATE_EXAMPLES))
    .action(async (campaignId: string, file: string, options: SelectionOptions) => {
      const { updateSelection } = await import('../actions/selection-update.ts');
      finish(await updateSelection(cli, campaignId, file, options));
    });
};

const addRollback: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('rollback')
    .summary('undo what a run wrote, and keep what others changed since')
    .description(
      paragraphs(
        `Undoes what a selection update wrote, in a run of its own with a plan, guarded by the version of the
         campaign. What others changed since then is kept; where they changed the same places, it is a
         conflict.`,
      ),
    )
    .argument('<run>', `${RUN_HELP}: the one to undo`);
  addSelectionOptions(command, cli)
    .addHelpText('after', examples(cli, [['selection rollback RUN --dry-run', 'see what would change back']]))
    .action(async (runId: string, options: SelectionOptions) => {
      const { rollBackSelection } = await import('../actions/selection-update.ts');
      finish(await rollBackSelection(cli, runId, options));
    });
};

const SHOW_EXAMPLES = [
  ['selection show C1', 'see lists, rules, priorities and version'],
  ['selection show C1 --json > c1.json', 'export it, edit it, then run `selection update C1 c1.json`'],
] as const;

const addShow: AddCommand = (parent, cli, finish) => {
  parent
    .command('show')
    .summary('show what a campaign dials now')
    .description(
      'Shows the contact selection of a campaign as it is in CXone now. A worker has to be running.',
    )
    .argument('<campaign>', 'id of the campaign in CXone')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, SHOW_EXAMPLES))
    .action(async (campaignId: string, options: { json?: boolean }) => {
      const { showSelection } = await import('../actions/selection-show.ts');
      finish(await showSelection(cli, campaignId, options));
    });
};

const HISTORY_EXAMPLES = [
  ['selection history C1', 'see who changed what, when, and from which version to which'],
] as const;

const addHistory: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('history')
    .summary('list the updates of a campaign that cxflow made')
    .description(
      paragraphs(
        'Lists the updates of a campaign that cxflow made, newest first, from the ledger.',
        PAGES_HELP,
      ),
    )
    .argument('<campaign>', 'id of the campaign in CXone');
  addPageOptions(command, '--before <run>', 'only updates that are older than this one')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, HISTORY_EXAMPLES))
    .action(async (campaignId: string, options: SelectionHistoryOptions) => {
      const { showSelectionHistory } = await import('../actions/selection-history.ts');
      finish(await showSelectionHistory(cli, campaignId, options));
    });
};

export const selectionUpdate: CliOperation = {
  kind: 'selectionUpdate',
  addCommands: addSelection,
  stepsAfterRun: stepsAfterSelectionUpdate,
  facts: selectionFacts,
};
