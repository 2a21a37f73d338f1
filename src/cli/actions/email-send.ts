/** Stages the recipients, starts the email send and follows it until it ends. */
import { basename } from 'node:path';
import { InputError } from '../../client/errors.ts';
import { type ChannelConsent, type EmailSendInput, messageOf } from '../../contract/email-send.ts';
import type { Source } from '../../contract/run.ts';
import { omitUndefined } from '../../domain/absent.ts';
import type { ConsentPolicy } from '../../domain/consent/eligibility.ts';
import { recipientMapProblems } from '../../domain/email-send/columns.ts';
import { type EmailMessage, readMessage } from '../../domain/email-send/message.ts';
import { searchFields } from '../../domain/email-send/provided-fields.ts';
import { readSendAt } from '../../domain/email-send/schedule.ts';
import type { Fields } from '../../domain/fields.ts';
import { plural } from '../../domain/numbers.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, type Session, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import type { ExitCode } from '../exit-codes.ts';
import { formatTime } from '../terminal/format.ts';
import { type Output, openOutput } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import type { SourceRunOptions } from './options.ts';
import { readJsonInput, STDIN } from './standard-input.ts';
import {
  findRunToRetry,
  openRunSource,
  type RowsFrom,
  requireInput,
  startAndFollow,
  toCommonInput,
} from './start-run.ts';

export interface SendOptions extends SourceRunOptions {
  /** CSV, NDJSON or JSON */
  readonly recipients?: string;
  readonly channelConsent?: ChannelConsent;
  readonly policy?: ConsentPolicy;
  readonly sendAt?: string;
  readonly sendBefore?: string;
  /** In percent. */
  readonly canary?: number;
  readonly canaryWait?: string;
  readonly retryAfter?: string;
  readonly retries?: number;
  readonly pollDeadline?: string;
  readonly watchEvents?: string;
}

/** Throws UsageError, InputError, SourceError, RunNotFound, Unreachable. */
export async function sendEmail(cli: Cli, file: string | undefined, options: SendOptions): Promise<ExitCode> {
  const output = openOutput(cli, options.json);
  const inside = file === undefined ? null : await readMessageFile(cli, file, options);
  requireOneSource(file, inside?.recipients ?? null, options);
  requireTimes(options, output);
  return withSession(cli, async (session) => {
    const earlier = await findRunToRetry(cli, session, options);
    const message = inside?.message ?? messageOfRun(earlier);
    const given = {
      ...optionsOfRun(earlier, options),
      ...chosenOptions(options),
      ...toCommonInput(options),
      message,
    };
    requireInput('emailSend', given, options);
    const source =
      file !== undefined && inside?.recipients
        ? await stageRecipients(session, file, inside.recipients, options, output)
        : await openRecipients(session, { message, earlier, stdin: cli.stdin }, options, output);
    const client = await session.client();
    const input: EmailSendInput = { ...given, source };
    const start = () => client.startEmailSend(input, omitUndefined({ runId: options.id }));
    const againHint = 'To send it to them again, add --again.';
    return startAndFollow({ start, cli, session, output, options, againHint });
  });
}

interface GivenMessage {
  readonly message: EmailMessage;
  readonly recipients: readonly Fields[] | null;
}

/** Throws UsageError, and InputError with every problem of the message. */
async function readMessageFile(cli: Cli, file: string, { map }: SendOptions): Promise<GivenMessage> {
  const read = readMessage(await readJsonInput(cli, file), 'message', map);
  if (!('problems' in read)) return read;
  throw new InputError(read.problems.map(({ path, message }) => `${file}: ${path} ${message}`));
}

