/** Adds the rows of a file to our own suppression list, and writes the list into a file. */
import { basename, extname } from 'node:path';
import { InputError } from '../../client/errors.ts';
import type { Channel } from '../../domain/consent/eligibility.ts';
import {
  readSuppressionRow,
  type SuppressionRow,
  type SuppressionRowRules,
  suppressionHeaderProblems,
  suppressionReasonProblem,
} from '../../domain/consent/suppression-rows.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import { DEFAULT_SOURCE_LIMITS } from '../../domain/source-limits.ts';
import { TEXT_RULES, textProblem } from '../../domain/text.ts';
import type { ListedSuppression } from '../../ledger/consent/suppressions.ts';
import type { RecordFormat } from '../../queries/record-files.ts';
import { formatSuppressions } from '../../queries/suppression-files.ts';
import { requireReadable } from '../../sources/files.ts';
import { resolveFormat } from '../../sources/format.ts';
import { type OpenedSource, openSource } from '../../sources/open.ts';
import type { SourceRow } from '../../sources/rows.ts';
import { openFileText } from '../../sources/text-of-file.ts';
import { type Cli, type Session, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { describeAdded } from '../render/suppressions.ts';
import { createLineDrawer, openOutput, printJson } from '../terminal/output.ts';
import { requireWritable, writeWholeFile } from '../terminal/output-stream.ts';
import { printable } from '../terminal/sanitize.ts';
import type { FileOptions } from './options.ts';
import { type InputFile, withInputFile } from './standard-input.ts';

export interface ImportSuppressionsOptions extends FileOptions {
  readonly reason: string;
  readonly by: string;
  readonly json?: boolean;
}

export interface ExportSuppressionsOptions {
  readonly out: string;
  readonly format?: RecordFormat;
  readonly channel?: Channel;
  readonly reason?: string;
  readonly json?: boolean;
}

const ROWS_PER_CHUNK = 1_000;
const MAX_PROBLEMS = 100;

/** Throws UsageError, SourceError, InputError with every problem of the file, PepperMismatch. */
export async function importSuppressions(
  cli: Cli,
  file: string,
  options: ImportSuppressionsOptions,
): Promise<ExitCode> {
  const { reason, by, json = false } = options;
  checkTexts(by, reason);
  return withSession(cli, async (session) => {
    const { suppressions, subjects } = session.ledger;
    const output = openOutput(cli, json);
    const draw = createLineDrawer(output);
    const rules = { keyId: await subjects.keyId(), now: new Date(), reason };
    const onProgress = (stored: number) => draw(`storing  ${plural(stored, 'entry')}`);
    const maxBytes = session.config.sourceLimits.maxSourceBytes;
    const added = await withInputFile(file, { stdin: cli.stdin, maxBytes }, async (input) => {
      const source = await openFile(session, input, options);
      const onRead = (rows: number) => draw(`${plural(rows, 'row')} read of ${printable(input.name)}`);
      const entries = readEntries(source, { map: options.map ?? {}, rules, onRead });
      return suppressions.addEntries(entries, { by, reason, onProgress });
    }).finally(() => draw(''));
    for (const line of describeAdded(added)) output.print(line);
    if (json) printJson(cli, added);
    return added.ineffective > 0 ? EXIT.needsAttention : EXIT.ok;
  });
}

/** Throws UsageError. */
function checkTexts(by: string, reason: string): void {
  const problem = textProblem(by, TEXT_RULES.name);
  if (problem !== null) throw new UsageError(`--by ${problem}`);
  const reasonProblem = suppressionReasonProblem(reason);
  if (reasonProblem !== null) throw new UsageError(`--reason ${reasonProblem}`);
}

/** Throws SourceError, InputError. */
async function openFile(
  { config }: Session,
  { path: file, name: shown }: InputFile,
  { map = {}, format: given, encoding, sheet }: FileOptions,
): Promise<OpenedSource> {
  const name = basename(shown);
  await requireReadable(file, { name });
  const limits = { ...DEFAULT_SOURCE_LIMITS, ...config.sourceLimits };
  const format = shown === file ? resolveFormat(name, given) : (given ?? 'csv');
  const text = await openFileText(file, { name, format, encoding, sheet, limits });
  const source = await openSource(text.bytes, { name, format, limits }).catch(async (error: unknown) => {
    await text.close();
    throw error;
  });
  const problems = suppressionHeaderProblems(source.columns, map);
  if (problems.length === 0) return source;
  await source.close();
  await text.close();
  throw new InputError(problems);
}

interface Reading {
  readonly map: Readonly<Record<string, string>>;
  readonly rules: SuppressionRowRules;
  readonly onRead: (rows: number) => void;
}

/** Every problem of the rows. */
class RowsRefused extends InputError {
  readonly next: string;
  constructor(
    problems: readonly string[],
    { wrong, rows }: { readonly wrong: number; readonly rows: number },
  ) {
    super(problems);
    const shown = wrong > MAX_PROBLEMS ? `; the first ${MAX_PROBLEMS} are shown` : '';
    const which = `${formatCount(wrong)} of ${plural(rows, 'row')} cannot be read${shown}`;
    this.next = `nothing was added: ${which}. Correct them, and import the file again`;
  }
}

/** Reads the file to its end, also if something is wrong with a row. Throws RowsRefused at the end then. */
async function* readEntries(
  source: OpenedSource,
  { map, rules, onRead }: Reading,
): AsyncIterable<readonly SuppressionRow[]> {
  const problems: string[] = [];
  let [rows, wrong, chunk] = [0, 0, [] as SuppressionRow[]];
  for await (const row of source.rows()) {
    rows += 1;
    const read = readRow(row, map, rules);
    if ('entries' in read) chunk.push(...read.entries);
    else {
      wrong += 1;
      if (wrong <= MAX_PROBLEMS)
        problems.push(...read.problems.map((problem) => `line ${row.line}: ${problem}`));
    }
    if (rows % ROWS_PER_CHUNK > 0) continue;
    onRead(rows);
    // Also without entries: the ledger ends a session that has a transaction open and does nothing.
    yield problems.length === 0 ? chunk : [];
    chunk = [];
  }
  if (problems.length === 0) yield chunk;
  else throw new RowsRefused(problems, { wrong, rows });
}

function readRow(row: SourceRow, map: Reading['map'], rules: SuppressionRowRules) {
  if (row.fields === undefined || row.broken) return { problems: [row.broken?.message ?? 'cannot be read'] };
  return readSuppressionRow(row.fields, map, rules);
}

/** Throws errors of the file system, PepperMismatch. */
export async function exportSuppressions(
  cli: Cli,
  { out, format, channel, reason, json = false }: ExportSuppressionsOptions,
): Promise<ExitCode> {
  await requireWritable(out);
  return withSession(cli, async ({ ledger: { suppressions, subjects } }) => {
    const output = openOutput(cli, json);
    const draw = createLineDrawer(output);
    let entries = 0;
    async function* counted(): AsyncIterable<ListedSuppression> {
      const filter = { ...(channel !== undefined && { channel }), ...(reason !== undefined && { reason }) };
      for await (const entry of suppressions.all(filter)) {
        entries += 1;
        if (entries % ROWS_PER_CHUNK === 0) draw(`writing  ${plural(entries, 'entry')}`);
        yield entry;
      }
    }
    const text = formatSuppressions(counted(), await subjects.keyId(), format ?? formatOf(out));
    await writeWholeFile(out, text).finally(() => draw(''));
    output.print(`${plural(entries, 'entry')} → ${printable(out)}`);
    if (json) printJson(cli, { entries, file: out });
    return EXIT.ok;
  });
}

function formatOf(out: string): RecordFormat {
  const extension = extname(out).toLowerCase();
  if (extension === '.json') return 'json';
  if (extension === '.xlsx') return 'xlsx';
  return extension === '.ndjson' || extension === '.jsonl' ? 'ndjson' : 'csv';
}
