/** What the commands that start a run share: their common options, staging a file, telling what was started. */
import { type Command, Option } from 'commander';
import {
  type CxflowClient,
  RunNotFound,
  type StageOptions,
  type Staged,
  type Started,
} from '../../client.ts';
import type { OperationKind } from '../../contract/operations.ts';
import type {
  CommonInput,
  Notify,
  OnInDoubt,
  Source,
  SourceEncoding,
  SourceFormat,
} from '../../contract/run.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, type Output, writeJson } from '../cli.ts';
import { collectMapping, JSON_HELP } from '../commands/command.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatCount, plural, printable } from '../terminal/format.ts';
import { renderSteps, stepsAfterStart } from '../render/next-steps.ts';
import type { Session } from '../session.ts';
import { watchToEnd } from '../watching/watch.ts';

/** As the command line gives them. */
export interface RunOptions extends FileOptions {
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
export interface FileOptions {
  readonly map?: Readonly<Record<string, string>>;
  readonly format?: SourceFormat;
  readonly encoding?: SourceEncoding;
}

const REDRAW_MS = 200;

export function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

export function addFileOptions(command: Command): Command {
  return command
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
    );
}

/** `again`: what saying it once more means here. */
export function addRunOptions(
  command: Command,
  cli: Pick<Cli, 'login'>,
  help: { readonly id: string; readonly again: string },
): Command {
  return addFileOptions(command)
    .option('--id <run>', `id of the run (default: made of ${help.id})`)
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
    .option('--again', help.again)
    .addOption(
      choice('--notify <often>', 'how often the CRM is told (default: batch)', ['batch', 'page', 'run']),
    )
    .option(
      '--retry-of <run>',
      'instead of a file: the rows that an old run left rejected, in conflict, cancelled or pending',
    )
    .option('--detach', 'start the run and return at once')
    .option('--requested-by <name>', 'who asks for it', cli.login)
    .option('--json', JSON_HELP);
}

/** Pure. What was not said is left to the contract's defaults. */
export function commonInput(options: RunOptions): CommonInput {
  const { dryRun, approval, approvalDeadline, onInDoubt, inDoubtDeadline, again, notify } = options;
  const given = { dryRun, approval, approvalDeadline, onInDoubt, inDoubtDeadline, again, notify };
  return { ...omitUndefined(given), requestedBy: options.requestedBy };
}

/** Without what was not said. */
export function omitUndefined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Errors: UsageError. */
export function requireOneSource(file: string | undefined, options: RunOptions, what: string): void {
  if ((file === undefined) === (options.retryOf === undefined))
    throw new UsageError(`name a FILE to ${what}, or an old run with --retry-of RUN (one of them)`);
  if (file === undefined && (options.map ?? options.format ?? options.encoding) !== undefined)
    throw new UsageError(
      '--map, --format and --encoding are of a FILE; a retry reads its rows as the old run did',
    );
}

/** The old run, with `--retry-of`. Errors: RunNotFound. */
export async function runToRetry(session: Session, { retryOf }: RunOptions): Promise<Run | null> {
  if (retryOf === undefined) return null;
  const old = await session.ledger.runs.find(retryOf);
  if (!old) throw new RunNotFound(retryOf);
  return old;
}

/** The file, handed over to the ledger; or the old run. */
export async function sourceOf(
  session: Session,
  file: string | undefined,
  options: RunOptions,
  output: Output,
  operation: OperationKind,
): Promise<Source> {
  if (file === undefined) return { retryOf: options.retryOf ?? '' };
  return (await stageFile(session, file, { ...fileOptions(options), operation }, output)).source;
}

export function fileOptions({
  format,
  encoding,
  map,
}: FileOptions): Pick<StageOptions, 'format' | 'encoding' | 'map'> {
  return { ...(format && { format }), ...(encoding && { encoding }), ...(map && { map }) };
}

/** Says how far it is, and how many rows it read. */
export async function stageFile(
  session: Session,
  file: string,
  options: StageOptions<OperationKind>,
  output: Output,
): Promise<Staged> {
  const draw = drawer(output);
  let drawnMs = 0;
  const onProgress = (bytes: number) => {
    if (performance.now() - drawnMs < REDRAW_MS) return;
    drawnMs = performance.now();
    draw(`reading ${printable(file)}  ${formatCount(Math.round(bytes / 1_000))} kB`);
  };
  try {
    const client: CxflowClient = await session.client();
    const limits = session.config.sourceLimits;
    const staged = await client.stageFile(file, { onProgress, limits, ...options });
    draw('');
    const from = staged.encoding === 'utf-8' ? '' : `, read as ${staged.encoding}`;
    output.say(`${printable(file)}: ${plural(staged.rows, 'row')}${from}`);
    return staged;
  } finally {
    draw('');
  }
}

/** One line that is drawn over; nothing where nobody looks. */
export function drawer({ stream }: Output): (text: string) => void {
  return (text) => void (stream.isTTY && stream.write(`\r\u001b[2K${text}`));
}

/** `what`: "import"; `done`: "imported"; `path`: the command. */
export interface StartWords {
  readonly what: string;
  readonly done: string;
  readonly path: string;
}

/** Tells what was started, and follows it to its end unless it was to be left alone. */
export async function followStarted(
  started: Started,
  { cli, session, output }: { readonly cli: Cli; readonly session: Session; readonly output: Output },
  { detach, json = false }: RunOptions,
  words: StartWords,
): Promise<ExitCode> {
  tellStart(started, cli, output, words);
  if (detach !== true) {
    return watchToEnd(started.runId, { cli, session, output, json, also: { status: started.status } });
  }
  output.say(renderSteps('next', stepsAfterStart(started.runId, cli.command)));
  if (json) writeJson(cli, { ...started, link: session.link(started.runId) });
  return EXIT.ok;
}

function tellStart({ runId, status }: Started, cli: Cli, { say, colors }: Output, words: StartWords): void {
  const run = colors.bold(runId);
  if (status === 'started') say(`run ${run}`);
  else if (status === 'running') say(`this ${words.what} is under way already: run ${run}`);
  else {
    say(`this was ${words.done} before, by run ${run}; nothing was started, and this is what it came to.`);
    say(
      `To ${words.what} it once more, say --again. \`${cli.command} ${words.path} --help\` has the options.`,
    );
  }
}
