/** The records of a run as CSV, a workbook, NDJSON or JSON, streamed (docs/adr/0013-sources-and-files.md#exported-files). */
import { stringify } from 'csv-stringify/sync';
import { escapeFormula } from '../domain/cells.ts';
import { RAW_COLUMN } from '../domain/columns.ts';
import { isRounded, toRoundedText } from '../domain/numbers.ts';
import { meaningOf } from '../domain/reasons.ts';
import type { Outcome, Reason } from '../domain/run.ts';
import type { Records, SettledRecord } from '../ledger/runs/records.ts';
import type { Run } from '../ledger/runs/runs.ts';

export type RecordFormat = 'csv' | 'xlsx' | 'ndjson' | 'json';
/** Only a workbook has bytes. */
export type Chunks = AsyncIterable<string | Uint8Array>;

export interface RecordFile {
  readonly run: Run;
  readonly records: Pick<Records, 'list' | 'countReasons' | 'hasCxoneIds'>;
  readonly format: RecordFormat;
  /** Default: the records of every outcome. */
  readonly outcome?: Outcome | 'pending' | undefined;
  readonly onRecord?: () => void;
  /** Absent: the operation adds nothing. */
  readonly explanation?: Explanation | undefined;
}

/** Columns that an operation adds to its records; their names begin with `cxflow_`. */
export interface Explanation {
  readonly columns: readonly string[];
  /**
   * The values for a row, by column; a missing one is an empty cell. Called once for each row, in the order of the rows and one
   * after the other, so it may read along in another table.
   */
  readonly valuesOf: (row: ExplainedRow) => Values | Promise<Values>;
}

export type ExplainedRow = Pick<FileRow, 'seq' | 'fields' | 'outcome'>;
export type Values = Readonly<Record<string, unknown>>;

/** The columns that are added to those of the source. */
const ADDED_COLUMNS = ['cxflow_line', 'cxflow_outcome', 'cxflow_reasons'];
/** CXone's id of the record: added as well if it is known of any. */
const ID_COLUMN = 'cxflow_cxone_id';
const ROWS_PER_CHUNK = 500;
const MAX_COLUMNS = 10_000;

/** A row of a source with its outcome. */
export interface FileRow {
  /** Of a record of a run. */
  readonly seq?: number;
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly outcome: string;
  readonly reasons: readonly Reason[];
  /** CXone's id of the record. */
  readonly cxoneId?: string | null;
}
export interface RowFile {
  /** Null if each row has its own keys; for CSV and a workbook, the rows are then read twice. */
  readonly columns: readonly string[] | null;
  /** CSV and a workbook have a column for CXone's ids. Default false. */
  readonly withCxoneIds?: boolean;
  readonly explanation?: Explanation | undefined;
  /** Reads from the first row on every call. */
  readonly rows: () => AsyncIterable<FileRow>;
  readonly format: RecordFormat;
}

/** The rows have more different keys than a file can have columns. */
export class TooManyColumns extends Error {
  override readonly name = 'TooManyColumns';
  readonly next = 'choose the format ndjson, which keeps each row as it was';
  constructor() {
    super(`the rows have more than ${MAX_COLUMNS} different keys, too many for columns of their own`);
  }
}

/** Throws TooManyColumns, TooLargeForWorkbook. */
export async function* formatRecords(file: RecordFile): Chunks {
  const { run, records, outcome, format, onRecord } = file;
  const header = run.source?.columns ?? null;
  const columns = header !== null && (await hasUnreadableRows(file)) ? [...header, RAW_COLUMN] : header;
  const hasColumns = format === 'csv' || format === 'xlsx';
  // Without columns, such a file reads the rows twice: the first time only for their keys.
  let isFinalReading = !hasColumns || columns !== null;
  async function* rows(): AsyncIterable<SettledRecord> {
    const counts = isFinalReading;
    isFinalReading = true;
    for await (const record of records.list(run.run_no, outcome)) {
      if (counts) onRecord?.();
      yield record;
    }
  }
  const withCxoneIds = hasColumns && (await records.hasCxoneIds(run.run_no));
  yield* formatRows({ columns, rows, format, withCxoneIds, explanation: file.explanation });
}

/** Throws TooManyColumns, TooLargeForWorkbook. */
export async function* formatRows(file: RowFile): Chunks {
  if (file.format === 'csv') yield* formatCsv(file);
  else if (file.format === 'xlsx') yield* formatXlsx(file);
  else if (file.format === 'ndjson')
    yield* inChunks(file.rows(), async (row) => `${JSON.stringify(await toObject(row, file))}\n`);
  else yield* formatJson(file);
}

