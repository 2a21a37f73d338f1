/** Reads JSON objects as rows: the lines of NDJSON, or the elements of a JSON array. */
import { MAX_JSON_DEPTH, measureDepth } from '../domain/json.ts';
import { formatCount } from '../domain/numbers.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import type { RawRecord } from './records.ts';
import { brokenRow, decodeRecord, fieldTooLarge, isReservedColumn, notText, type SourceRow } from './rows.ts';

/** JSON.stringify writes these escapes only for NUL and for halves of surrogate pairs. */
const NOT_TEXT = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/;

type Fields = Readonly<Record<string, unknown>>;

export function createObjectReader(limits: SourceLimits): (record: RawRecord) => SourceRow {
  return (record) => {
    const text = decodeRecord(record, limits);
    if (typeof text !== 'string') return text;
    const value = parse(text);
    // The parser's own message quotes the row, which must not end up in messages.
    if (value === undefined) return brokenRow(record, 'row_not_json', 'not a JSON value');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return brokenRow(record, 'row_not_an_object', 'JSON, but not an object');
    }
    const fields = value as Fields;
    const broken = checkLimits(record, fields, limits);
    if (broken) return broken;
    if (text.includes('\\u') && NOT_TEXT.test(JSON.stringify(value))) return notText(record);
    return { line: record.line, fields: dropReserved(fields) };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Has to come before anything that processes the value recursively. */
function checkLimits(record: RawRecord, fields: Fields, limits: SourceLimits): SourceRow | null {
  const { maxColumns, maxFieldCharacters } = limits;
  const entries = Object.entries(fields);
  if (entries.length > maxColumns) {
    const message = `more than ${formatCount(maxColumns)} keys (CXFLOW_MAX_COLUMNS)`;
    return brokenRow(record, 'row_too_many_fields', message);
  }
  if (entries.some(([, value]) => measureDepth(value) > MAX_JSON_DEPTH))
    return brokenRow(record, 'row_too_deep', `objects or lists nested more than ${MAX_JSON_DEPTH} deep`);
  const large = entries.find(([, value]) => countCharacters(value) > maxFieldCharacters);
  // Without the key, which may contain personal data; reasons are shown where that is not allowed.
  return large ? fieldTooLarge(record, undefined, limits) : null;
}

/** Characters of a text, or of all keys and texts of a nested value. */
function countCharacters(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (!isNested(value)) return 0;
  return Object.entries(value).reduce((sum, [key, each]) => sum + key.length + countCharacters(each), 0);
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function dropReserved(fields: Fields): Fields {
  const entries = Object.entries(fields);
  if (!entries.some(([key]) => isReservedColumn(key))) return fields;
  return Object.fromEntries(entries.filter(([key]) => !isReservedColumn(key)));
}
