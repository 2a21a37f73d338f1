/** The bytes of a source in blocks of a known size, and what the first block says about the file. */
import { isUtf8 } from 'node:buffer';
import { SourceError } from './errors.ts';

/**
 * The most bytes that are worked on at once, whatever the producer hands over; the checks look at the first
 * so many.
 */
export const BLOCK_BYTES = 65_536;

/**
 * The same bytes; the first block is full unless the source is shorter, so that what is found in it does not
 * depend on how the bytes happened to arrive.
 */
export async function* toBlocks(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let first: Buffer[] | null = [];
  let size = 0;
  for await (const chunk of bytes) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (first === null) {
      yield* slices(buffer);
      continue;
    }
    first.push(buffer);
    size += buffer.length;
    if (size < BLOCK_BYTES) continue;
    const held = Buffer.concat(first);
    first = null;
    yield* slices(held);
  }
  if (first !== null && size > 0) yield Buffer.concat(first);
}

function* slices(buffer: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < buffer.length; at += BLOCK_BYTES) yield buffer.subarray(at, at + BLOCK_BYTES);
}

const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16_BOMS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
/** What is often taken for a CSV file. */
const MAGIC: readonly (readonly [Buffer, string])[] = [
  [
    Buffer.from('PK\u0003\u0004'),
    'an Excel workbook or a ZIP archive. Save it as "CSV UTF-8" first, or unpack it',
  ],
  [Buffer.from([0x1f, 0x8b]), 'compressed by gzip. Unpack it first: gunzip'],
  [Buffer.from('%PDF'), 'a PDF. Export the data as CSV instead'],
];

/** Checks the first block, and returns it without a byte order mark. Throws SourceError. */
export function checkFirstBlock(name: string, block: Buffer | undefined): Buffer {
  if (block === undefined) throw emptySource(name);
  const magic = MAGIC.find(([start]) => startsWith(block, start));
  if (magic) throw new SourceError('source_binary', `${name}: not a text file, but ${magic[1]}`);
  if (UTF16_BOMS.some((bom) => startsWith(block, bom))) {
    throw notUtf8(name, 'UTF-16. Convert it: iconv -f UTF-16 -t UTF-8 IN > OUT');
  }
  const text = startsWith(block, UTF8_BOM) ? block.subarray(UTF8_BOM.length) : block;
  if (text.includes(0)) {
    const advice = 'It is binary, or UTF-16 without a mark. Give CSV or NDJSON in UTF-8';
    throw new SourceError(
      'source_binary',
      `${name}: not a text file that can be read, it has NUL bytes. ${advice}`,
    );
  }
  if (!isUtf8(withoutCutCharacter(text))) {
    throw notUtf8(
      name,
      'not UTF-8. Save it as "CSV UTF-8", or convert it: iconv -f WINDOWS-1252 -t UTF-8 IN > OUT',
    );
  }
  return text;
}

export function emptySource(name: string, found = 'the file is empty'): SourceError {
  return new SourceError(
    'source_empty',
    `${name}: ${found}. Nothing was read; check that the export is complete`,
  );
}

function notUtf8(name: string, encoding: string): SourceError {
  return new SourceError('source_encoding', `${name}: the text is ${encoding}`);
}

function startsWith(block: Buffer, start: Buffer): boolean {
  return block.subarray(0, start.length).equals(start);
}

/** A full block may end inside a character: up to three bytes of it are left out of the check. */
function withoutCutCharacter(block: Buffer): Buffer {
  if (block.length < BLOCK_BYTES - UTF8_BOM.length) return block;
  for (let back = 1; back <= 3; back += 1) {
    const byte = block[block.length - back] ?? 0;
    if (byte >= 0xc0) return block.subarray(0, block.length - back);
    if (byte < 0x80) return block;
  }
  return block;
}
