/** One JSON object to one row: a line of NDJSON, or an element of a JSON array. */
import type { SourceLimits } from '../domain/source-limits.ts';
import type { RawRecord } from './records.ts';
import { brokenRow, fieldTooLarge, inThousands, isOurs, notText, type SourceRow, textOf } from './rows.ts';

/** An escape that JSON.stringify writes for nothing but NUL and half surrogate pairs. */
const NOT_TEXT = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/;
/** Deeper ones overflow the stack of those who write them again: JSON.stringify, and PostgreSQL. */
const MAX_DEPTH = 100;

type Fields = Readonly<Record<string, unknown>>;

export function createObjectReader(limits: SourceLimits): (record: RawRecord) => SourceRow {
  return (record) => {
    const text = textOf(record, limits);
    if (typeof text !== 'string') return text;
    const value = parse(text);
    // The parser's own message quotes the row: it must not travel.
    if (value === undefined) return brokenRow(record, 'row_not_json', 'it is not one JSON value');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return brokenRow(record, 'row_not_an_object', 'it is JSON, but not an object');
    }
    const fields = value as Fields;
    const fault = faultOf(record, fields, limits);
    if (fault) return fault;
    if (text.includes('\\u') && NOT_TEXT.test(JSON.stringify(value))) return notText(record);
    return { line: record.line, fields: withoutOurs(fields) };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Before anything walks through it by recursion. */
function faultOf(record: RawRecord, fields: Fields, limits: SourceLimits): SourceRow | null {
  const { maxColumns, maxFieldCharacters } = limits;
  const entries = Object.entries(fields);
  if (entries.length > maxColumns) {
    const message = `more than ${inThousands(maxColumns)} keys (CXFLOW_MAX_COLUMNS)`;
    return brokenRow(record, 'row_too_many_fields', message);
  }
  if (entries.some(([, value]) => depthOf(value) > MAX_DEPTH))
    return brokenRow(record, 'row_too_deep', `objects or lists more than ${MAX_DEPTH} deep in each other`);
  const large = entries.find(([, value]) => lengthOf(value) > maxFieldCharacters);
  // Not which: a key may be anything, a person too, and this reason is shown where nobody is to be named.
  return large ? fieldTooLarge(record, undefined, limits) : null;
}

/** Level by level, for a recursion would be as deep as the value. Stops where it is too deep. */
function depthOf(value: unknown): number {
  let depth = 0;
  for (let level = [value].filter(isNested); level.length > 0 && depth <= MAX_DEPTH; depth += 1)
    level = level.flatMap((each) => Object.values(each).filter(isNested));
  return depth;
}

/** Characters of a text, or of all texts in a nested value. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (!isNested(value)) return 0;
  return Object.entries(value).reduce((sum, [key, each]) => sum + key.length + lengthOf(each), 0);
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function withoutOurs(fields: Fields): Fields {
  const entries = Object.entries(fields);
  if (!entries.some(([key]) => isOurs(key))) return fields;
  return Object.fromEntries(entries.filter(([key]) => !isOurs(key)));
}
