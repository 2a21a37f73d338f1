/** NDJSON: one JSON object on each line. */
import type { RawRecord } from './records.ts';
import { brokenRow, isOurs, notText, type SourceRow, textOf } from './rows.ts';

/** An escape that JSON.stringify writes for nothing but NUL and half surrogate pairs. */
const NOT_TEXT = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/;

export function readNdjson(record: RawRecord): SourceRow {
  const text = textOf(record);
  if (typeof text !== 'string') return text;
  const value = parse(text);
  // The parser's own message quotes the row: it must not travel.
  if (value === undefined) return brokenRow(record, 'row_not_json', 'the line is not one JSON value');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return brokenRow(record, 'row_not_an_object', 'the line is JSON, but not an object');
  }
  if (text.includes('\\u') && NOT_TEXT.test(JSON.stringify(value))) return notText(record);
  const entries = Object.entries(value);
  const ours = entries.some(([key]) => isOurs(key));
  const fields = ours ? Object.fromEntries(entries.filter(([key]) => !isOurs(key))) : value;
  return { line: record.line, fields: fields as Readonly<Record<string, unknown>> };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
