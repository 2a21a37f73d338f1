/** The rows of a source, including those that could not be read. */
import { isUtf8 } from 'node:buffer';
import { formatCount } from '../domain/numbers.ts';
import type { ReasonCode } from '../domain/reasons.ts';
import type { Reason } from '../domain/run.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { replaceUnstorable } from '../domain/text.ts';
import { findSevenBit, howToConvert, mayBeSevenBit } from './looks-like.ts';
import type { RawRecord } from './records.ts';

export interface SourceRow {
  /** 1-based line in the source where the row begins. */
  readonly line: number;
  /** Absent in a broken row. In CSV all values are strings. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Why the row could not be read. Contains no value of the row. */
  readonly broken?: Reason;
  /**
   * What can be read of a broken row: its fields, with U+FFFD for what is not text. It must never be written to CXone, but may
   * show that somebody objects.
   */
  readonly legible?: Readonly<Record<string, unknown>>;
  /**
   * What the cells of a broken row of a workbook show, for reports and exported files. Some of it may be wrong, so nothing else may
   * use it.
   */
  readonly shown?: Readonly<Record<string, unknown>>;
  /** The text of a broken row that cannot be divided into fields, cut to 10,000 characters. Personal data, like `fields`. */
  readonly raw?: string;
}

const RAW_CHARACTERS = 10_000;

export function brokenRow(record: RawRecord, code: ReasonCode, message: string, field?: string): SourceRow {
  const broken = { code, ...(field !== undefined && { field }), message };
  return { line: record.line, broken, raw: showRaw(record.bytes) };
}

/** The text of a record, with U+FFFD for what is not text; null if it cannot be divided into fields. */
export type Decoded =
  | { readonly text: string; readonly broken: SourceRow | null }
  | { readonly text: null; readonly broken: SourceRow };

export function decodeRecord(record: RawRecord, limits: SourceLimits): Decoded {
  if (record.problem !== null) {
    const where = record.lastLine > record.line ? ` (lines ${record.line} to ${record.lastLine})` : '';
    const message = describeProblem(record.problem, limits) + where;
    return { text: null, broken: brokenRow(record, record.problem, message) };
  }
  const text = record.bytes.toString('utf8');
  if (text.includes('\ufffd') && !isUtf8(record.bytes))
    return { text, broken: brokenRow(record, 'row_not_utf8', INVALID_BYTES) };
  if (text.includes('\0')) return { text: replaceUnstorable(text), broken: notText(record) };
  const sevenBit = mayBeSevenBit(text) ? findSevenBit(record.bytes) : null;
  if (sevenBit !== null) return { text, broken: otherEncoding(record, sevenBit.name) };
  return { text, broken: null };
}

/** As for invalid bytes, this may show long after the first block. */
function otherEncoding(record: RawRecord, encoding: string): SourceRow {
  const message = `it looks like ${encoding}, and so may the whole file. ${howToConvert(encoding)}`;
  return brokenRow(record, 'row_other_encoding', message);
}

/** The first non-ASCII letter may come late in a file, long after the encoding was determined from its first block. */
const INVALID_BYTES =
  'it has bytes that are invalid in this encoding; if many rows do, the file has another one: perhaps ' +
  'Windows-1252 (--encoding windows-1252; in an input: "encoding"), or save it as "CSV UTF-8"';

function describeProblem(problem: NonNullable<RawRecord['problem']>, { maxRowBytes }: SourceLimits): string {
  if (problem === 'row_bad_quote') return 'text after a closing quote, or blanks before an opening quote';
  return tooManyBytes({ maxRowBytes }).message;
}

export function tooManyBytes({
  maxRowBytes,
}: Pick<SourceLimits, 'maxRowBytes'>): Reason & { message: string } {
  return {
    code: 'row_too_large',
    message: `more than ${formatCount(maxRowBytes)} bytes (CXFLOW_MAX_ROW_BYTES)`,
  };
}

/** JSON allows NUL and halves of surrogate pairs, but PostgreSQL cannot store them. */
export function notText(record: RawRecord): SourceRow {
  return brokenRow(record, 'row_not_text', 'it has a NUL character or half of a surrogate pair');
}

/** @param field a column, as the header names it */
export function fieldTooLarge(record: RawRecord, field: string | undefined, limits: SourceLimits): SourceRow {
  const { message, field: shown } = tooManyCharacters(field, limits);
  return brokenRow(record, 'row_field_too_large', message, shown);
}

/** @param field a column, as the header names it */
export function tooManyCharacters(
  field: string | undefined,
  limits: SourceLimits,
): Reason & { message: string } {
  const most = formatCount(limits.maxFieldCharacters);
  const message = `more than ${most} characters (CXFLOW_MAX_FIELD_CHARACTERS)`;
  return {
    code: 'row_field_too_large',
    ...(field !== undefined && { field: field.slice(0, FIELD_CHARACTERS) }),
    message,
  };
}

/** Longer names of columns are cut in reports. */
const FIELD_CHARACTERS = 100;

function showRaw(bytes: Buffer): string {
  const text = bytes
    .subarray(0, 4 * RAW_CHARACTERS)
    .toString('utf8')
    .slice(0, RAW_CHARACTERS);
  return replaceUnstorable(text);
}

/**
 * Columns that cxflow adds to the files it exports. They are ignored when such a file is a source again
 * (docs/adr/0013-sources-and-files.md#columns).
 */
export function isReservedColumn(column: string): boolean {
  return column.toLowerCase().startsWith('cxflow_');
}
