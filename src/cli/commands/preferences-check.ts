/** `cxflow preferences check`: may somebody be reached, one contact or every row of a file? Reads only. */
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Channel, ConsentPolicy, Eligibility, EligibilityListResult } from '../../contract/consent.ts';
import { CHANNELS, CONSENT_POLICIES, NOTICE } from '../../domain/consent/eligibility.ts';
import {
  eligibilityMapProblems,
  isUnanswered,
  resolveEligibilityColumns,
} from '../../domain/consent/eligibility-list.ts';
import { type Cli, type Output, outputOf, withSession, writeJson } from '../cli.ts';
import { judgedFile } from '../actions/eligibility-files.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatCount, plural, printable } from '../terminal/format.ts';
import { writeFileWhole } from '../terminal/output-stream.ts';
import type { Session } from '../session.ts';
import {
  addFileOptions,
  choice,
  drawer,
  fileOptions,
  type FileOptions,
  omitUndefined,
  stageFile,
} from '../actions/start-run.ts';
import { renderTable } from '../terminal/table.ts';
import { withInterrupt } from '../watching/watch.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export interface CheckOptions extends FileOptions {
  readonly contact?: string;
  readonly channel?: Channel;
  readonly policy?: ConsentPolicy;
  readonly optInStatus?: 'confirmed' | 'pending';
  readonly timeZone?: string;
  readonly out?: string;
  readonly json?: boolean;
}

const POLL_MS = 1_000;
const EXAMPLES = [
  ['preferences check --contact a1b2c3d4-e5f6-7890-abcd-ef1234567890 --channel email', 'one contact, now'],
  [
    'preferences check audience.csv --channel sms',
    'writes audience.eligible.csv and audience.ineligible.csv',
  ],
  [
    'preferences check audience.csv --policy strict --out checked',
    'a channel in each row, all rules, another folder',
  ],
] as const;

export const addPreferencesCheck: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('check')
    .summary('may they be reached? one contact, or every row of a file')
    .description(
      "Fetches CXone's preference and judges it by our rules, after our own suppression list. What is not to be had is\n" +
        'not eligible. The answer is of its moment: ask again before the next time. The rules are an engineering\n' +
        'default, not legal advice. Exit code: 0 eligible, 3 not; of a file: 3 where a row has no answer\n' +
        '(no contact id, no channel, broken, or CXone did not say), 4 after Ctrl-C, which ends the check.\n' +
        'A file has a column contactId and, without --channel, a column channel; each row is a request to CXone.',
    )
    .argument('[file]', 'CSV, NDJSON or a JSON array, instead of --contact')
    .option('--contact <id>', 'a GUID')
    .addOption(choice('--channel <name>', 'how they would be reached', CHANNELS))
    .addOption(choice('--policy <name>', 'which rules (default: default)', CONSENT_POLICIES))
    .addOption(
      choice('--opt-in-status <status>', 'with --policy strict: what the record says', [
        'confirmed',
        'pending',
      ]),
    )
    .option('--time-zone <name>', 'with --policy strict: where they are, e.g. America/New_York')
    .option('--out <folder>', 'of the two files (default: beside the file)');
  addFileOptions(command)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (file: string | undefined, options: CheckOptions) =>
      finish(await checkPreferences(cli, file, options)),
    );
};

/** Errors: UsageError, InputError, SourceError; Unreachable, NoWorkerAnswered, NotDone. */
export async function checkPreferences(
  cli: Cli,
  file: string | undefined,
  options: CheckOptions,
): Promise<ExitCode> {
  const { contact, channel } = options;
  if ((file === undefined) === (contact === undefined))
    throw new UsageError('say --contact ID --channel NAME, or name a FILE (one of them)');
  if (file !== undefined) return withSession(cli, (session) => checkFile(cli, session, file, options));
  if (contact === undefined || channel === undefined)
    throw new UsageError(`on which channel? Say --channel ${CHANNELS.join('|')}`);
  return withSession(cli, async (session) => {
    const { policy, optInStatus, timeZone } = options;
    const input = { contactId: contact, channel, ...omitUndefined({ policy, optInStatus, timeZone }) };
    const answer = await (await session.client()).checkEligibility(input);
    outputOf(cli, options.json).say(renderAnswer(answer, outputOf(cli, options.json)));
    if (options.json === true) writeJson(cli, { contactId: contact, channel, ...answer });
    return answer.eligible ? EXIT.ok : EXIT.needsALook;
  });
}

