/** `cxflow records RUN`: the rows of a run and what became of them, as a file. The one command that shows rows. */
import { Option } from 'commander';
import { OUTCOMES, type Outcome } from '../../domain/run.ts';
import { type Cli, outputOf, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findRun } from '../actions/find-run.ts';
import { plural } from '../terminal/format.ts';
import { writeAll, writeFileWhole } from '../terminal/output-stream.ts';
import { RECORD_FORMATS, type RecordFormat, recordsAsText } from '../../queries/record-files.ts';
import { type AddCommand, examples } from './command.ts';

export interface RecordsOptions {
  readonly outcome?: Outcome | 'pending';
  readonly format?: RecordFormat;
  readonly out?: string;
  readonly json?: boolean;
}

export const addRecords: AddCommand = (parent, cli, finish) => {
  const lines = [
    [
      'records contact-import:L1:3f9a0c --outcome invalid > invalid.csv',
      'correct these rows and import the file',
    ],
    ['records contact-import:L1:3f9a0c --format ndjson --out all.ndjson', 'all rows, for a program'],
  ] as const;
  parent
    .command('records')
    .summary('write the records of a run, with outcome and reasons')
    .description(
      'Writes the rows of a run with three more columns: cxflow_line, cxflow_outcome, cxflow_reasons.\n' +
        'CSV is safe to open in a spreadsheet: what looks like a formula gets a leading apostrophe,\n' +
        'which an import takes off again. This is personal data: a file is readable by you alone.',
    )
    .argument('<run>', 'id of the run')
    .addOption(
      new Option('--outcome <outcome>', 'only these (default: all)').choices([...OUTCOMES, 'pending']),
    )
    .addOption(new Option('--format <name>', '(default: csv)').choices(RECORD_FORMATS))
    .option('--out <file>', 'write to a file (default: stdout)')
    .option('--json', 'the same as --format json')
    .addHelpText('after', examples(cli, lines))
    .action(async (runId: string, options: RecordsOptions) =>
      finish(await writeRecords(cli, runId, options)),
    );
};

/** Errors: RunNotFound, RunNotBegun, UsageError; those of the file system. */
export async function writeRecords(cli: Cli, runId: string, options: RecordsOptions): Promise<ExitCode> {
  const { outcome, out, json = false } = options;
  if (json && options.format !== undefined && options.format !== 'json') {
    throw new UsageError(`--json and --format ${options.format} exclude each other`);
  }
  const format = json ? 'json' : (options.format ?? 'csv');
  return withSession(cli, async (session) => {
    const run = await findRun(session, runId, cli.command);
    let written = 0;
    const text = recordsAsText({
      run,
      records: session.ledger.records,
      format,
      outcome,
      onRecord: () => (written += 1),
    });
    if (out === undefined) await writeAll(cli.stdout, text);
    else await writeFileWhole(out, text);
    const where = out === undefined ? '' : ` → ${out}`;
    outputOf(cli, true).say(`${plural(written, 'record')}${where}`);
    return EXIT.ok;
  });
}
