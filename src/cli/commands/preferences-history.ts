/** `cxflow preferences history`: the proof of consent of one person, to be shown to them or to an authority. */
import { CHANNELS, NOTICE } from '../../domain/consent/eligibility.ts';
import type { Proof } from '../../ledger/consent/proof.ts';
import type { Suppressed } from '../../ledger/consent/suppressions.ts';
import { type Cli, outputOf, withSession, writeJson } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatTime, printable } from '../terminal/format.ts';
import { renderTable } from '../terminal/table.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export interface HistoryOptions {
  readonly contact: string;
  readonly json?: boolean;
}

const EXAMPLES = [
  [
    'preferences history --contact a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    'what was sent about them, and when',
  ],
  [
    'preferences history --contact a1b2c3d4-e5f6-7890-abcd-ef1234567890 --json > proof.json',
    'all of it, to hand out',
  ],
] as const;

export const addPreferencesHistory: AddCommand = (parent, cli, finish) => {
  parent
    .command('history')
    .summary('proof of consent: what was sent about one person, and what was answered')
    .description(
      'Shows what cxflow has sent to CXone about one person: when, by which run, from which source, with which answer;\n' +
        'and the objections that our own suppression list has. The entries are append-only and encrypted for each\n' +
        'person by themselves; `erase` makes them unreadable for good. This is personal data.',
    )
    .requiredOption('--contact <id>', 'the contact id, a GUID')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: HistoryOptions) => finish(await showHistory(cli, options)));
};

/** Errors: PepperMismatch; those of the database. */
export async function showHistory(cli: Cli, { contact, json = false }: HistoryOptions): Promise<ExitCode> {
  return withSession(cli, async ({ ledger }) => {
    const entries = await ledger.consentProof.list(contact);
    const suppressions = await ledger.suppressions.find([contact], [...CHANNELS]);
    const { say } = outputOf(cli, json);
    if (entries.length > 0) say(renderTable(COLUMNS, [HEADER, ...entries.map(rowOf)]));
    else say('nothing was sent about this contact, or they were erased');
    for (const { channel, since } of suppressions) say(suppressionLine(channel, since));
    if (json)
      writeJson(cli, { contactId: contact, entries, suppressions: suppressions.map(openly), notice: NOTICE });
    return EXIT.ok;
  });
}

const COLUMNS = [{}, {}, {}, {}, {}, {}, {}] as const;
const HEADER = ['when', 'channel', 'said', 'as of', 'source', 'became', 'run'];

function rowOf({
  at,
  sentAt,
  channel,
  optIn,
  updatedAt,
  source,
  outcome,
  reasons,
  runId,
  httpStatus,
}: Proof): string[] {
  const answer = httpStatus === null ? 'no answer' : String(httpStatus);
  const became = `${outcome} (${[answer, ...reasons].join(', ')})`;
  const said = optIn ? 'opt-in' : 'opt-out';
  const when = sentAt === null ? at : new Date(sentAt);
  return [formatTime(when), channel, said, updatedAt, printable(source), became, printable(runId)];
}

function suppressionLine(channel: string, since: Date): string {
  return `suppressed on ${channel} since ${formatTime(since)}: nobody is reached against this objection`;
}

function openly({ channel, since }: Suppressed) {
  return { channel, since };
}
