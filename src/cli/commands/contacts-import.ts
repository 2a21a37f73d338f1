/** `cxflow contacts import`: stages a file, starts the run, and follows it to its end. */
import { Option } from 'commander';
import { type CxflowClient, RunNotFound, type Started } from '../../client.ts';
import type { ContactImportInput, Dedupe, Existing, Notify, OnInDoubt, Source } from '../../contract.ts';
import { type Cli, type Output, outputOf, withSession, writeJson } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatCount, plural, printable } from '../format.ts';
import { renderSteps, stepsAfterStart } from '../next-steps.ts';
import type { Session } from '../session.ts';
import { watchToEnd } from '../watching.ts';
import { type AddCommand, collectMapping, examples, JSON_HELP } from './command.ts';

export interface ImportOptions {
  readonly list?: string;
  readonly existing?: Existing;
  readonly dedupe?: Dedupe;
  readonly map?: Readonly<Record<string, string>>;
  readonly format?: 'csv' | 'ndjson';
  readonly id?: string;
  readonly dryRun?: boolean;
  readonly approval?: boolean;
  readonly approvalDeadline?: string;
  readonly onInDoubt?: OnInDoubt;
  readonly inDoubtDeadline?: string;
  readonly again?: boolean;
  readonly notify?: Notify;
  readonly retryOf?: string;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly requestedBy: string;
}

const REDRAW_MS = 200;

const EXAMPLES = [
  ['contacts import contacts.csv --list L1 --dry-run', 'what would be written, and which rows are wrong'],
  [
    'contacts import contacts.csv --list L1 --map phone="Mobile Number" --approval',
    'wait for `approve` before writing',
  ],
  ['contacts import --retry-of RUN', 'what CXone refused in an old run, once more'],
] as const;

export const addContactsImport: AddCommand = (parent, cli, finish) => {
  parent
    .command('import')
    .summary('import contacts from a CSV or NDJSON file into a contact list')
    .description(
      'Imports contacts into a contact list of CXone: stages the file, checks every row, plans, writes, reports.\n' +
        'The same content for the same list is imported once; Ctrl-C leaves the run running.',
    )
    .argument('[file]', 'CSV (comma, semicolon or tab; with a header) or NDJSON')
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
    .option('--map <field=column>', 'a column by another name; may be repeated', collectMapping)
    .addOption(choice('--format <name>', 'of the file (default: by its extension)', ['csv', 'ndjson']))
    .option('--id <run>', 'id of the run (default: made of list, content and options)')
    .option('--dry-run', 'stop at the plan; nothing is written to CXone')
    .option('--approval', 'show the plan and wait for `approve` or `reject`')
    .option('--approval-deadline <duration>', 'give up waiting after so long, e.g. "3 days" (default: never)')
    .addOption(
      choice(
        '--on-in-doubt <what>',
        'writes whose answer never came and that are not safe to repeat (default: ask)',
        ['ask', 'leave', 'resend'],
      ),
    )
    .option('--in-doubt-deadline <duration>', 'with ask: leave them in doubt after so long (default: never)')
    .option('--again', 'import although the same content went to the same list before')
    .addOption(
      choice('--notify <often>', 'how often the CRM is told (default: batch)', ['batch', 'page', 'run']),
    )
    .option('--retry-of <run>', 'instead of a file: the rows that an old run left undone')
    .option('--detach', 'start the run and return at once')
    .option('--requested-by <name>', 'who asks for it', cli.login)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (file: string | undefined, options: ImportOptions) =>
      finish(await importContacts(cli, file, options)),
    );
};

function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

/** Errors: UsageError, InputError, SourceError; Unreachable. */
export async function importContacts(
  cli: Cli,
  file: string | undefined,
  options: ImportOptions,
): Promise<ExitCode> {
  const json = options.json === true;
  const output = outputOf(cli, json);
  if ((file === undefined) === (options.retryOf === undefined)) {
    throw new UsageError('name a FILE to import, or an old run with --retry-of RUN (one of them)');
  }
  return withSession(cli, async (session) => {
    const listId = await listOf(session, options);
    const client = await session.client();
    const source =
      file === undefined ? { retryOf: options.retryOf ?? '' } : await stage(client, file, options, output);
    const runOptions = options.id === undefined ? {} : { runId: options.id };
    const started = await client.startContactImport(toInput(listId, source, options), runOptions);
    tellStart(started, cli, output);
    if (options.detach !== true) {
      return watchToEnd(started.runId, { cli, session, output, json, also: { status: started.status } });
    }
    output.say(renderSteps('next', stepsAfterStart(started.runId, cli.command)));
    if (json) writeJson(cli, { ...started, link: session.link(started.runId) });
    return EXIT.ok;
  });
}

/** Pure. What was not said is left to the contract's defaults. */
export function toInput(listId: string, source: Source, options: ImportOptions): ContactImportInput {
  const { existing, dedupe, dryRun, approval, approvalDeadline, onInDoubt, inDoubtDeadline, again, notify } =
    options;
  const given = {
    existing,
    dedupe,
    dryRun,
    approval,
    approvalDeadline,
    onInDoubt,
    inDoubtDeadline,
    again,
    notify,
  };
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { listId, source, ...said, requestedBy: options.requestedBy };
}

async function listOf(session: Session, { list, retryOf }: ImportOptions): Promise<string> {
  const given = list ?? session.config.cxone.contactListId;
  if (retryOf === undefined) {
    if (given) return given;
    throw new UsageError('which list? Say --list ID, or set CXONE_CONTACT_LIST_ID');
  }
  const old = await session.ledger.runs.find(retryOf);
  if (!old) throw new RunNotFound(retryOf);
  return list ?? old.target;
}

async function stage(
  client: CxflowClient,
  file: string,
  options: ImportOptions,
  output: Output,
): Promise<Source> {
  const { format, map } = options;
  const draw = (text: string) => void (output.stream.isTTY && output.stream.write(`\r\u001b[2K${text}`));
  let drawnMs = 0;
  const onProgress = (bytes: number) => {
    if (performance.now() - drawnMs < REDRAW_MS) return;
    drawnMs = performance.now();
    draw(`reading ${printable(file)}  ${formatCount(Math.round(bytes / 1_000))} kB`);
  };
  try {
    const staged = await client.stageFile(file, {
      onProgress,
      ...(format && { format }),
      ...(map && { map }),
    });
    draw('');
    output.say(`${printable(file)}: ${plural(staged.rows, 'row')}`);
    return staged.source;
  } finally {
    draw('');
  }
}

function tellStart({ runId, status }: Started, cli: Cli, { say, colors }: Output): void {
  if (status === 'started') say(`run ${colors.bold(runId)}`);
  else if (status === 'running') say(`this import is under way already: run ${colors.bold(runId)}`);
  else {
    say(
      `this was imported before, by run ${colors.bold(runId)}; nothing was started, and this is what it came to.`,
    );
    say(`To import it once more, say --again. \`${cli.command} contacts import --help\` has the options.`);
  }
}