function renderAnswer({ eligible, reason, facts, ...rest }: Eligibility, { colors }: Output): string {
  const { preference } = facts;
  const none =
    facts.suppressed === true ? 'our own suppression list has them' : 'none on record, or not to be had';
  const stored =
    preference === null
      ? [['preference', none]]
      : [
          ['preference', preference.optIn ? 'opted in' : 'opted out'],
          ['consent', preference.consentTimestamp ?? '–'],
          ['withdrawal', preference.withdrawalTimestamp ?? '–'],
          ['region', preference.regulatoryRegion],
        ];
  const rows = [...stored, ['rules', `${rest.ruleVersion}, ${rest.policy}`], ['checked', rest.checkedAt]];
  const verdict = eligible ? colors.green('eligible') : colors.red('not eligible');
  return `${verdict}: ${reason}\n${renderTable([{}, {}], rows)}\n(${rest.notice})`;
}

async function checkFile(cli: Cli, session: Session, file: string, options: CheckOptions): Promise<ExitCode> {
  const { channel, policy, map = {}, json = false } = options;
  const output = outputOf(cli, json);
  const client = await session.client();
  const columnProblems = (columns: readonly string[] | null): readonly string[] => {
    if (columns === null) return eligibilityMapProblems(map);
    const resolved = resolveEligibilityColumns(columns, map, {
      hasChannel: channel !== undefined,
      audience: 'terminal',
    });
    return 'problems' in resolved ? resolved.problems : [];
  };
  const staged = await stageFile(session, file, { ...fileOptions(options), columnProblems }, output);
  const dataset = 'dataset' in staged.source ? staged.source.dataset : '';
  const checkId = client.newCheckId();
  const result = await withInterrupt(async (signal) => {
    // It would go on for hours, at the expense of the rate budget, and nobody would read its answer.
    signal.addEventListener('abort', () => void client.cancelEligibilityList(checkId).catch(() => undefined));
    const asked = client.checkEligibilityList(
      { dataset, map, ...omitUndefined({ channel, policy }) },
      checkId,
    );
    return whileShowing(asked, session, checkId, staged.rows, output).catch((error: unknown) => {
      if (signal.aborted) return null;
      throw error;
    });
  });
  if (result === null) {
    output.say('the check is cancelled; no file was written');
    return EXIT.stopped;
  }
  const files = await writeFiles(cli, session, { file, dataset, result, folder: options.out });
  tellResult(result, files, output);
  if (json) writeJson(cli, { ...result, files, notice: NOTICE });
  return Object.keys(result.ineligible).some(isUnanswered) ? EXIT.needsALook : EXIT.ok;
}

/** How far it is, on a terminal. */
async function whileShowing<T>(
  work: Promise<T>,
  { ledger }: Session,
  checkId: string,
  rows: number,
  output: Output,
): Promise<T> {
  const draw = drawer(output);
  const show = async () => {
    const n = await ledger.eligibilityResults.count(checkId);
    draw(`checked ${formatCount(n)} of ${plural(rows, 'row')}`);
  };
  const timer = setInterval(() => void show().catch(() => undefined), POLL_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    draw('');
  }
}

interface Files {
  readonly eligible: string;
  readonly ineligible: string;
}

async function writeFiles(
  cli: Cli,
  { ledger, config }: Session,
  asked: { file: string; dataset: string; result: EligibilityListResult; folder: string | undefined },
): Promise<Files> {
  const { file, dataset, result, folder } = asked;
  const source = await ledger.datasets.find(dataset);
  if (!source) throw new Error(`dataset ${dataset} has gone from the ledger; check the file again`);
  const extension = extname(file);
  const place = join(resolve(cli.cwd, folder ?? dirname(file)), basename(file, extension));
  const format = source.format === 'csv' ? 'csv' : 'ndjson';
  const limits = config.sourceLimits;
  const write = async (isEligible: boolean): Promise<string> => {
    const path = `${place}.${isEligible ? 'eligible' : 'ineligible'}.${format}`;
    await writeFileWhole(path, judgedFile({ ledger, limits, source, result, isEligible, format }));
    return path;
  };
  return { eligible: await write(true), ineligible: await write(false) };
}

function tellResult(result: EligibilityListResult, files: Files, { say, colors }: Output): void {
  const reasons = Object.entries(result.ineligible).sort(([, a], [, b]) => b - a);
  const ineligible = reasons.reduce((sum, [, n]) => sum + n, 0);
  say(`${colors.green('eligible')}: ${plural(result.eligible, 'row')} → ${printable(files.eligible)}`);
  say(`${colors.red('not eligible')}: ${plural(ineligible, 'row')} → ${printable(files.ineligible)}`);
  for (const [reason, n] of reasons) say(`  ${reason}: ${formatCount(n)}`);
  say(`(rules ${result.ruleVersion}, ${result.policy}; ${NOTICE})`);
}
