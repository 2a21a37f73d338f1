/** `cxflow suppressions list | add | remove | import | export` */
import { CHANNELS } from '../../domain/consent/eligibility.ts';
import type { RecordFormat } from '../../queries/record-files.ts';
import type { ListSuppressionsOptions } from '../actions/list-suppressions.ts';
import type { ExportSuppressionsOptions, ImportSuppressionsOptions } from '../actions/suppression-files.ts';
import type { AddSuppressionOptions, RemoveSuppressionOptions } from '../actions/suppressions.ts';
import type { AddCommand } from '../cli.ts';
import { addPageOptions, choice, examples, JSON_HELP, PAGES_HELP, paragraphs } from './command.ts';
import { addFileOptions, FILE_HELP } from './run-options.ts';

const FORMATS: readonly RecordFormat[] = ['csv', 'xlsx', 'ndjson', 'json'];
const ABOUT_HELP = 'an email address, a phone number with its country code, or else a contact id';
const BY_HELP = 'who decides, for the audit';

export const addSuppressions: AddCommand = (parent, cli, finish) => {
  const suppressions = parent
    .command('suppressions')
    .summary('our own list of people who must not be contacted: `suppressions list`, `add`, `remove`, …')
    .description(
      paragraphs(
        `Everything that reaches people obeys this list, right before each batch: opt-outs that a preference update has
         read, people who were erased, mailboxes that do not exist (hard_bounce), complaints, and what you add.`,
        `It has keyed hashes instead of addresses, numbers and ids, so that it can outlive an erasure. Nobody can read
         out whom it has; but you can ask about a person.`,
      ),
    );
  for (const add of [addList, addAdd, addRemove, addImport, addExport]) add(suppressions, cli, finish);
};

const LIST_EXAMPLES = [
  ['suppressions list', 'see the newest entries'],
  ['suppressions list ann@example.com', 'see whether and why Ann gets no email'],
  ['suppressions list --reason hard_bounce --since 2026-11-01', 'see what has bounced this month'],
  ['suppressions list --removed', 'see what was taken off, by whom and why'],
] as const;

const addList: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('list')
    .summary('show who is suppressed, on which channel, why and since when')
    .description(
      paragraphs(
        `Shows the entries in force, the newest first. With an address, a number or a contact id: the entries about it.
         An entry that a newer consent has ended, or that somebody has taken off, is not shown.`,
        `${PAGES_HELP} \`cxflow suppressions export\` writes the whole list.`,
      ),
    )
    .argument('[who]', ABOUT_HELP)
    .addOption(choice('--channel <name>', 'only on this channel', CHANNELS))
    .option('--reason <text>', 'only with exactly this reason, e.g. hard_bounce or complaint')
    .option('--since <date>', 'only of this date or later, e.g. 2026-11-01')
    .option('--removed', 'show what was taken off the list instead');
  addPageOptions(
    command,
    '--before <position>',
    'only entries older than this position, which the previous page printed',
  )
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, LIST_EXAMPLES))
    .action(async (about: string | undefined, options: ListSuppressionsOptions) => {
      const { listSuppressions } = await import('../actions/list-suppressions.ts');
      finish(await listSuppressions(cli, about, options));
    });
};

const ADD_EXAMPLES = [
  ['suppressions add ann@example.com --reason "asked by phone"', 'contact nobody at this address any more'],
  ['suppressions add +14155550101 --channel sms --reason "texted STOP"', 'send no more texts to this number'],
] as const;

const addAdd: AddCommand = (parent, cli, finish) => {
  parent
    .command('add')
    .summary('suppress an address, a number or a contact')
    .description(
      paragraphs(
        `Takes effect at once: runs that are under way leave the person out of every batch that has not left yet.
         A repetition changes nothing.`,
        `An address or a number counts for every record that has it, whatever the field is called. A consent of a contact
         ends entries about the contact, but none about an address or a number: \`remove\` does.`,
      ),
    )
    .argument('<who>', ABOUT_HELP)
    .option('--channel <names>', `${CHANNELS.join(', ')} or all; several with commas (default: all)`)
    .requiredOption('--reason <text>', 'why, also for the audit; no personal data')
    .option('--code <code>', 'code of a bounce, e.g. 5.1.1')
    .option('--since <date>', 'when the person objected, e.g. 2026-11-01T09:15:00Z (default: now)')
    .option('--by <name>', BY_HELP, cli.login)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, ADD_EXAMPLES))
    .action(async (about: string, options: AddSuppressionOptions) => {
      const { addSuppression } = await import('../actions/suppressions.ts');
      finish(await addSuppression(cli, about, options));
    });
};

