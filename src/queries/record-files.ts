/** The records of a run as CSV, NDJSON or JSON (decisions.md 6). Memory stays flat however many there are. */
import { stringify } from 'csv-stringify/sync';
import { escapeFormula } from '../domain/cells.ts';
import type { Outcome, Reason } from '../domain/run.ts';
import type { Records, SettledRecord } from '../ledger/runs/records.ts';
import type { Run } from '../ledger/runs/runs.ts';
import { UsageError } from '../cli/errors.ts';

export const RECORD_FORMATS = ['csv', 'ndjson', 'json'] as const;
export type RecordFormat = (typeof RECORD_FORMATS)[number];

export interface RecordFile {
  readonly run: Run;
  readonly records: Pick<Records, 'list' | 'countReasons'>;
  readonly format: RecordFormat;
  /** All without it. */
  readonly outcome?: Outcome | 'pending' | undefined;
  readonly onRecord?: () => void;
}

const OURS = ['cxflow_line', 'cxflow_outcome', 'cxflow_reasons'];
/** The text of a row that could not be read as columns: staging keeps it under this name. */
export const RAW = 'cxflow_raw';
const ROWS_PER_CHUNK = 500;
const MOST_COLUMNS = 10_000;

/** A row of a source, and what became of it. */
export interface FileRow {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly outcome: string;
  readonly reasons: readonly Reason[];
}
export interface RowFile {
  /** null: those of the rows, which are read twice then. */
  readonly columns: readonly string[] | null;
  /** From the first; may be called more than once. */
  readonly rows: () => AsyncIterable<FileRow>;
  readonly format: RecordFormat;
}

export async function* recordsAsText(file: RecordFile): AsyncIterable<string> {
  const { run, records, outcome, format, onRecord } = file;
  const header = run.source?.columns ?? null;
  const columns = header !== null && (await hasUnreadableRows(file)) ? [...header, RAW] : header;
  let isFirstReading = format !== 'csv' || columns !== null;
  async function* rows(): AsyncIterable<SettledRecord> {
    const counts = isFirstReading;
    isFirstReading = true;
    for await (const record of records.list(run.run_no, outcome)) {
      if (counts) onRecord?.();
      yield record;
    }
  }
  yield* rowsAsText({ columns, rows, format });
}

export async function* rowsAsText(file: RowFile): AsyncIterable<string> {
  if (file.format === 'csv') yield* csv(file);
  else if (file.format === 'ndjson')
    yield* mapChunks(file.rows(), (record) => `${JSON.stringify(rowOf(record))}\n`);
  else yield* json(file);
}

async function* json(file: RowFile): AsyncIterable<string> {
  let separator = '[\n';
  for await (const record of file.rows()) {
    yield `${separator}${JSON.stringify(rowOf(record))}`;
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

function rowOf({ fields, line, outcome, reasons }: FileRow) {
  return { ...fields, cxflow_line: line, cxflow_outcome: outcome, cxflow_reasons: reasons };
}

async function* csv(file: RowFile): AsyncIterable<string> {
  const columns = file.columns ?? (await keysOf(file));
  yield toCsv([...columns, ...OURS].map(escapeFormula), QUOTED_IN_HEADER);
  const cells = ({ fields, line, outcome, reasons }: FileRow) => [
    ...columns.map((column) => cellOf(Object.hasOwn(fields, column) ? fields[column] : null)),
    String(line),
    outcome,
    escapeFormula(reasons.map(reasonText).join('; ')),
  ];
  yield* mapChunks(file.rows(), (record) => toCsv(cells(record), QUOTED));
}

/**
 * Where csv-stringify sees no need of quotes: a lone CR is a line end to every reader of mixed line ends, and other
 * delimiters in the name of a column would be taken for that of the file.
 */
const QUOTED = /\r/;
const QUOTED_IN_HEADER = /[\r;\t|]/;

function toCsv(cells: readonly string[], quoted: RegExp): string {
  return stringify([cells], { quoted_match: quoted });
}

/** Of rows that each have their own keys: all of them, in the order in which they come. */
async function keysOf(file: RowFile): Promise<readonly string[]> {
  const keys = new Set<string>();
  for await (const { fields } of file.rows()) {
    for (const key of Object.keys(fields)) keys.add(key);
    if (keys.size > MOST_COLUMNS) throw tooManyColumns();
  }
  return [...keys];
}

function tooManyColumns(): UsageError {
  const what = `the rows have more than ${MOST_COLUMNS} different keys, too many for the columns of a table`;
  return new UsageError(`${what}. Say --format ndjson, which keeps each row as it was`);
}

/** Rows that no reader could split have reasons of their own family: `row_…`. */
async function hasUnreadableRows({ run, records, outcome }: RecordFile): Promise<boolean> {
  if (outcome !== undefined && outcome !== 'invalid') return false;
  return (await records.countReasons(run.run_no)).some(({ code }) => code.startsWith('row_'));
}

/** A number or a list of NDJSON is no formula; a text may be. */
function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? escapeFormula(value) : JSON.stringify(value);
}

/** `phone_not_e164 (phone): must be E.164` */
export function reasonText({ code, field, message }: Reason): string {
  return `${code}${field === undefined ? '' : ` (${field})`}${message === undefined ? '' : `: ${message}`}`;
}

async function* mapChunks<T>(items: AsyncIterable<T>, toText: (item: T) => string): AsyncIterable<string> {
  let chunk: string[] = [];
  for await (const item of items) {
    chunk.push(toText(item));
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk.join('');
    chunk = [];
  }
  if (chunk.length > 0) yield chunk.join('');
}