function requireOneSource(
  file: string | undefined,
  inside: readonly Fields[] | null,
  { recipients, retryOf, map, format, encoding, sheet }: SendOptions,
): void {
  if (file === undefined && retryOf === undefined)
    throw new UsageError('give the message: `email send MESSAGE.json --recipients FILE`, or --retry-of RUN');
  const sources = [
    inside && 'the recipients in the message',
    recipients && '--recipients',
    retryOf && '--retry-of',
  ];
  const found = sources.filter((each) => each);
  if (found.length > 1)
    throw new UsageError(`${found.join(' and ')} exclude each other: a run has recipients from one place`);
  if (found.length === 0) throw new UsageError('add --recipients FILE: the message has no recipients in it');
  if (recipients === undefined && (format ?? encoding ?? sheet) !== undefined)
    throw new UsageError('--format, --encoding and --sheet apply to the FILE of --recipients');
  if (retryOf !== undefined && map !== undefined)
    throw new UsageError('--map applies to given recipients; a retry reads its rows as before');
}

/** Says which moment is meant where the clocks show it twice or never. Throws UsageError. */
function requireTimes({ sendAt, sendBefore }: SendOptions, output: Output): void {
  for (const [option, text] of [
    ['--send-at', sendAt],
    ['--send-before', sendBefore],
  ] as const) {
    if (text === undefined) continue;
    const read = readSendAt(text, option === '--send-at' ? Date.now() : undefined);
    if ('problem' in read) throw new UsageError(`${option} ${printable(text)} ${read.problem}`);
    const at = formatTime(new Date(read.at));
    if (read.clock === 'twice')
      output.print(
        `${option}: the clocks are put back then and show this time twice; the first is meant, ${at} here`,
      );
    if (read.clock === 'skipped')
      output.print(
        `${option}: the clocks are put forward then and never show this time; ${at} here is meant`,
      );
  }
}

async function openRecipients(
  session: Session,
  { message, earlier, stdin }: Omit<RowsFrom, 'file'> & { readonly message: EmailMessage },
  options: SendOptions,
  output: Output,
): Promise<Source> {
  // Here, because only the message of this run says which columns it needs.
  const columnProblems = (columns: readonly string[] | null, map: Readonly<Record<string, string>>) =>
    recipientMapProblems(columns, map, message);
  const rowsCheck = searchFields(message, options.map);
  const from = { file: options.recipients, earlier, stdin };
  return openRunSource(session, from, options, { columnProblems, rowsCheck }, output);
}

async function stageRecipients(
  session: Session,
  file: string,
  recipients: readonly Fields[],
  { map }: SendOptions,
  output: Output,
): Promise<Source> {
  const client = await session.client();
  const limits = session.config.sourceLimits;
  const { rows, source } = await client.stageRows(
    recipients,
    `recipients of ${file === STDIN ? 'standard input' : basename(file)}`,
    { limits },
  );
  output.print(`${printable(file)}: ${plural(rows, 'recipient')}`);
  return { ...source, ...(map && { map }) };
}

/** A retry sends the same message, unless another one is given. */
function messageOfRun(earlier: Run | null): EmailMessage {
  if (earlier?.kind === 'emailSend') return messageOf(earlier.input as EmailSendInput);
  throw new UsageError('the run of --retry-of is no email send: give the message as well');
}

/** What a retry takes over from the earlier run. */
const KEPT = ['channelConsent', 'policy', 'retryAfter', 'retries', 'pollDeadline', 'watchEvents'] as const;

/** Without its policy if consent is to be ignored now. */
function optionsOfRun(earlier: Run | null, { channelConsent }: SendOptions): Partial<EmailSendInput> {
  const input = (earlier?.input ?? {}) as Partial<EmailSendInput>;
  const kept = KEPT.filter((option) => option !== 'policy' || channelConsent !== 'ignore');
  return omitUndefined(Object.fromEntries(kept.map((option) => [option, input[option]])));
}

function chosenOptions(options: SendOptions): Partial<EmailSendInput> {
  const { channelConsent, policy, sendAt, sendBefore, canary, canaryWait } = options;
  const { retryAfter, retries, pollDeadline, watchEvents } = options;
  return omitUndefined({
    ...{ channelConsent, policy, sendAt, sendBefore, canary, canaryWait },
    ...{ retryAfter, retries, pollDeadline, watchEvents },
  });
}
