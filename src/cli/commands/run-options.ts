/** Options that the commands which start a run have in common. */
import type { Command } from 'commander';
import type { SourceEncoding, SourceFormat } from '../../contract/run.ts';
import type { Cli } from '../cli.ts';
import { choice, collectMapping, duration, JSON_HELP, newRunId } from './command.ts';

const NOTIFY_HELP = 'deliver one event per batch, page or run (default: batch)';
const FORMATS: readonly SourceFormat[] = ['csv', 'ndjson', 'json', 'xlsx'];
const ENCODINGS: readonly SourceEncoding[] = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'latin1'];

const SHEET_HELP =
  'sheet of a workbook: its name, or its number among the visible ones (default: the only one with rows)';

export const FILE_HELP =
  'CSV with a header (comma, semicolon or tab), an Excel workbook (.xlsx), NDJSON, or a JSON array; - for standard input';

export const COUNTRY_HELP =
  'country of phone numbers without a country code, e.g. US; the plan says how many were converted';

export function addFileOptions(command: Command): Command {
  const encodingHelp = 'encoding of the file (default: that of its byte order mark, otherwise utf-8)';
  return command
    .option('--map <field=column>', 'read a field from a column of another name; repeatable', collectMapping)
    .addOption(
      choice(
        '--format <name>',
        'format of the file (default: from its extension; of standard input csv)',
        FORMATS,
      ),
    )
    .addOption(choice('--encoding <name>', encodingHelp, ENCODINGS))
    .option('--sheet <name>', SHEET_HELP);
}

/** `identity`: what the default run id is derived from. `attention`: when a dry run ends with exit code 3. */
export function addRunOptions(
  command: Command,
  cli: Pick<Cli, 'login'>,
  { identity, attention }: { readonly identity: string; readonly attention: string },
): Command {
  return command
    .option('--id <run>', `id of the run (default: derived from ${identity})`, newRunId)
    .option('--dry-run', `stop after the plan; nothing is written to CXone (exit code 3 if ${attention})`)
    .option('--approval', 'print the plan and wait for `approve` or `reject`')
    .option(
      '--approval-deadline <duration>',
      'reject the plan after this time, e.g. "3 days" (default: never)',
      duration,
    )
    .option('--detach', 'start the run and return at once')
    .option('--requested-by <name>', 'who requests the run, for the audit', cli.login)
    .option('--json', JSON_HELP);
}

/** `again`: the help text of `--again`. `hasOneEvent`: a run delivers one event, so there is no `--notify`. */
export function addSourceRunOptions(
  command: Command,
  cli: Pick<Cli, 'login'>,
  {
    identity,
    again,
    hasOneEvent = false,
  }: { readonly identity: string; readonly again: string; readonly hasOneEvent?: boolean },
): Command {
  const inDoubtHelp = 'what to do about unanswered writes that are not safe to repeat (default: ask)';
  addFileOptions(command)
    .addOption(choice('--on-in-doubt <what>', inDoubtHelp, ['ask', 'leave', 'resend']))
    .option(
      '--in-doubt-deadline <duration>',
      'with ask: leave them in doubt after this time (default: never)',
      duration,
    )
    .option('--again', again);
  if (!hasOneEvent) command.addOption(choice('--notify <often>', NOTIFY_HELP, ['batch', 'page', 'run']));
  command.option(
    '--retry-of <run>',
    'instead of FILE: the records that a run left rejected, in conflict, cancelled or pending',
  );
  return addRunOptions(command, cli, { identity, attention: 'rows are invalid' });
}
