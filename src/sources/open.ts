/** A source opened: its format, its columns, its rows. Memory stays flat however long it is. */
import { checkFirstBlock, emptySource, toBlocks } from './blocks.ts';
import { createCsvReader, detectDelimiter } from './csv.ts';
import { SourceError } from './errors.ts';
import { formatOf, type SourceFormat } from './format.ts';
import { readNdjson } from './ndjson.ts';
import { createRecordSplitter, type RawRecord, type RecordSplitter } from './records.ts';
import type { SourceRow } from './rows.ts';

/** The most bytes of one row. */
const MAX_CSV_ROW = 4_000_000;
const MAX_NDJSON_ROW = 1_000_000;

export interface OpenedSource {
  readonly format: SourceFormat;
  /** The header of CSV without `cxflow_…`; null for NDJSON, where each row has its own. */
  readonly columns: readonly string[] | null;
  /**
   * Once. Ends with a SourceError where the source turns out unreadable as a whole; a bad row is a broken
   * row.
   */
  rows(): AsyncIterable<SourceRow>;
  /** Lets go of the bytes. Only needed by a reader that does not ask for the rows. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** For messages, and for the format by its extension. */
  readonly name: string;
  readonly format?: SourceFormat;
}

/**
 * Reads the first block and the first row. Throws SourceError; also for a header without rows, and for
 * `json`.
 */
export async function openSource(
  bytes: AsyncIterable<Uint8Array>,
  options: OpenOptions,
): Promise<OpenedSource> {
  const { name } = options;
  const format = formatOf(name, options.format);
  if (format === 'json') throw jsonNotYet(name);
  const blocks = toBlocks(bytes);
  const close = async (): Promise<void> => void (await blocks.return());
  try {
    const first = checkFirstBlock(name, (await blocks.next()).value ?? undefined);
    const opened = format === 'csv' ? await openCsv(name, first, blocks) : openNdjson(name, first, blocks);
    const rows = opened.rows[Symbol.asyncIterator]();
    const firstRow = await rows.next();
    if (firstRow.done)
      throw emptySource(name, opened.columns ? 'there is a header, but no row' : 'there is no row');
    return {
      format,
      columns: opened.columns,
      rows: once(name, () => resume(firstRow.value, rows, close)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Readable {
  readonly columns: readonly string[] | null;
  readonly rows: AsyncGenerator<SourceRow, void, undefined>;
}

async function openCsv(name: string, first: Buffer, blocks: AsyncIterable<Buffer>): Promise<Readable> {
  const delimiter = detectDelimiter(first);
  const splitter = createRecordSplitter({ delimiter: delimiter.charCodeAt(0), maxBytes: MAX_CSV_ROW });
  const batches = splitBlocks(name, first, blocks, splitter);
  const [header, ...rest] = (await batches.next()).value ?? [];
  const reader = createCsvReader(name, delimiter, header);
  return { columns: reader.columns, rows: readRows(rest, batches, (record) => reader.read(record)) };
}

function openNdjson(name: string, first: Buffer, blocks: AsyncIterable<Buffer>): Readable {
  if (/^\s*\[/.test(first.toString('latin1', 0, 1_000))) throw jsonNotYet(name);
  const splitter = createRecordSplitter({ delimiter: null, maxBytes: MAX_NDJSON_ROW });
  return { columns: null, rows: readRows([], splitBlocks(name, first, blocks, splitter), readNdjson) };
}

/**
 * A block's records at a time, for a step of an async generator costs more than a row. Never an empty batch.
 */
async function* splitBlocks(
  name: string,
  first: Buffer,
  blocks: AsyncIterable<Buffer>,
  splitter: RecordSplitter,
): AsyncGenerator<readonly RawRecord[], void, undefined> {
  const records = splitter.push(first);
  if (records.length > 0) yield records;
  for await (const block of blocks) {
    const more = splitter.push(block);
    if (more.length > 0) yield more;
  }
  const last = splitter.end();
  if (last.unclosedQuoteLine !== null) throw unclosedQuote(name, last.unclosedQuoteLine);
  if (last.records.length > 0) yield last.records;
}

async function* readRows(
  rest: readonly RawRecord[],
  batches: AsyncIterable<readonly RawRecord[]>,
  read: (record: RawRecord) => SourceRow,
): AsyncGenerator<SourceRow, void, undefined> {
  for (const record of rest) yield read(record);
  for await (const batch of batches) for (const record of batch) yield read(record);
}

async function* resume(
  firstRow: SourceRow,
  rows: AsyncGenerator<SourceRow, void, undefined>,
  close: () => Promise<void>,
): AsyncGenerator<SourceRow, void, undefined> {
  try {
    yield firstRow;
    yield* rows;
  } finally {
    await close();
  }
}

function once<T>(name: string, start: () => T): () => T {
  let started = false;
  return () => {
    if (started) throw new Error(`${name}: its rows can be read once; open it again`);
    started = true;
    return start();
  };
}

function unclosedQuote(name: string, line: number): SourceError {
  const what = `${name}: the quote that opens on line ${line} is never closed, so all the rest is one cell`;
  const advice = 'Close it, or double it if it belongs to the text';
  return new SourceError('source_unclosed_quote', `${what}. ${advice}`, { line });
}

function jsonNotYet(name: string): SourceError {
  const advice = 'Give CSV, or NDJSON with one object on each line: jq -c ".[]" IN.json > OUT.ndjson';
  return new SourceError(
    'source_format_unknown',
    `${name}: a JSON document cannot be read as a stream of rows. ${advice}`,
  );
}
