/** `cxflow list load | show` */
import type { Command } from 'commander';
import { maskItem } from '../../domain/list-load/samples.ts';
import type { LoadOptions } from '../actions/list-load.ts';
import type { ShowListOptions } from '../actions/list-show.ts';
import type { AddCommand, CliOperation } from '../cli.ts';
import { listLoadFacts, listLoadFigures } from '../render/list-load-facts.ts';
import { stepsForObjections } from '../render/list-load-steps.ts';
import {
  addPageOptions,
  choice,
  collectNames,
  examples,
  JSON_HELP,
  PAGES_HELP,
  paragraphs,
} from './command.ts';
import { addSourceRunOptions, COUNTRY_HELP, FILE_HELP } from './run-options.ts';

const EXAMPLES = [
  [
    'list load leads.csv --list L1 --campaign C1 --dry-run',
    'see who would be loaded, in which order, and who is left out; nothing is loaded',
  ],
  [
    'list load leads.csv --list L1 --campaign C1 --score-column score --fit --approval',
    'take the score from a column, load the best that fit, and wait for `approve`',
  ],
  [
    'list load leads.csv --list L1 --campaign C1 --deduplicate-by phone_number,phone2,email',
    'load nobody twice who is in several rows with different numbers',
  ],
  ['list load --retry-of RUN', 'load what CXone rejected or what found no room in an earlier run'],
] as const;

const addList: AddCommand = (parent, cli, finish) => {
  const list = parent
    .command('list')
    .summary('campaign lists: `list load`, `show`')
    .description('Loads the lists from which campaigns dial.');
  for (const add of [addLoad, addShow]) add(list, cli, finish);
};

const addLoad: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('load')
    .summary('load the best records of a CSV, Excel, NDJSON or JSON file into the list of a campaign')
    .description(
      paragraphs(
        `Loads records into a list of CXone: checks every row, leaves out who is on a suppression list, scores,
         removes duplicates, and uploads the best first, up to the capacity of the campaign.`,
        `Every column becomes a field. These mean something: phone_number (or phone, phone1) to phone9, in E.164;
         email; contact_id; updated_at; last_contact_days, engagement_rating and customer_status for the default
         score.`,
        `Of several rows with the same key the one with the higher score stays, then the newer updated_at, then
         the lower line.`,
        `The suppression list is read from CXone for every run. If it is empty, has shrunk by more than half, is
         cut off, or has entries that identify nobody or cannot be read in full, the run fails with the figures and
         a hash.`,
        `--calling-hours keeps records back until they may be called where they are, by time_zone, or by every zone that
         state, postal code and phone numbers allow. An engineering default, not legal advice.`,
        `The same content is loaded into the same list only once. Ctrl-C does not stop the run.`,
      ),
    )
    .argument('[file]', FILE_HELP)
    .option('--list <id>', 'id of the list in CXone')
    .option('--campaign <id>', 'id of the campaign that dials from it: its capacity is the limit')
    .option(
      '--deduplicate-by <fields>',
      'fields that make two rows duplicates, separated by commas; repeatable (default: phone_number)',
      collectNames,
    )
    .option('--scoring <file>', 'FILE.json with rules for the score (default: those of the tutorial)')
    .option('--score-column <field>', 'field that has the score, a plain number; instead of --scoring')
    .option(
      '--schema <file>',
      'FILE.json {"allowed": [fields], "required": [fields]}: other rows are invalid',
    )
    .option('--country <code>', COUNTRY_HELP)
    .option('--fit', 'if the campaign has too little room, load the best that fit and cancel the rest')
    .option(
      '--suppress <file>',
      'FILE with further people who must not be called: columns phone (to phone9), email, contactId, country',
    )
    .option('--suppress-sheet <name>', 'sheet of that file, if it is a workbook (see --sheet)')
    .option(
      '--accept-suppressions <hash>',
      'rely on the suppression list with this hash, which an earlier attempt named, in spite of its figures',
    );
  addHoursOptions(command);
  addSourceRunOptions(command, cli, {
    identity: 'list, campaign, content and options',
    again: 'load although the same content was loaded into this list before',
    hasOneEvent: true,
  })
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (file: string | undefined, options: LoadOptions) => {
      const { loadList } = await import('../actions/list-load.ts');
      finish(await loadList(cli, file, options));
    });
};

const SHOW_EXAMPLES = [
  ['list show L1', 'see what was loaded into the list, and for which campaign'],
] as const;

const addShow: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('show')
    .summary('show what was loaded into a list')
    .description(
      paragraphs(
        `Shows the loads of a list, the newest first: for which campaign, how many records are in the list now, and
         how many were left out. It reads the ledger, so it shows what cxflow has done, not what others have.`,
        PAGES_HELP,
      ),
    )
    .argument('<list>', 'id of the list in CXone');
  addPageOptions(command, '--before <run>', 'only loads that are older than this one')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, SHOW_EXAMPLES))
    .action(async (listId: string, options: ShowListOptions) => {
      const { showList } = await import('../actions/list-show.ts');
      finish(await showList(cli, listId, options));
    });
};

function addHoursOptions(command: Command): void {
  command
    .option(
      '--calling-hours <file>',
      'FILE.json with the hours in which people may be called, by region and by their clocks',
    )
    .addOption(
      choice(
        '--outside-hours <action>',
        'with --calling-hours: wait until somebody may be called, or reject the record (default: wait)',
        ['wait', 'reject'],
      ),
    );
}

export const listLoad: CliOperation = {
  kind: 'listLoad',
  addCommands: addList,
  facts: listLoadFacts,
  followUps: stepsForObjections,
  planFigures: listLoadFigures,
  maskRecord: (record) =>
    maskItem(record as Parameters<typeof maskItem>[0]).map(({ name, value }) => [name, value]),
  explainRecords: async (ledger, run) =>
    (await import('../actions/list-load-records.ts')).explainItems(ledger, run),
  retry: { command: 'list load', what: 'retry the records that were not loaded' },
};
