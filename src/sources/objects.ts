/** Reads JSON objects as rows: the lines of NDJSON, or the elements of a JSON array. */
import { hasValue } from '../domain/fields.ts';
import { isNested, MAX_JSON_DEPTH, measureDepth } from '../domain/json.ts';
import type { RepeatedKey } from '../domain/json-text.ts';
import { formatCount } from '../domain/numbers.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { replaceUnstorable } from '../domain/text.ts';
import { findRepeatedKeys, keepNumbers, withAllValues } from './exact-rows.ts';
import type { RawRecord } from './records.ts';
import { brokenRow, decodeRecord, fieldTooLarge, isReservedColumn, notText, type SourceRow } from './rows.ts';

/** JSON.stringify writes these escapes only for NUL and for halves of surrogate pairs. */
const NOT_TEXT = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/;

type Fields = Readonly<Record<string, unknown>>;

/** null: the object has no value, like a row of delimiters in CSV. It is no record. */
export function createObjectReader(limits: SourceLimits): (record: RawRecord) => SourceRow | null {
  return (record) => {
    const { text, broken: illFormed } = decodeRecord(record, limits);
    if (text === null) return illFormed;
    const value = parse(text);
    // The parser's own message quotes the row, which must not end up in messages.
    if (value === undefined) return illFormed ?? brokenRow(record, 'row_not_json', 'not a JSON value');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return illFormed ?? brokenRow(record, 'row_not_an_object', 'JSON, but not an object');
    }
    const given = value as Fields;
    const broken = checkLimits(record, given, limits);
    if (broken) return illFormed ?? broken;
    const repeated = findRepeatedKeys(text, given);
    if (repeated.length > 0) return brokenByRepetition(record, text, repeated);
    if (!illFormed && !hasValue(given)) return null;
    const written = keepNumbers(text, given);
    const fields = dropReserved(written ?? given);
    const unusable =
      illFormed ?? checkValues(record, text, given) ?? (written === null ? notExact(record) : null);
    if (unusable) return { ...unusable, legible: repair(fields) as Fields };
    return { line: record.line, fields };
  };
}

/** JSON.parse keeps the last value without a word, which may be a yes after a no. */
function brokenByRepetition(record: RawRecord, text: string, repeated: readonly RepeatedKey[]): SourceRow {
  const [{ first, repeated: second } = { first: 0, repeated: 0 }] = repeated;
  // Without the key, which may be personal data.
  const message = `the same key twice, at characters ${first + 1} and ${second + 1} of the row; keep one of them`;
  const legible = dropReserved(parse(withAllValues(text, repeated)) as Fields);
  return { ...brokenRow(record, 'row_repeated_key', message), legible: repair(legible) as Fields };
}

function notExact(record: RawRecord): SourceRow {
  const message = 'a nested number with more digits than a JSON number keeps; put it in quotes';
  return brokenRow(record, 'row_number_not_exact', message);
}

/** What PostgreSQL or JSON could not hold. */
function checkValues(record: RawRecord, text: string, fields: Fields): SourceRow | null {
  if (text.includes('\\u') && NOT_TEXT.test(JSON.stringify(fields))) return notText(record);
  if (!Object.values(fields).some(hasInfiniteNumber)) return null;
  const message = 'a number beyond what a JSON number can be; put it in quotes';
  return brokenRow(record, 'row_number_too_large', message);
}

/** With U+FFFD for what is not text. Recursion is safe once the depth has been checked. */
function repair(value: unknown): unknown {
  if (typeof value === 'string') return replaceUnstorable(value);
  if (Array.isArray(value)) return value.map(repair);
  if (!isNested(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [repair(key), repair(each)]));
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

/** JSON.parse reads 1e999 as Infinity, which would be written as null. Recursion is safe once the depth has been checked. */
function hasInfiniteNumber(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  return isNested(value) && Object.values(value).some(hasInfiniteNumber);
}

function dropReserved(fields: Fields): Fields {
  const entries = Object.entries(fields);
  if (!entries.some(([key]) => isReservedColumn(key))) return fields;
  return Object.fromEntries(entries.filter(([key]) => !isReservedColumn(key)));
}