async function* formatJson(file: RowFile): AsyncIterable<string> {
  let separator = '[\n';
  for await (const row of file.rows()) {
    yield `${separator}${JSON.stringify(await toObject(row, file))}`;
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

async function toObject(row: FileRow, { explanation }: RowFile) {
  const { fields, line, outcome, reasons, cxoneId = null } = row;
  return {
    ...fields,
    cxflow_line: line,
    cxflow_outcome: outcome,
    cxflow_reasons: reasons,
    ...(cxoneId !== null && { [ID_COLUMN]: cxoneId }),
    ...(await explanation?.valuesOf(row)),
  };
}

async function* formatCsv(file: RowFile): AsyncIterable<string> {
  const { columns, toCells } = await toTable(file);
  yield toCsvLine(columns.map(escapeFormula), QUOTED_IN_HEADER);
  yield* inChunks(file.rows(), async (row) => toCsvLine((await toCells(row)).map(toCell), QUOTED));
}

async function* formatXlsx(file: RowFile): AsyncIterable<Uint8Array> {
  // Its library is loaded only by those who need it.
  const { formatWorkbook } = await import('./record-workbook.ts');
  const { columns, sourceColumns, toCells } = await toTable(file);
  async function* rows() {
    for await (const row of file.rows())
      yield { line: row.line, cells: await toCells(row), reasons: row.reasons };
  }
  yield* formatWorkbook({ columns, sourceColumns, rows: rows() });
}

/** A file with columns: those of the source come first. */
async function toTable(file: RowFile) {
  const source = file.columns ?? (await collectKeys(file));
  const { columns: explained = [], valuesOf } = file.explanation ?? {};
  const added = file.withCxoneIds ? [...ADDED_COLUMNS, ID_COLUMN] : ADDED_COLUMNS;
  const toCells = async (row: FileRow): Promise<readonly unknown[]> => {
    const values = (await valuesOf?.(row)) ?? {};
    return [
      ...source.map((column) => (Object.hasOwn(row.fields, column) ? row.fields[column] : null)),
      row.line,
      row.outcome,
      row.reasons.map(describeReason).join('; '),
      ...(file.withCxoneIds ? [row.cxoneId] : []),
      ...explained.map((column) => values[column]),
    ];
  };
  return { columns: [...source, ...added, ...explained], sourceColumns: source.length, toCells };
}

/**
 * Cells that csv-stringify would not quote: readers that accept mixed line ends take a lone CR for one, and other
 * delimiters in a column name would be taken for the delimiter of the file.
 */
const QUOTED = /\r/;
const QUOTED_IN_HEADER = /[\r;\t|]/;

function toCsvLine(cells: readonly string[], quoted: RegExp): string {
  return stringify([cells], { quoted_match: quoted });
}

/** All keys of the rows, in the order of their first appearance. */
async function collectKeys(file: RowFile): Promise<readonly string[]> {
  const keys = new Set<string>();
  for await (const { fields } of file.rows()) {
    for (const key of Object.keys(fields)) keys.add(key);
    if (keys.size > MAX_COLUMNS) throw new TooManyColumns();
  }
  return [...keys];
}

/** Reasons of rows that could not be split into columns start with `row_`. */
async function hasUnreadableRows({ run, records, outcome }: RecordFile): Promise<boolean> {
  if (outcome !== undefined && outcome !== 'invalid') return false;
  return (await records.countReasons(run.run_no)).some(({ code }) => code.startsWith('row_'));
}

/** Only a text can be taken for a formula; a number or a list from NDJSON cannot. */
function toCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  // Its digits are not those of the source any more, so that an import has to refuse it again.
  if (isRounded(value)) return toRoundedText(value);
  return typeof value === 'string' ? escapeFormula(value) : JSON.stringify(value);
}

/** `consent_too_old (consentTimestamp): The consent is too old (older than 1,825 days)`; of a code of CXone's its message alone */
export function describeReason({ code, field, message }: Reason): string {
  const where = field === undefined ? '' : ` (${field})`;
  const meaning = meaningOf(code);
  if (meaning === null) return `${code}${where}${message === undefined ? '' : `: ${message}`}`;
  return `${code}${where}: ${meaning}${message === undefined ? '' : ` (${message})`}`;
}

async function* inChunks<T>(
  items: AsyncIterable<T>,
  toText: (item: T) => Promise<string>,
): AsyncIterable<string> {
  let chunk: string[] = [];
  for await (const item of items) {
    chunk.push(await toText(item));
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk.join('');
    chunk = [];
  }
  if (chunk.length > 0) yield chunk.join('');
}
