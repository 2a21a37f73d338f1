/** Exports the records of a run. No other command prints rows. */
import { plural } from '../../domain/numbers.ts';
import type { Outcome } from '../../domain/run.ts';
import { type Chunks, formatRecords, type RecordFormat } from '../../queries/record-files.ts';
import { type Cli, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatTime, shellQuote } from '../terminal/format.ts';
import { openOutput } from '../terminal/output.ts';
import { requireWritable, writeAll, writeWholeFile } from '../terminal/output-stream.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { findRun } from './find-run.ts';

export interface RecordsOptions {
  readonly outcome?: Outcome | 'pending';
  readonly format?: RecordFormat;
  readonly out?: string;
  readonly json?: boolean;
}

/** The run's records were deleted. */
class RunPurged extends Error {
  override readonly name = 'RunPurged';
  readonly next: string;
  constructor(runId: string, purgedAt: Date, command: string) {
    super(`the records of run ${runId} were purged on ${formatTime(purgedAt)}`);
    this.next = `its counts are kept: \`${command} show ${shellQuote(runId)}\``;
  }
}

/** Throws RunNotFound, RunNotTakenUp, RunPurged, UsageError, TooManyColumns and errors of the file system. */
export async function writeRecords(cli: Cli, given: string, options: RecordsOptions): Promise<ExitCode> {
  const format = chooseFormat(options);
  const { outcome, out } = options;
  if (format === 'xlsx' && out === undefined && cli.stdout.isTTY)
    throw new UsageError('a workbook cannot be shown on a terminal: add --out FILE.xlsx');
  if (out !== undefined) await requireWritable(out);
  return withSession(cli, async (session) => {
    const run = await findRun(cli, session, given);
    if (run.purged_at !== null) throw new RunPurged(run.run_id, run.purged_at, cli.command);
    const operation = cli.operations.find(({ kind }) => kind === run.kind);
    const explanation = await operation?.explainRecords?.(session.ledger, run);
    let written = 0;
    const content = formatRecords({
      run,
      records: session.ledger.records,
      format,
      outcome,
      onRecord: () => (written += 1),
      explanation,
    });
    if (out === undefined) await writeAll(cli.stdout, cli.stdout.isTTY ? sanitizeAll(content) : content);
    else await writeWholeFile(out, content);
    const where = out === undefined ? '' : ` → ${out}`;
    openOutput(cli, true).print(`${plural(written, 'record')}${where}`);
    return EXIT.ok;
  });
}

/** A file gets the records as they are; for a terminal, what could control it is replaced. */
async function* sanitizeAll(chunks: Chunks): Chunks {
  for await (const chunk of chunks) yield typeof chunk === 'string' ? sanitize(chunk) : chunk;
}

/** Throws UsageError. */
function chooseFormat({ json = false, format, out }: RecordsOptions): RecordFormat {
  if (!json) return format ?? (/\.xlsx$/i.test(out ?? '') ? 'xlsx' : 'csv');
  if (format === undefined || format === 'json') return 'json';
  throw new UsageError(`--json and --format ${format} exclude each other`);
}
