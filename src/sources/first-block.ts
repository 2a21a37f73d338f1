/** Checks the first block of a source: whether it is text, and in which encoding. */
import { isUtf8 } from 'node:buffer';
import { BLOCK_BYTES } from './blocks.ts';
import { decodeWindows1252, SOURCE_ENCODINGS, type SourceEncoding } from './encodings.ts';
import { SourceError } from './errors.ts';
import { findSevenBit, howToConvert, isPlausible } from './looks-like.ts';

interface Mark {
  readonly bytes: Buffer;
  readonly encoding: SourceEncoding | null;
  readonly name: string;
}

/** Byte order marks. If one is the beginning of another, the longer one comes first. */
const MARKS: readonly Mark[] = [
  { bytes: Buffer.of(0xff, 0xfe, 0, 0), encoding: null, name: 'UTF-32' },
  { bytes: Buffer.of(0, 0, 0xfe, 0xff), encoding: null, name: 'UTF-32' },
  { bytes: Buffer.of(0xef, 0xbb, 0xbf), encoding: 'utf-8', name: 'UTF-8' },
  { bytes: Buffer.of(0xff, 0xfe), encoding: 'utf-16le', name: 'UTF-16LE' },
  { bytes: Buffer.of(0xfe, 0xff), encoding: 'utf-16be', name: 'UTF-16BE' },
];

/** Files that are often given by mistake: how they begin, what they are, what to do. */
const MAGIC: readonly (readonly [Buffer, string])[] = [
  [Buffer.from([0x1f, 0x8b]), 'compressed by gzip. Unpack it first: gunzip'],
  [Buffer.from('BZh'), 'compressed by bzip2. Unpack it first: bunzip2'],
  [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), 'compressed by xz. Unpack it first: unxz'],
  [Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), 'compressed by zstd. Unpack it first: unzstd'],
  [Buffer.from([0x37, 0x7a, 0xbc, 0xaf]), 'a 7z archive. Unpack it first, and name the file in it'],
  [
    Buffer.from([0xd0, 0xcf, 0x11, 0xe0]),
    'an old Excel workbook (.xls), or one with a password. Save it as .xlsx or "CSV UTF-8", without a password, first',
  ],
  [Buffer.from('%PDF'), 'a PDF. Export the data as CSV instead'],
  [Buffer.from('PAR1'), 'a Parquet file. Export the data as CSV or NDJSON instead'],
  [Buffer.from('SQLite format 3'), 'an SQLite database. Export the table as CSV instead'],
  [Buffer.from('{\\rtf'), 'a rich text document. Save it as plain text, or export CSV'],
];
const ZIPS = [Buffer.from('PK\u0003\u0004'), Buffer.from('PK\u0005\u0006')];

export interface DetectedEncoding {
  readonly encoding: SourceEncoding;
  /** Length of the byte order mark. */
  readonly markBytes: number;
}

/**
 * The encoding is that of the byte order mark or the one given, else UTF-8. Nothing is guessed: a wrong guess would change
 * names without anybody noticing. Text that looks like another encoding is refused with a message that says how to have it
 * read. Throws SourceError.
 */
export function detectEncoding(
  name: string,
  block: Buffer,
  given: SourceEncoding | undefined,
): DetectedEncoding {
  refuseOtherFormats(name, block);
  const mark = MARKS.find(({ bytes }) => startsWith(block, bytes));
  if (mark?.encoding === null) {
    const advice = 'Save it as "CSV UTF-8", or convert it: iconv -f UTF-32 -t UTF-8 IN > OUT';
    throw new SourceError('source_encoding', `${name}: the text is ${mark.name}. ${advice}`);
  }
  if (mark?.encoding) return { encoding: reconcile(name, mark, given), markBytes: mark.bytes.length };
  if (given !== undefined) {
    refuseIfUtf8(name, block, given);
    return { encoding: given, markBytes: 0 };
  }
  refuseUtf16(name, block);
  return { encoding: 'utf-8', markBytes: 0 };
}

/**
 * Checks text in UTF-8, original or converted. Throws SourceError if it is binary or mostly invalid; single invalid bytes
 * only break their rows.
 */
export function checkText(name: string, block: Buffer, isConverted: boolean): void {
  const text = withoutCutCharacter(block);
  const sevenBit = findSevenBit(text);
  if (sevenBit !== null) {
    const what = `${name}: the text looks like ${sevenBit.name} (first seen in line ${sevenBit.line})`;
    const advice = howToConvert(sevenBit.name);
    throw new SourceError('source_encoding', `${what}. ${advice}`, { line: sevenBit.line });
  }
  if (isBinary(text)) {
    const what = 'not a text file: it has NUL bytes or other control characters';
    throw new SourceError('source_binary', `${name}: ${what}. Give CSV, NDJSON or JSON in UTF-8`);
  }
  if (isConverted || isUtf8(text) || isMostlyUtf8(text)) return;
  const line = splitLines(text).findIndex((each) => !isUtf8(each)) + 1;
  const what = `${name}: the text is not UTF-8 (first seen in line ${line})`;
  const advice = isPlausible(decodeWindows1252(text))
    ? 'It is probably Windows-1252, as Excel saves "CSV": use --encoding windows-1252 (in an input: "encoding"), ' +
      'or save it as "CSV UTF-8"'
    : `It does not look like Windows-1252 either. Save it as "CSV UTF-8"; or convert it, if its encoding is known: iconv -f ` +
      `ENCODING -t UTF-8 IN > OUT. Without conversion cxflow reads ${SOURCE_ENCODINGS.join(', ')} (--encoding)`;
  throw new SourceError('source_encoding', `${what}. ${advice}`, { line });
}

