/** `cxflow contacts import` */
import { CHANNELS, CONSENT_POLICIES } from '../../domain/consent/eligibility.ts';
import type { ImportOptions } from '../actions/contacts-import.ts';
import type { AddCommand, CliOperation } from '../cli.ts';
import { choice, examples, paragraphs } from './command.ts';
import { addSourceRunOptions, COUNTRY_HELP, FILE_HELP } from './run-options.ts';

const EXAMPLES = [
  [
    'contacts import contacts.csv --list L1 --dry-run',
    'see what would be written, and which rows are invalid',
  ],
  [
    'contacts import contacts.csv --list L1 --map phone="Mobile Number" --approval',
    'wait for `approve` before writing',
  ],
  ['contacts import --retry-of RUN', 'retry what CXone rejected in an earlier run'],
] as const;

const addContacts: AddCommand = (parent, cli, finish) => {
  const contacts = parent
    .command('contacts')
    .summary('contact lists: `contacts import`')
    .description('Writes to contact lists.');
  addImport(contacts, cli, finish);
};

const addImport: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('import')
    .summary('import contacts from a CSV, Excel, NDJSON or JSON file into a contact list')
    .description(
      paragraphs(
        `Imports contacts into a contact list in CXone: stages the file, checks every row, plans, writes and
         reports.`,
        `The same content is imported into the same list only once. Ctrl-C does not stop the run.`,
      ),
    )
    .argument('[file]', FILE_HELP)
    .option('--list <id>', 'id of the contact list in CXone (default: CXONE_CONTACT_LIST_ID)')
    .addOption(
      choice('--existing <what>', 'contacts that CXone already has (default: skip)', ['skip', 'update']),
    )
    .addOption(
      choice('--dedupe <by>', 'what makes two rows the same contact (default: either)', [
        'either',
        'contactId',
        'phone',
        'both',
      ]),
    )
    .option('--country <code>', COUNTRY_HELP)
    .addOption(
      choice(
        '--require-consent <channel>',
        'import only contacts that may be reached there; one lookup for each',
        CHANNELS,
      ),
    )
    .addOption(choice('--policy <name>', 'rules for --require-consent (default: default)', CONSENT_POLICIES));
  addSourceRunOptions(command, cli, {
    identity: 'list, content and options',
    again: 'import although the same content was imported into this list before',
  })
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (file: string | undefined, options: ImportOptions) => {
      const { importContacts } = await import('../actions/contacts-import.ts');
      finish(await importContacts(cli, file, options));
    });
};

export const contactImport: CliOperation = {
  kind: 'contactImport',
  addCommands: addContacts,
  retry: { command: 'contacts import', what: 'retry the records that were not written' },
};
