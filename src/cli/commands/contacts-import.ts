/** `cxflow contacts import`: stages a file, starts the run, and follows it to its end. */
import type { Channel, ConsentPolicy } from '../../contract/consent.ts';
import type { ContactImportInput, Dedupe, Existing } from '../../contract/contact-import.ts';
import type { Source } from '../../contract/run.ts';
import { CHANNELS, CONSENT_POLICIES } from '../../domain/consent/eligibility.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, outputOf, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import {
  addRunOptions,
  choice,
  commonInput,
  followStarted,
  requireOneSource,
  runToRetry,
  type RunOptions,
  omitUndefined,
  sourceOf,
} from '../actions/start-run.ts';
import { type AddCommand, examples } from './command.ts';

export interface ImportOptions extends RunOptions {
  readonly list?: string;
  readonly existing?: Existing;
  readonly dedupe?: Dedupe;
  readonly requireConsent?: Channel;
  readonly policy?: ConsentPolicy;
}

const WORDS = { what: 'import', done: 'imported', path: 'contacts import' } as const;

const EXAMPLES = [
  ['contacts import contacts.csv --list L1 --dry-run', 'what would be written, and which rows are wrong'],
  [
    'contacts import contacts.csv --list L1 --map phone="Mobile Number" --approval',
    'wait for `approve` before writing',
  ],
  ['contacts import --retry-of RUN', 'what CXone refused in an old run, once more'],
] as const;

export const addContactsImport: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('import')
    .summary('import contacts from a CSV, NDJSON or JSON file into a contact list')
    .description(
      'Imports contacts into a contact list of CXone: stages the file, checks every row, plans, writes, reports.\n' +
        'The same content for the same list is imported once; Ctrl-C leaves the run running.',
    )
    .argument('[file]', 'CSV (comma, semicolon or tab; with a header), NDJSON, or a JSON array')
    .option('--list <id>', 'contact list in CXone (default: CXONE_CONTACT_LIST_ID)')
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
    .addOption(
      choice(
        '--require-consent <channel>',
        'only whom CXone lets us reach there; a look-up for each',
        CHANNELS,
      ),
    )
    .addOption(
      choice('--policy <name>', 'with --require-consent: which rules (default: default)', CONSENT_POLICIES),
    );
  addRunOptions(command, cli, {
    id: 'list, content and options',
    again: 'import although the same content went to the same list before',
  })
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (file: string | undefined, options: ImportOptions) =>
      finish(await importContacts(cli, file, options)),
    );
};

/** Errors: UsageError, InputError, SourceError; Unreachable. */
export async function importContacts(
  cli: Cli,
  file: string | undefined,
  options: ImportOptions,
): Promise<ExitCode> {
  const output = outputOf(cli, options.json === true);
  requireOneSource(file, options, WORDS.what);
  return withSession(cli, async (session) => {
    const old = await runToRetry(session, options);
    const listId = listOf(session, options, old);
    const all = { ...optionsOf(old), ...options };
    if (all.policy !== undefined && all.requireConsent === undefined)
      throw new UsageError('--policy is of use with --require-consent CHANNEL only: say on which channel');
    const source = await sourceOf(session, file, options, output, 'contactImport');
    const runOptions = options.id === undefined ? {} : { runId: options.id };
    const input = toInput(listId, source, all);
    const started = await (await session.client()).startContactImport(input, runOptions);
    return followStarted(started, { cli, session, output }, options, WORDS);
  });
}

/** Pure. What was not said is left to the contract's defaults. */
export function toInput(listId: string, source: Source, options: ImportOptions): ContactImportInput {
  const { existing, dedupe, requireConsent, policy } = options;
  const said = omitUndefined({ existing, dedupe, requireConsent, policy });
  return { listId, source, ...said, ...commonInput(options) };
}

function listOf(session: Session, { list }: ImportOptions, old: Run | null): string {
  const given = list ?? old?.target ?? session.config.cxone.contactListId;
  if (given) return given;
  throw new UsageError('which list? Say --list ID, or set CXONE_CONTACT_LIST_ID');
}

/** A retry writes as the old run did, unless something else was said. */
function optionsOf(old: Run | null): Partial<ImportOptions> {
  const { existing, dedupe, requireConsent, policy } = (old?.input ?? {}) as Partial<ContactImportInput>;
  // Older versions took a policy without a channel, and ignored it.
  return omitUndefined({ existing, dedupe, ...(requireConsent && { requireConsent, policy }) });
}