/** Control characters in many places and on most lines. A NUL in one corrupt row does not make a file binary. */
function isBinary(text: Buffer): boolean {
  const controls = text.reduce((n, byte) => n + (isControl(byte) ? 1 : 0), 0);
  if (controls <= text.length / 100) return false;
  const lines = splitLines(text);
  return lines.filter((line) => line.some(isControl)).length > lines.length / 2;
}

/** Looks at the non-ASCII characters, because letters in another encoding are hardly ever valid UTF-8 by chance. */
function isMostlyUtf8(text: Buffer): boolean {
  const beyondAscii = text.toString('utf8').match(/[^\0-\x7f]/gu) ?? [];
  return beyondAscii.filter((character) => character === '\ufffd').length <= beyondAscii.length / 2;
}

export function emptySource(name: string, found = 'the file is empty'): SourceError {
  return new SourceError(
    'source_empty',
    `${name}: ${found}. Nothing was read; check that the export is complete`,
  );
}

/** What a file is that is neither text nor a ZIP archive, and what to do; null: nothing of what is known. */
export function describeOtherFormat(block: Buffer): string | null {
  return MAGIC.find(([start]) => startsWith(block, start))?.[1] ?? null;
}

function refuseOtherFormats(name: string, block: Buffer): void {
  const found = describeOtherFormat(block) ?? describeZip(block);
  if (found !== null) throw new SourceError('source_binary', `${name}: not a text file, but ${found}`);
  if (!/^\s*<(?:!doctype|html|\?xml)/i.test(block.toString('latin1', 0, 1_000))) return;
  const what = `${name}: a web page or XML, not CSV or JSON`;
  const advice = 'If it was downloaded, it may be a login page. Export the data again';
  throw new SourceError('source_format_unknown', `${what}. ${advice}`);
}

function describeZip(block: Buffer): string | null {
  if (!ZIPS.some((start) => startsWith(block, start))) return null;
  const isWorkbook = /\[Content_Types\]\.xml|xl\/|mimetypeapplication\/vnd\.oasis/.test(
    block.toString('latin1'),
  );
  if (isWorkbook)
    return 'an Excel workbook or another spreadsheet. Name it .xlsx or use --format xlsx; save others as .xlsx first';
  return 'a ZIP archive, or an Excel workbook. Unpack it; a workbook needs the extension .xlsx, or --format xlsx';
}

function reconcile(name: string, mark: Mark, given: SourceEncoding | undefined): SourceEncoding {
  const { encoding } = mark;
  if (encoding !== null && (given === undefined || given === encoding)) return encoding;
  const what = `${name}: it begins with the byte order mark of ${mark.name}, so it is not ${given}`;
  throw new SourceError('source_encoding', `${what}. Leave the encoding out; the byte order mark is enough`);
}

/** Windows-1252 is hardly ever valid UTF-8 by chance. Read as Windows-1252, the `Zoë` of UTF-8 would become `ZoÃ«`. */
function refuseIfUtf8(name: string, block: Buffer, given: SourceEncoding): void {
  if (given !== 'windows-1252' && given !== 'latin1') return;
  const text = withoutCutCharacter(block);
  if (!isUtf8(text) || text.every((byte) => byte < 0x80)) return;
  const line = splitLines(text).findIndex((each) => each.some((byte) => byte >= 0x80)) + 1;
  const what = `${name}: the text is UTF-8, not ${given} (first seen in line ${line})`;
  throw new SourceError('source_encoding', `${what}. Leave the encoding out`, { line });
}

/** In UTF-16 every other byte of ASCII text is NUL. */
function refuseUtf16(name: string, block: Buffer): void {
  const start = block.subarray(0, 1_000);
  const nuls = [0, 0];
  start.forEach((byte, at) => {
    if (byte === 0) nuls[at % 2] = (nuls[at % 2] ?? 0) + 1;
  });
  const [even = 0, odd = 0] = nuls;
  const many = start.length * 0.2;
  const encoding =
    odd > many && even < odd / 10 ? 'utf-16le' : even > many && odd < even / 10 ? 'utf-16be' : null;
  if (encoding === null) return;
  const what = `${name}: the text looks like ${encoding.toUpperCase()} without a byte order mark`;
  const advice = `Use --encoding ${encoding} (in an input: "encoding"), or save it as "CSV UTF-8"`;
  throw new SourceError('source_encoding', `${what}. ${advice}`);
}

function startsWith(block: Buffer, start: Buffer): boolean {
  return block.subarray(0, start.length).equals(start);
}

const LF = 0x0a;

function splitLines(block: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < block.length; ) {
    const end = block.indexOf(LF, at);
    lines.push(block.subarray(at, end < 0 ? block.length : end));
    at = end < 0 ? block.length : end + 1;
  }
  return lines;
}

/** All control characters except tab, line ends and form feed. */
function isControl(byte: number): boolean {
  return byte < 0x09 || (byte > 0x0d && byte < 0x20);
}

/** A full block may end inside a character, so up to three bytes at its end are not checked. */
function withoutCutCharacter(block: Buffer): Buffer {
  if (block.length < BLOCK_BYTES - 3) return block;
  for (let back = 1; back <= 3; back += 1) {
    const byte = block[block.length - back] ?? 0;
    if (byte >= 0xc0) return block.subarray(0, block.length - back);
    if (byte < 0x80) return block;
  }
  return block;
}
