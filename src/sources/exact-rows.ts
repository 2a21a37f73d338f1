/** What JSON.parse would change in a row: keys that are there twice, and numbers that are not written as it writes them. */
import { parse } from 'lossless-json';
import { normalizeName } from '../domain/columns.ts';
import { isObject } from '../domain/json.ts';
import { findChanges, losesDigits, type RepeatedKey } from '../domain/json-text.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Keys that the row or an object in it has twice. Quick for rows without any. */
export function findRepeatedKeys(text: string, fields: Fields): readonly RepeatedKey[] {
  // A colon inside of a text may be taken for one more key, which costs time and nothing else.
  const most = text.match(/"\s*:/g)?.length ?? 0;
  return most === countKeys(fields) ? [] : findChanges(text).keys;
}

/** Recursion is safe once the depth has been checked. */
function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value);
  const own = Array.isArray(value) ? 0 : inner.length;
  return inner.reduce<number>((sum, each) => sum + countKeys(each), own);
}

/**
 * The same row with a name for each value: a key that is repeated gets blanks and `_` before its name, which mean nothing in
 * the names of columns, so that whoever reads the row sees one field with several values. For what is legible of a broken row.
 */
export function withAllValues(text: string, repeated: readonly RepeatedKey[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const { repeated: at, times } of repeated) {
    const mark = times.toString(2).replaceAll('0', ' ').replaceAll('1', '_');
    parts.push(text.slice(from, at + 1), mark);
    from = at + 1;
  }
  return [...parts, text.slice(from)].join('');
}

/** A number that JSON.parse and JSON.stringify may write in another way. Others cannot: `12`, `-0.5`. */
const MAY_DIFFER =
  /\d{16}|[:[,\s]-?(?:(?=[\d.]{17})\d|\d{1,15}(?:[eE]|\.\d{0,15}(?:0(?!\d)|[eE])))|[:[,\s]-0/;

/**
 * The fields with their numbers as they are written, `1.10` or `1e3`, as texts. Whole numbers beyond 2^53 and infinite ones stay
 * what JSON.parse makes of them, and rules of the domain refuse them. null: a number inside of a nested value would lose digits.
 */
export function keepNumbers(text: string, fields: Fields): Fields | null {
  if (!MAY_DIFFER.test(text)) return fields;
  const exact = parse(text, null, { parseNumber: readNumber, onDuplicateKey: ({ newValue }) => newValue });
  const kept = Object.entries(exact as Fields).map(([key, value]) => [key, keepCell(key, value)] as const);
  return kept.some(([, value]) => hasLost(value)) ? null : Object.fromEntries(kept);
}

/** A number that is written in another way than JSON.stringify would write it. */
class Written {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function readNumber(text: string): number | Written {
  const value = Number(text);
  const isLong = !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
  return isLong || String(value) === text ? value : new Written(text);
}

/** Cells are also the values of `customFields`, and those of `fields` in the shape of the API. */
function keepCell(key: string, value: unknown): unknown {
  const name = normalizeName(key);
  if (value instanceof Written) return value.text;
  if (name === 'customfields' && isObject(value)) return mapValues(value, (_, inner) => keepPlain(inner));
  if ((name === 'fields' || name === 'deduplicationkeys') && Array.isArray(value))
    return value.map((pair: unknown) =>
      isObject(pair) && !(pair instanceof Written)
        ? mapValues(pair, (_, inner) => keepPlain(inner))
        : keepNested(pair),
    );
  return keepNested(value);
}

const keepPlain = (value: unknown): unknown => (value instanceof Written ? value.text : keepNested(value));

/** Inside of a nested value a text would be of another type, and `1.10` as `1.1` is the same number. */
function keepNested(value: unknown): unknown {
  if (value instanceof Written) return losesDigits(value.text) ? LOST : Number(value.text);
  if (Array.isArray(value)) return value.map(keepNested);
  return isObject(value) ? mapValues(value, (_, inner) => keepNested(inner)) : value;
}

const LOST = Symbol('a number that would lose digits');

function hasLost(value: unknown): boolean {
  if (value === LOST) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasLost);
}

const mapValues = (value: Fields, change: (key: string, inner: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(key, inner)]));
