/** Reads files as streams of bytes. */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SourceError, type SourceErrorCode } from './errors.ts';

const PROBLEMS: Readonly<Record<string, readonly [SourceErrorCode, string]>> = {
  ENOENT: ['source_missing', 'there is no such file. Check the path and the folder that it is relative to'],
  ENOTDIR: ['source_missing', 'there is no such file, because a part of its path is a file. Check the path'],
  EISDIR: ['source_is_directory', 'this is a folder. Give a file in it'],
  EACCES: ['source_unreadable', 'permission denied. Let the user that runs cxflow read it'],
  EPERM: ['source_unreadable', 'permission denied. Let the user that runs cxflow read it'],
  ENXIO: ['source_not_a_file', 'this is a socket. Write the data into a file and give that'],
  ELOOP: ['source_unreadable', 'this is a symbolic link that cannot be followed. Give the file itself'],
};

const READ_BYTES = 65_536;

export interface ReadFileOptions {
  /** The name for messages. If other people read them, not the path on this machine. Default: the path. */
  readonly name?: string;
  /** false: the path is resolved already, so it must not be a symbolic link by now. */
  readonly followLinks?: boolean;
}

/**
 * The bytes of a regular file, 64 KiB at a time. Pipes and devices are refused: a pipe can be read only once, and some
 * devices never end. The file is closed when the reader stops. Throws SourceError.
 */
export async function* readFileBytes(
  path: string,
  options: ReadFileOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { name = path } = options;
  const handle = await openFile(path, options);
  try {
    for (let block = await read(handle, name); block.length > 0; block = await read(handle, name))
      yield block;
  } finally {
    await handle.close();
  }
}

/** Opens a regular file; whoever calls this has to close it. Throws SourceError. */
export async function openFile(
  path: string,
  { name = path, followLinks = true }: ReadFileOptions = {},
): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW);
  const handle = await open(path, flags).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  try {
    requireRegularFile(name, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The source was modified while it was read. */
export class SourceChanged extends SourceError {}

/** A source as it was found when it was first read. */
export interface Found {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Passes the bytes on. Throws SourceChanged at the end if they do not have this hash, and before it as soon as there are more
 * of them, so that a file that grows without end is not read without end.
 */
export async function* verifyUnchanged(
  bytes: AsyncIterable<Uint8Array>,
  found: Found,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    size += chunk.length;
    if (size > found.bytes) throw changed(name);
    yield chunk;
  }
  if (hash.digest('hex') !== found.sha256) throw changed(name);
}

function changed(name: string): SourceChanged {
  const what = `${name}: the file was changed while it was read; nothing was written`;
  return new SourceChanged('source_unreadable', `${what}. Wait until it is complete, then start again`);
}

async function read(handle: FileHandle, name: string): Promise<Buffer> {
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** Reports early that a file cannot be read. Throws SourceError. */
export async function requireReadable(path: string, options: ReadFileOptions = {}): Promise<void> {
  await (await openFile(path, options)).close();
}

function requireRegularFile(name: string, stats: Stats): void {
  if (stats.isFile()) return;
  if (stats.isDirectory())
    throw new SourceError('source_is_directory', `${name}: ${PROBLEMS['EISDIR']?.[1]}`);
  const what = stats.isFIFO()
    ? 'this is a pipe, which can be read only once, but a source is read twice'
    : 'this is a device, not a file';
  throw new SourceError('source_not_a_file', `${name}: ${what}. Write the data into a file and give that`);
}

/** What is wrong with a file that cannot be opened, and what to do. */
export function unreadable(name: string, cause: unknown): SourceError {
  const errno = (cause as NodeJS.ErrnoException).code ?? '';
  const [code, advice] = PROBLEMS[errno] ?? [
    'source_unreadable',
    `it cannot be read (${errno || String(cause)}). Try again`,
  ];
  return new SourceError(code, `${name}: ${advice}`, { cause });
}
