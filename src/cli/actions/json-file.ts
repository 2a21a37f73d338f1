/** Reads a JSON file that a user wrote. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { findChanges, lineOf } from '../../domain/json-text.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import { createDecoder } from '../../sources/encodings.ts';
import { unreadable } from '../../sources/files.ts';
import { UsageError } from '../errors.ts';

/** Far more than any selection needs, and what fits into the input of a run. */
const MAX_FILE_BYTES = 1_000_000;

/** Throws UsageError, which says where the file is wrong. The caller checks what the document means. */
export function readJsonFile(path: string): unknown {
  return parseJsonBytes(path, readBytes(path));
}

/** The same of bytes that were read elsewhere. `name`: for messages. */
export function parseJsonBytes(name: string, bytes: Buffer): unknown {
  return parseJsonText(name, decode(name, bytes));
}

/**
 * Nothing in the text is dropped or changed: a key that is there twice and a fraction with too many digits are refused. Whole
 * numbers with too many digits are refused by whoever checks the document, because they can still be seen there.
 * @param name for messages
 */
export function parseJsonText(name: string, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${name}: the file is not JSON (${(error as SyntaxError).message})`);
  }
  const { keys, numbers } = findChanges(text);
  const problems = [
    ...keys.slice(0, MOST_PROBLEMS).map(({ path, first, repeated }) => {
      const lines = `lines ${lineOf(text, first)} and ${lineOf(text, repeated)}`;
      return `${path} is there twice (${lines}); keep one of them`;
    }),
    ...numbers
      .filter(({ isFraction }) => isFraction)
      .map(({ path, at }) => {
        const where = `${path || 'the number'} (line ${lineOf(text, at)})`;
        return `${where} has more digits than a JSON number keeps; put it in quotes`;
      }),
  ];
  if (problems.length > 0) throw new UsageError(`${name}: ${problems.join('; ')}`);
  return value;
}

const MOST_PROBLEMS = 5;

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(unreadable(path, error).message);
  }
}

function decode(path: string, bytes: Buffer): string {
  if (bytes.length > MAX_FILE_BYTES) {
    throw new UsageError(
      `${path}: the file has ${plural(bytes.length, 'byte')}; at most ${formatCount(MAX_FILE_BYTES)} fit into a run`,
    );
  }
  // Editors on Windows may write a byte order mark.
  return decodeBytes(path, bytes).replace(/^\uFEFF/, '');
}

function decodeBytes(path: string, bytes: Buffer): string {
  const encoding = findUtf16(bytes);
  const decoder = encoding === null ? null : createDecoder(encoding);
  // A decoder would put U+FFFD in place of such bytes, so the file would name another list or value.
  if (decoder !== null) {
    const utf8 = Buffer.concat([decoder.push(bytes), decoder.end()]);
    if (isUtf8(utf8)) return utf8.toString('utf8');
    throw new UsageError(`${path}: the file looks like ${encoding}, but is not. Save it as UTF-8`);
  }
  const text = bytes.toString('utf8');
  if (!isUtf8(bytes)) throw new UsageError(`${path}: ${describeInvalidByte(bytes, text)}. Save it as UTF-8`);
  return text;
}

/** As Windows PowerShell writes it with `>`, with or without a byte order mark: JSON begins with an ASCII character. */
function findUtf16(bytes: Buffer): 'utf-16le' | 'utf-16be' | null {
  const [first, second, third, fourth] = bytes;
  const isUtf32 = (first === 0 && second === 0) || (third === 0 && fourth === 0);
  if (isUtf32 || first === undefined || second === undefined) return null;
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return 'utf-16le';
  return (first === 0xfe && second === 0xff) || (first === 0 && second !== 0) ? 'utf-16be' : null;
}

/** The text, encoded again, differs from the bytes at the first one that could not be decoded. */
function describeInvalidByte(bytes: Buffer, text: string): string {
  const decoded = Buffer.from(text);
  const at = bytes.findIndex((byte, index) => byte !== decoded[index]);
  const line = bytes.subarray(0, at).toString('latin1').split('\n').length;
  return `line ${line} is not UTF-8 (byte ${at + 1} of the file)`;
}
