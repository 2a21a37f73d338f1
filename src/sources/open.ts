/** Opens a source: its format, its columns, its rows. Memory use does not depend on the length of the source. */
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../domain/source-limits.ts';
import { toBlocks } from './blocks.ts';
import { createCsvReader, detectDelimiter, isBlankRow, readSeparatorLine } from './csv.ts';
import { decodeSource } from './decode.ts';
import type { SourceEncoding } from './encodings.ts';
import { SourceError } from './errors.ts';
import { emptySource } from './first-block.ts';
import { resolveFormat, type SourceFormat } from './format.ts';
import { JsonSplitter } from './json.ts';
import { createObjectReader } from './objects.ts';
import { type LoneCr, type RawRecord, RecordSplitter } from './records.ts';
import type { SourceRow } from './rows.ts';
import { createSheetTextReader } from './sheet-text.ts';
import { limitSize } from './size.ts';

export interface OpenedSource {
  readonly format: SourceFormat;
  readonly encoding: SourceEncoding;
  /** The name of the sheet, if the source is a workbook. */
  readonly sheet?: string;
  /** The header of CSV or of a sheet, without `cxflow_…`. null for NDJSON and JSON, where each row has its own keys. */
  readonly columns: readonly string[] | null;
  /** Can be called once. Throws SourceError if the source turns out to be unreadable; a bad row is a broken row. */
  rows(): AsyncIterable<SourceRow>;
  /** Releases the bytes. Only needed if the rows are not read. */
  readonly close: () => Promise<void>;
}

export interface OpenOptions {
  /** For messages, and for the format by file extension. */
  readonly name: string;
  readonly format?: SourceFormat | undefined;
  /** Default: that of the byte order mark, else UTF-8. */
  readonly encoding?: SourceEncoding | undefined;
  readonly limits?: SourceLimits | undefined;
}

