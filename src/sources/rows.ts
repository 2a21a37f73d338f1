/** What a source gives to its readers, and the rows that could not be read. */
import { isUtf8 } from 'node:buffer';
import type { Reason } from '../domain/run.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import type { RawRecord } from './records.ts';

export interface SourceRow {
  /** 1-based line in the source where the row begins. */
  readonly line: number;
  /** Absent in a broken row. Of CSV all values are strings. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Why the row could not be read; holds no value of it. */
  readonly broken?: Reason;
  /** A broken row's text, cut to 10,000 characters. Personal data, like fields. */
  readonly raw?: string;
}

const RAW_CHARACTERS = 10_000;

export function brokenRow(record: RawRecord, code: string, message: string, field?: string): SourceRow {
  const broken = { code, ...(field !== undefined && { field }), message };
  return { line: record.line, broken, raw: rawText(record.bytes) };
}

/** The text of a record, or the broken row that it is. */
export function textOf(record: RawRecord, limits: SourceLimits): string | SourceRow {
  if (record.problem !== null) {
    const where = record.lastLine > record.line ? ` (lines ${record.line} to ${record.lastLine})` : '';
    return brokenRow(record, record.problem, problemText(record.problem, limits) + where);
  }
  const text = record.bytes.toString('utf8');
  if (text.includes('\ufffd') && !isUtf8(record.bytes))
    return brokenRow(record, 'row_not_utf8', NOT_IN_THIS_ENCODING);
  if (text.includes('\0')) return notText(record);
  return text;
}

/** Letters of another encoding may come late in a file: what its first block shows is said for all of it. */
const NOT_IN_THIS_ENCODING =
  'there are bytes in it that are no text in this encoding; where many rows are so, the file is probably ' +
  'Windows-1252: say --encoding windows-1252 (in an input: "encoding")';

function problemText(problem: NonNullable<RawRecord['problem']>, { maxRowBytes }: SourceLimits): string {
  if (problem === 'row_bad_quote') return 'text after a closing quote, or blanks before an opening one';
  return `the row has more than ${inThousands(maxRowBytes)} bytes (CXFLOW_MAX_ROW_BYTES)`;
}

/**
 * NUL and half surrogate pairs are characters of JSON, but no database keeps them and no other program reads
 * them.
 */
export function notText(record: RawRecord): SourceRow {
  return brokenRow(record, 'row_not_text', 'there is a NUL or half a character in it');
}

/** `field`: a column, as the header names it. */
export function fieldTooLarge(record: RawRecord, field: string | undefined, limits: SourceLimits): SourceRow {
  const most = inThousands(limits.maxFieldCharacters);
  const message = `more than ${most} characters (CXFLOW_MAX_FIELD_CHARACTERS)`;
  return brokenRow(record, 'row_field_too_large', message, field?.slice(0, FIELD_CHARACTERS));
}

/** A name that long is no name; it stands in reports. */
const FIELD_CHARACTERS = 100;

export function inThousands(n: number): string {
  return n.toLocaleString('en-GB');
}

function rawText(bytes: Buffer): string {
  const text = bytes
    .subarray(0, 4 * RAW_CHARACTERS)
    .toString('utf8')
    .slice(0, RAW_CHARACTERS);
  return text.replaceAll('\0', '\ufffd').replace(/[\ud800-\udbff]$/, '');
}

/**
 * Columns and keys that cxflow itself writes into its files; ignored when they come back (decisions.md 3).
 */
export function isOurs(column: string): boolean {
  return column.toLowerCase().startsWith('cxflow_');
}
