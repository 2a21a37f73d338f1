/** `cxflow preferences update | check | history` */
import { CHANNELS, CONSENT_POLICIES } from '../../domain/consent/eligibility.ts';
import type { CheckOptions } from '../actions/options.ts';
import type { HistoryOptions } from '../actions/preferences-history.ts';
import type { UpdateOptions } from '../actions/preferences-update.ts';
import type { AddCommand, CliOperation } from '../cli.ts';
import { preferenceFacts } from '../render/preference-facts.ts';
import { choice, examples, guid, JSON_HELP, paragraphs } from './command.ts';
import { addFileOptions, addSourceRunOptions, FILE_HELP } from './run-options.ts';

const CONTACT = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';

const addPreferences: AddCommand = (parent, cli, finish) => {
  const preferences = parent
    .command('preferences')
    .summary('consent: `preferences update`, `check`, `history`')
    .description(
      'Sends consent preferences, checks whether contacts may be reached, and proves what was sent.',
    );
  for (const add of [addUpdate, addCheck, addHistory]) add(preferences, cli, finish);
};

const UPDATE_EXAMPLES = [
  [
    'preferences update consent.csv --dry-run',
    'see which rows break a rule, with every reason; nothing is sent',
  ],
  ['preferences update consent.csv --approval', 'wait for `approve` before writing'],
  [
    'preferences update crm.ndjson --map contactId=customer_guid',
    'read a field from a column of another name',
  ],
] as const;

const addUpdate: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('update')
    .summary('send consent preferences from a CSV, Excel, NDJSON or JSON file to CXone')
    .description(
      paragraphs(
        `Sends consent preferences to CXone: stages the file, checks every row, plans, writes and reports.`,
        `Columns: contactId (a GUID), channel (email, sms, voice, webchat), optIn, consentTimestamp,
         withdrawalTimestamp, regulatoryRegion (GDPR, CCPA, TCPA, NONE), source, idempotencyKey, updatedAt.
         optIn is one of true, yes, y, 1, t, on, or of false, no, n, 0, f, off, out, stop, opted out,
         unsubscribed, withdrawn.`,
        `Of several rows for the same contact and channel the newest is sent; if two are equally new, the
         withdrawal. Where several of the rows to be sent share an idempotencyKey, each gets a key of its own.`,
        `Every opt-out enters our own suppression list when its row is read, except in a dry run; without a
         known channel it counts on all of them. A newer consent ends the entry.`,
      ),
    )
    .argument('[file]', FILE_HELP)
    .option(
      '--guard',
      'look up stored preferences first: what CXone has already is not sent, and an opt-in older than a withdrawal is a conflict (default)',
    )
    .option(
      '--no-guard',
      'send all, and trust CXone to keep the newest; saves one lookup for each preference',
    );
  addSourceRunOptions(command, cli, {
    identity: 'content and options',
    again: 'send although the same content was sent before',
  })
    .addHelpText('after', examples(cli, UPDATE_EXAMPLES))
    .action(async (file: string | undefined, options: UpdateOptions) => {
      const { updatePreferences } = await import('../actions/preferences-update.ts');
      finish(await updatePreferences(cli, file, options));
    });
};

const CHECK_EXAMPLES = [
  [`preferences check --contact ${CONTACT} --channel email`, 'check one contact'],
  ['preferences check audience.csv --channel sms', 'write audience.eligible.csv and audience.ineligible.csv'],
  [
    'preferences check audience.csv --policy strict --out checked',
    'apply all rules, take the channel from each row, and write to another folder',
  ],
] as const;

const addCheck: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('check')
    .summary('check whether one contact, or every contact in a file, may be reached')
    .description(
      paragraphs(
        `Looks up the preference in CXone and applies our rules to it, after our own suppression list.
         Without an answer from CXone a contact is not eligible. The result holds for this moment: check
         again before the next contact. The rules are an engineering default, not legal advice.`,
        `A file has a column contactId and, without --channel, a column channel. Each row takes one request
         to CXone.`,
        `Exit code for one contact: 0 eligible, 3 not eligible. For a file: 3 if a row has no answer (no
         contact id, no channel, malformed, or CXone did not answer), 4 after Ctrl-C, which cancels the
         check.`,
      ),
    )
    .argument(
      '[file]',
      'CSV, an Excel workbook, NDJSON or a JSON array, instead of --contact; - for standard input',
    )
    .option('--contact <id>', 'id of the contact, a GUID', guid)
    .addOption(choice('--channel <name>', 'the channel on which to reach them', CHANNELS))
    .addOption(choice('--policy <name>', 'which rules apply (default: default)', CONSENT_POLICIES))
    .addOption(
      choice('--opt-in-status <status>', 'with --policy strict: the opt-in status of the record', [
        'confirmed',
        'pending',
      ]),
    )
    .option('--time-zone <name>', 'with --policy strict: their time zone, e.g. America/New_York')
    .option('--out <folder>', 'folder for the two files (default: that of FILE)');
  addFileOptions(command)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, CHECK_EXAMPLES))
    .action(async (file: string | undefined, options: CheckOptions) => {
      const { checkPreferences } = await import('../actions/preferences-check.ts');
      finish(await checkPreferences(cli, file, options));
    });
};

const HISTORY_EXAMPLES = [
  [`preferences history --contact ${CONTACT}`, 'see what was sent about them, and when'],
  [`preferences history --contact ${CONTACT} --json > proof.json`, 'export all of it'],
] as const;

const addHistory: AddCommand = (parent, cli, finish) => {
  parent
    .command('history')
    .summary('show the proof of consent of one contact: what was sent and how CXone answered')
    .description(
      paragraphs(
        `Shows what cxflow has sent to CXone about one data subject: when, by which run, from which source,
         and with which answer; and the objections on our own suppression list.`,
        `The entries are append-only and encrypted with a key of that data subject; \`erase\` makes them
         unreadable for good. The output is personal data.`,
      ),
    )
    .requiredOption('--contact <id>', 'id of the contact, a GUID', guid)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, HISTORY_EXAMPLES))
    .action(async (options: HistoryOptions) => {
      const { showPreferenceHistory } = await import('../actions/preferences-history.ts');
      finish(await showPreferenceHistory(cli, options));
    });
};

export const preferenceUpdate: CliOperation = {
  kind: 'preferenceUpdate',
  addCommands: addPreferences,
  facts: preferenceFacts,
  retry: {
    command: 'preferences update',
    what: 'retry the records that were not sent (their opt-outs are on our own suppression list until then)',
  },
};