const REMOVE_EXAMPLES = [
  [
    'suppressions remove ann@example.com --listed-for hard_bounce --reason "the mailbox works again"',
    'send emails to this address again, unless there is an objection too',
  ],
] as const;

const addRemove: AddCommand = (parent, cli, finish) => {
  parent
    .command('remove')
    .summary('take somebody off the list, so that they are contacted again')
    .description(
      paragraphs(
        `A decision of a person, which the audit and the history keep with its reason. The same bounce or objection, if it
         is read again, does not bring the entry back; one with a later date does.`,
        `Where the entries have different reasons, --listed-for says which of them no longer holds. The objections of
         people who were erased stay (exit code 3).`,
      ),
    )
    .argument('<who>', ABOUT_HELP)
    .addOption(choice('--channel <name>', 'only on this channel', CHANNELS))
    .option('--listed-for <reason>', 'only entries with this reason, as `suppressions list WHO` shows it')
    .requiredOption('--reason <text>', 'why they may be contacted again, for the audit; no personal data')
    .option('--by <name>', BY_HELP, cli.login)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, REMOVE_EXAMPLES))
    .action(async (about: string, options: RemoveSuppressionOptions) => {
      const { removeSuppression } = await import('../actions/suppressions.ts');
      finish(await removeSuppression(cli, about, options));
    });
};

const IMPORT_EXAMPLES = [
  ['suppressions import unsubscribed.csv --reason "from the old system"', 'bring objections along'],
  [
    'suppressions import bounces.csv --map email=recipient --map since=bounced_at',
    'name the columns of the file',
  ],
] as const;

const addImport: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('import')
    .summary('add the rows of a file, all or none')
    .description(
      paragraphs(
        `Columns: email, phone (to phone9), contactId, country (of numbers without a country code), channel (default:
         all), reason, code, since (default: now); entry, from an export. Each row needs one that names somebody.
         Everybody whom it names is suppressed on each of its channels.`,
        `If a row cannot be read, nothing is added, and every problem is shown with its line (exit code 2). A
         repetition adds nothing; entries without a date of their own get the later one.`,
      ),
    )
    .argument('<file>', FILE_HELP)
    .option('--reason <text>', 'the reason of rows without one; no personal data', 'imported')
    .option('--by <name>', BY_HELP, cli.login);
  addFileOptions(command)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, IMPORT_EXAMPLES))
    .action(async (file: string, options: ImportSuppressionsOptions) => {
      const { importSuppressions } = await import('../actions/suppression-files.ts');
      finish(await importSuppressions(cli, file, options));
    });
};

const EXPORT_EXAMPLES = [
  ['suppressions export --out suppressions.csv', 'keep the list beside the backups of the ledger'],
  ['suppressions export --out bounces.ndjson --reason hard_bounce', 'only mailboxes that do not exist'],
] as const;

const addExport: AddCommand = (parent, cli, finish) => {
  parent
    .command('export')
    .summary('write the list into a file that `import` reads')
    .description(
      paragraphs(
        `Writes the entries in force. They are keyed hashes (column entry), not addresses or numbers, because the
         list has no others. So the file can be imported into this ledger and its restored backups only, under the same
         CXFLOW_PEPPER: for example to bring back what was added after the backup. Anywhere else the import refuses it.`,
      ),
    )
    .requiredOption('--out <file>', 'the file; only you can read it')
    .addOption(choice('--format <name>', 'format (default: from the extension, otherwise csv)', FORMATS))
    .addOption(choice('--channel <name>', 'only on this channel', CHANNELS))
    .option('--reason <text>', 'only with exactly this reason')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXPORT_EXAMPLES))
    .action(async (options: ExportSuppressionsOptions) => {
      const { exportSuppressions } = await import('../actions/suppression-files.ts');
      finish(await exportSuppressions(cli, options));
    });
};
