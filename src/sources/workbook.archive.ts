/** The parts of a workbook, which is a ZIP archive. Nothing is unpacked to a disk, and no part is held in memory. */
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { formatCount, plural } from '../domain/numbers.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { SourceError } from './errors.ts';
import { describeOtherFormat } from './first-block.ts';
import { brokenWorkbook } from './workbook.xml.ts';

export interface Archive {
  /** The name of the file, for messages. */
  readonly name: string;
  /** `path` as in the archive, e.g. `xl/workbook.xml`; names of parts ignore case. */
  has(path: string): boolean;
  /** The text of a part. Throws SourceError if there is no such part. */
  read(path: string): AsyncGenerator<string, void, undefined>;
}

/** Real workbooks have some dozens. */
const MAX_ENTRIES = 10_000;
/** The markup of a cell may be ten times as long as what it shows. */
const MARKUP_PER_TEXT = 10;
/**
 * How many times larger a part may be than it is in the archive. Sheets are 5 to 30 times larger; DEFLATE could reach 1,032.
 * Small parts cannot do any harm.
 */
const MAX_RATIO = 200;
const SMALL_PART_BYTES = 10_000_000;

/** The file has to stay open as long as its parts are read. Throws SourceError if it is not a workbook that can be read. */
export async function openArchive(file: FileHandle, name: string, limits: SourceLimits): Promise<Archive> {
  await requireZip(file, name);
  const { size } = await file.stat();
  const fail = (error: unknown) => {
    throw error instanceof SourceError ? error : notAnArchive(name, error);
  };
  const zip = await fromRandomAccessReaderPromise(new FileReader(file), size, { autoClose: false }).catch(
    fail,
  );
  const entries = await listEntries(zip, name).catch(fail);
  const find = (path: string) => entries?.get(path.toLowerCase());
  return {
    name,
    has: (path) => find(path) !== undefined,
    read(path) {
      const entry = find(path);
      const place = `${name}: the part ${path}`;
      if (!entry || !zip) throw brokenWorkbook(place, 'it is missing');
      requireHarmless(entry, place, limits);
      return readText(zip, entry, place);
    },
  };
}

class FileReader extends RandomAccessReader {
  readonly #file: FileHandle;
  constructor(file: FileHandle) {
    super();
    this.#file = file;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(readRange(this.#file, start, end), { objectMode: false });
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#file.read(buffer, offset, length, position).then(
      ({ bytesRead }) => callback(bytesRead < length ? new Error('unexpected end of file') : null),
      (error: unknown) => callback(error as Error),
    );
  }
}

async function listEntries(zip: ZipFile, name: string): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) {
    const path = entry.fileName.toLowerCase();
    if (entry.isEncrypted()) throw protectedWorkbook(name);
    // Of two parts with the same name, different programs would read different ones.
    if (entries.has(path)) throw brokenWorkbook(name, 'its archive has two parts with the same name');
    entries.set(path, entry);
    if (entries.size > MAX_ENTRIES)
      throw tooLarge(name, `its archive has more than ${formatCount(MAX_ENTRIES)} parts`);
  }
  return entries;
}

/** The sizes are those that the archive declares; yauzl stops as soon as a part turns out to be larger. */
function requireHarmless(entry: Entry, place: string, { maxSourceBytes }: SourceLimits): void {
  const { uncompressedSize: size, compressedSize } = entry;
  if (!entry.canDecodeFileData())
    throw brokenWorkbook(place, 'it is compressed by another method than DEFLATE');
  if (size > MARKUP_PER_TEXT * maxSourceBytes)
    throw tooLarge(place, `it has ${plural(size, 'byte')} (CXFLOW_MAX_SOURCE_BYTES)`);
  if (size > SMALL_PART_BYTES && size > MAX_RATIO * compressedSize)
    throw tooLarge(place, `it is more than ${MAX_RATIO} times as large as in the archive`);
}

const READ_BYTES = 65_536;

/** A stream of the file itself would close it when it is destroyed. */
async function* readRange(
  file: FileHandle,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void, undefined> {
  for (let at = start; at < end; ) {
    const size = Math.min(READ_BYTES, end - at);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function* readText(zip: ZipFile, entry: Entry, place: string): AsyncGenerator<string, void, undefined> {
  const stream = await zip.openReadStreamPromise(entry).catch((error: unknown) => {
    throw notAnArchive(place, error);
  });
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  let checksum = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      checksum = crc32(chunk, checksum);
      decoder ??= new TextDecoder(detectUtf(chunk), { fatal: true });
      yield decoder.decode(chunk, { stream: true });
    }
    yield decoder?.decode() ?? '';
    // yauzl does not check it, and one wrong bit may be another digit of a phone number.
    if (checksum !== entry.crc32) throw new Error('wrong checksum');
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw notAnArchive(place, error);
  } finally {
    stream.destroy();
  }
}

/** The two encodings that XML parsers have to know. One without a byte order mark is UTF-8. */
function detectUtf(chunk: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const mark = chunk.subarray(0, 2).toString('hex');
  if (mark === 'fffe') return 'utf-16le';
  return mark === 'feff' ? 'utf-16be' : 'utf-8';
}

const ZIP = Buffer.from('PK');
const COMPOUND_FILE = Buffer.from([0xd0, 0xcf, 0x11, 0xe0]);
const FIRST_BYTES = 1_000;

async function requireZip(file: FileHandle, name: string): Promise<void> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_BYTES), 0, FIRST_BYTES, 0);
  const first = buffer.subarray(0, bytesRead);
  if (first.subarray(0, ZIP.length).equals(ZIP)) return;
  if (first.subarray(0, COMPOUND_FILE.length).equals(COMPOUND_FILE)) {
    if (await isProtected(file)) throw protectedWorkbook(name);
    const what = 'an old Excel workbook (.xls). Save it as .xlsx or as "CSV UTF-8" first';
    throw new SourceError('source_binary', `${name}: not an .xlsx workbook, but ${what}`);
  }
  if (first.length === 0)
    throw new SourceError('source_empty', `${name}: the file is empty. Nothing was read`);
  const other = describeOtherFormat(first);
  const what = other ?? 'another kind of file. If it is text, use --format csv, ndjson or json';
  throw new SourceError('source_format_unknown', `${name}: not an .xlsx workbook, but ${what}`);
}

/** A workbook with a password is a compound file with the stream EncryptedPackage. */
async function isProtected(file: FileHandle): Promise<boolean> {
  const wanted = Buffer.from('EncryptedPackage', 'utf16le');
  let tail = Buffer.alloc(0);
  for await (const chunk of readRange(file, 0, Infinity)) {
    const bytes = Buffer.concat([tail, chunk]);
    if (bytes.includes(wanted)) return true;
    tail = bytes.subarray(-wanted.length);
  }
  return false;
}

function protectedWorkbook(name: string): SourceError {
  const advice =
    'Remove the password (File, Info, Protect Workbook, Encrypt with Password), and save it again';
  return new SourceError('source_binary', `${name}: the workbook is encrypted with a password. ${advice}`);
}

function tooLarge(place: string, what: string): SourceError {
  const advice =
    'No spreadsheet program writes that, so nothing was read. Split the workbook, or save it again';
  return new SourceError('source_too_large', `${place}: ${what}. ${advice}`);
}

/** The message of the library may contain names of other files in the archive. */
function notAnArchive(place: string, cause: unknown): SourceError {
  const what = `${place}: the archive is damaged or incomplete`;
  const advice = 'Copy or download the workbook again, or save it again in a spreadsheet program';
  return new SourceError('source_broken_workbook', `${what}. ${advice}`, { cause });
}
