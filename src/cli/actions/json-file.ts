/** Reads a JSON file that a user wrote. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';

/** Far more than any selection needs, and what fits into the input of a run. */
const MAX_FILE_BYTES = 1_000_000;

/** Throws UsageError, which says where the file is wrong. The caller checks what the document means. */
export function readJsonFile(path: string): unknown {
  const text = decode(path, readBytes(path));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path}: the file is not JSON (${(error as SyntaxError).message})`);
  }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw new UsageError(`${path}: the file cannot be read`);
  }
}

function decode(path: string, bytes: Buffer): string {
  if (bytes.length > MAX_FILE_BYTES) {
    throw new UsageError(
      `${path}: the file has ${bytes.length} bytes; at most ${MAX_FILE_BYTES} fit into a run`,
    );
  }
  const text = bytes.toString('utf8');
  // A decoder would put U+FFFD in place of such bytes, so the file would name another list or value.
  if (!isUtf8(bytes)) throw new UsageError(`${path}: ${describeInvalidByte(bytes, text)}. Save it as UTF-8`);
  // Editors on Windows may write a byte order mark.
  return text.replace(/^\uFEFF/, '');
}

/** The text, encoded again, differs from the bytes at the first one that could not be decoded. */
function describeInvalidByte(bytes: Buffer, text: string): string {
  const decoded = Buffer.from(text);
  const at = bytes.findIndex((byte, index) => byte !== decoded[index]);
  const line = bytes.subarray(0, at).toString('latin1').split('\n').length;
  return `line ${line} is not UTF-8 (byte ${at + 1} of the file)`;
}
