/** `cxflow preferences update`: consent preferences from a file into CXone. */
import type { PreferenceUpdateInput } from '../../contract/preference-update.ts';
import type { Source } from '../../contract/run.ts';
import { type Cli, outputOf, withSession } from '../cli.ts';
import type { ExitCode } from '../exit-codes.ts';
import {
  addRunOptions,
  commonInput,
  followStarted,
  requireOneSource,
  runToRetry,
  type RunOptions,
  omitUndefined,
  sourceOf,
} from '../actions/start-run.ts';
import { type AddCommand, examples } from './command.ts';

export interface UpdateOptions extends RunOptions {
  readonly guard?: boolean;
}

const WORDS = { what: 'update', done: 'sent', path: 'preferences update' } as const;
const EXAMPLES = [
  ['preferences update consent.csv --dry-run', 'which rows break a rule, with every reason; nothing is sent'],
  ['preferences update consent.csv --approval', 'wait for `approve` before writing'],
  ['preferences update crm.ndjson --map contactId=customer_guid', 'a column by another name'],
] as const;

export const addPreferencesUpdate: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('update')
    .summary('send consent preferences from a CSV, NDJSON or JSON file to CXone')
    .description(
      'Sends consent preferences to CXone in keyed batches: stages the file, checks every row, plans, writes, reports.\n' +
        'Columns: contactId (a GUID), channel (email, sms, voice, webchat), optIn, consentTimestamp,\n' +
        'withdrawalTimestamp, regulatoryRegion (GDPR, CCPA, TCPA, NONE), source, idempotencyKey, updatedAt.\n' +
        'One row for each contact and channel: the newest wins, and of two of the same time the withdrawal.\n' +
        'optIn: true, yes, y, 1, t, on; or false, no, n, 0, f, off, out, stop, opted out, unsubscribed, withdrawn.\n' +
        'An opt-out that CXone does not take (GDPR without a consent date, an id that is no GUID), or that a run which is\n' +
        'cancelled or rejected leaves unsent, enters our own suppression list; a newer consent that CXone takes ends it there.',
    )
    .argument('[file]', 'CSV (comma, semicolon or tab; with a header), NDJSON, or a JSON array')
    .option('--guard', 'read what CXone has first: an opt-in older than a withdrawal is a conflict (default)')
    .option('--no-guard', 'trust CXone to keep the newest; half the requests');
  addRunOptions(command, cli, { id: 'content and options', again: 'send although the same was sent before' })
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (file: string | undefined, options: UpdateOptions) =>
      finish(await updatePreferences(cli, file, options)),
    );
};

/** Errors: UsageError, InputError, SourceError; Unreachable. */
export async function updatePreferences(
  cli: Cli,
  file: string | undefined,
  options: UpdateOptions,
): Promise<ExitCode> {
  const output = outputOf(cli, options.json === true);
  requireOneSource(file, options, 'send');
  return withSession(cli, async (session) => {
    await runToRetry(session, options);
    const source = await sourceOf(session, file, options, output, 'preferenceUpdate');
    const runOptions = options.id === undefined ? {} : { runId: options.id };
    const started = await (await session.client()).startPreferenceUpdate(
      toUpdate(source, options),
      runOptions,
    );
    return followStarted(started, { cli, session, output }, options, WORDS);
  });
}

/** Pure. */
export function toUpdate(source: Source, options: UpdateOptions): PreferenceUpdateInput {
  return { source, ...omitUndefined({ guard: options.guard }), ...commonInput(options) };
}