/** Reads the first block and the first row. Throws SourceError, also for a source without rows. */
export async function openSource(
  bytes: AsyncIterable<Uint8Array>,
  options: OpenOptions,
): Promise<OpenedSource> {
  const { name, encoding: given, limits = DEFAULT_SOURCE_LIMITS } = options;
  const format = resolveFormat(name, options.format);
  const { encoding, bytes: text, close } = await decodeSource(bytes, { name, encoding: given });
  try {
    const blocks = toBlocks(limitSize(text, name, limits.maxSourceBytes));
    const first = withoutMark((await blocks.next()).value ?? Buffer.alloc(0));
    const opened = await OPENERS[format]({ name, first, blocks, limits });
    const rows = opened.rows[Symbol.asyncIterator]();
    const firstRow = await rows.next();
    if (firstRow.done)
      throw emptySource(name, opened.columns ? 'there is a header, but no row' : 'there is no row');
    const { sheet, columns } = opened;
    return {
      format,
      encoding,
      ...(sheet !== undefined && { sheet }),
      columns,
      rows: once(name, () => resume(firstRow.value, rows, close)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const MARK = Buffer.from('\ufeff');

function withoutMark(first: Buffer): Buffer {
  return first.subarray(0, MARK.length).equals(MARK) ? first.subarray(MARK.length) : first;
}

interface Text {
  readonly name: string;
  /** Without a byte order mark. */
  readonly first: Buffer;
  readonly blocks: AsyncIterable<Buffer>;
  readonly limits: SourceLimits;
}

interface Readable {
  readonly sheet?: string;
  readonly columns: readonly string[] | null;
  readonly rows: AsyncGenerator<SourceRow, void, undefined>;
}

const OPENERS: Readonly<Record<SourceFormat, (text: Text) => Promise<Readable> | Readable>> = {
  csv: openCsv,
  ndjson: openNdjson,
  json: openJson,
  xlsx: openSheetText,
};

async function openCsv(text: Text): Promise<Readable> {
  const { name, first, limits } = text;
  if (/^\s*(?:\{\s*"|\[\s*[{\]])/.test(beginning(first))) {
    const advice = 'Name it .ndjson (one object per line) or .json (an array), or give the --format';
    throw new SourceError('source_format_unknown', `${name}: this is JSON, not CSV. ${advice}`);
  }
  const separator = readSeparatorLine(name, first);
  const delimiter = separator ?? detectDelimiter(first);
  const splitter = new RecordSplitter({
    delimiter: delimiter.charCodeAt(0),
    maxBytes: limits.maxRowBytes,
    loneCr: readLoneCr(first),
  });
  const batches = splitBlocks(text, splitter);
  const records = await firstRecords(batches, separator === null ? 0 : 1);
  const [header, ...rest] = fromFirstValue(records, delimiter);
  const reader = createCsvReader({ name, delimiter, limits }, header, rest);
  return { columns: reader.columns, rows: readRows(rest, batches, (record) => reader.read(record)) };
}

/** Spreadsheets write rows of delimiters above the header, too. */
function fromFirstValue(records: readonly RawRecord[], delimiter: string): readonly RawRecord[] {
  return records.slice(
    Math.max(
      0,
      records.findIndex(({ bytes }) => !isBlankRow(bytes.toString(), delimiter)),
    ),
  );
}

/** By the end of the first line, outside quotes. */
function readLoneCr(first: Buffer): LoneCr {
  const [, lineEnd] = /^(?:"[^"]*"|[^"\r\n])*(\r\n|\r|\n)/.exec(first.toString('latin1').trimStart()) ?? [];
  return lineEnd === '\n' ? 'text' : lineEnd === '\r\n' ? 'text unless quoted' : 'line end';
}

/** The first records that are available, without the first `skipped` ones. Empty: the source has no more. */
async function firstRecords(
  batches: AsyncGenerator<readonly RawRecord[], void, undefined>,
  skipped: number,
): Promise<readonly RawRecord[]> {
  const records = (await batches.next()).value ?? [];
  const kept = records.slice(skipped);
  return kept.length > 0 || records.length === 0 ? kept : firstRecords(batches, 0);
}

function openNdjson(text: Text): Readable {
  const { name, first, limits } = text;
  if (/^\s*\[\s*[{\]]/.test(beginning(first))) {
    const advice = 'Name it .json, or use --format json';
    throw new SourceError('source_format_unknown', `${name}: this is a JSON array, not NDJSON. ${advice}`);
  }
  const splitter = new RecordSplitter({ delimiter: null, maxBytes: limits.maxRowBytes });
  return { columns: null, rows: readRows([], splitBlocks(text, splitter), createObjectReader(limits)) };
}

function openJson(text: Text): Readable {
  const { name, first, limits } = text;
  const splitter = new JsonSplitter(name, first, limits.maxRowBytes);
  return { columns: null, rows: readRows([], splitBlocks(text, splitter), createObjectReader(limits)) };
}

/** A workbook has been converted before (text-of-file.ts). */
async function openSheetText(text: Text): Promise<Readable> {
  const { name, limits } = text;
  // JSON adds brackets, quotes and escapes to the row.
  const splitter = new RecordSplitter({ delimiter: null, maxBytes: 2 * limits.maxRowBytes + 10_000 });
  const batches = splitBlocks(text, splitter);
  const [header, ...rest] = await firstRecords(batches, 0);
  const reader = createSheetTextReader(name, header, limits, rest);
  const { sheet, columns } = reader;
  return { sheet, columns, rows: readRows(rest, batches, (record) => reader.read(record)) };
}

function beginning(first: Buffer): string {
  return first.toString('latin1', 0, 1_000);
}

interface Splitter {
  push(block: Buffer): readonly RawRecord[];
  end(): { readonly records: readonly RawRecord[]; readonly unclosedQuoteLine: number | null } | void;
}

/** All records of a block at once, because a step of an async generator costs more than a row. Never an empty batch. */
async function* splitBlocks(
  { name, first, blocks }: Text,
  splitter: Splitter,
): AsyncGenerator<readonly RawRecord[], void, undefined> {
  const records = splitter.push(first);
  if (records.length > 0) yield records;
  for await (const block of blocks) {
    const more = splitter.push(block);
    if (more.length > 0) yield more;
  }
  const last = splitter.end();
  if (!last) return;
  if (last.unclosedQuoteLine !== null) throw unclosedQuote(name, last.unclosedQuoteLine);
  if (last.records.length > 0) yield last.records;
}

async function* readRows(
  rest: readonly RawRecord[],
  batches: AsyncIterable<readonly RawRecord[]>,
  read: (record: RawRecord) => SourceRow | null,
): AsyncGenerator<SourceRow, void, undefined> {
  yield* readBatch(rest, read);
  for await (const batch of batches) yield* readBatch(batch, read);
}

function* readBatch(
  records: readonly RawRecord[],
  read: (record: RawRecord) => SourceRow | null,
): Generator<SourceRow, void, undefined> {
  for (const record of records) {
    const row = read(record);
    if (row !== null) yield row;
  }
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
    if (started) throw new Error(`${name}: its rows can be read only once; open it again`);
    started = true;
    return start();
  };
}

function unclosedQuote(name: string, line: number): SourceError {
  const what = `${name}: the quote that opens in line ${line} is never closed, so the rest of the file is one cell`;
  const advice = 'Close it, or double it if it is part of the text';
  return new SourceError('source_unclosed_quote', `${what}. ${advice}`, { line });
}
