/** JSON as CXone sends it. Pure. */
import { isSafeNumber, parse } from 'lossless-json';

/** Only then a number may have more digits than JSON.parse keeps, and the exact parser is several times slower. */
const MAY_BE_ROUNDED = /\d{16}/;
const WHOLE_NUMBER = /^-?\d+$/;

/**
 * Like JSON.parse, but a whole number that it would round becomes a bigint, because it may be the id of a record: rounded, it
 * is the id of another one. Errors: SyntaxError; RangeError for values that are nested too deeply.
 */
export function parseJson(text: string): unknown {
  if (!MAY_BE_ROUNDED.test(text)) return JSON.parse(text);
  return parse(text, null, { parseNumber, onDuplicateKey: ({ newValue }) => newValue });
}

/** The number that a JSON text means, a bigint if it is whole and would be rounded. */
export function parseNumber(text: string): number | bigint {
  const number = Number(text);
  return WHOLE_NUMBER.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
}

/** Stands for a key that an object has twice, with different values. */
export const TWICE = Symbol('the same key twice');

/**
 * For a document that is sent back as a whole: every number that JSON.parse would change is a bigint, fractions included, and the
 * value of a key that is there twice is TWICE. Errors: as parseJson.
 */
export function parseExactJson(text: string): unknown {
  const parseExactNumber = (digits: string) =>
    Number.isFinite(Number(digits)) && !isSafeNumber(digits) ? CHANGED : parseNumber(digits);
  return parse(text, null, { parseNumber: parseExactNumber, onDuplicateKey: () => TWICE });
}

/** Whatever its value: a number that cannot be kept is not used. */
const CHANGED = 0n;
