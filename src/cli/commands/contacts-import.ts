/** `cxflow contacts import`: stages a file, starts the run, and follows it to its end. */
import { Option } from 'commander';
import { type CxflowClient, RunNotFound, type StageOptions, type Started } from '../../client.ts';
import type {
  ContactImportInput,
  Dedupe,
  Existing,
  Notify,
  OnInDoubt,
  Source,
  SourceEncoding,
  SourceFormat,
} from '../../contract.ts';
import type { Run } from '../../ledger/runs.ts';
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
  readonly format?: SourceFormat;
  readonly encoding?: SourceEncoding;
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
    .option('--map <field=column>', 'a column by another name; may be repeated', collectMapping)
    .addOption(
      choice('--format <name>', 'of the file (default: by its extension)', ['csv', 'ndjson', 'json']),
    )
    .addOption(
      choice('--encoding <name>', 'of the file (default: utf-8, or what its byte order mark says)', [
        'utf-8',
        'utf-16le',
        'utf-16be',
        'windows-1252',
        'latin1',
      ]),
    )
    .option('--id <run>', 'id of the run (default: made of list, content and options)')
    .option('--dry-run', 'stop at the plan; nothing is written to CXone (exit code 3 if rows are invalid)')
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
    .option(
      '--retry-of <run>',
      'instead of a file: the rows that an old run left rejected, in conflict, cancelled or pending',
    )
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
  if (options.retryOf !== undefined && (options.map ?? options.format ?? options.encoding) !== undefined) {
    throw new UsageError(
      '--map, --format and --encoding are of a FILE; a retry reads its rows as the old run did',
    );
  }
  return withSession(cli, async (session) => {
    const old = options.retryOf === undefined ? null : await runToRetry(session, options.retryOf);
    const listId = listOf(session, options, old);
    const client = await session.client();
    const source =
      file === undefined
        ? { retryOf: options.retryOf ?? '' }
        : await stage(client, file, { ...options, limits: session.config.sourceLimits }, output);
    const runOptions = options.id === undefined ? {} : { runId: options.id };
    const input = toInput(listId, source, { ...optionsOf(old), ...options });
    const started = await client.startContactImport(input, runOptions);
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

async function runToRetry(session: Session, runId: string): Promise<Run> {
  const old = await session.ledger.runs.find(runId);
  if (!old) throw new RunNotFound(runId);
  return old;
}

function listOf(session: Session, { list }: ImportOptions, old: Run | null): string {
  const given = list ?? old?.target ?? session.config.cxone.contactListId;
  if (given) return given;
  throw new UsageError('which list? Say --list ID, or set CXONE_CONTACT_LIST_ID');
}

/** A retry writes as the old run did, unless something else was said. */
function optionsOf(old: Run | null): Partial<ImportOptions> {
  const { existing, dedupe } = (old?.input ?? {}) as Partial<ContactImportInput>;
  return { ...(existing && { existing }), ...(dedupe && { dedupe }) };
}

async function stage(
  client: CxflowClient,
  file: string,
  options: ImportOptions & Pick<StageOptions, 'limits'>,
  output: Output,
): Promise<Source> {
  const { format, encoding, map, limits } = options;
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
      encoding,
      ...(format && { format }),
      ...(map && { map }),
      ...(limits && { limits }),
    });
    draw('');
    const from = staged.encoding === 'utf-8' ? '' : `, read as ${staged.encoding}`;
    output.say(`${printable(file)}: ${plural(staged.rows, 'row')}${from}`);
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
