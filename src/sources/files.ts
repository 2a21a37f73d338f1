/** Files as streams of bytes. */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SourceError, type SourceErrorCode } from './errors.ts';

const FAULTS: Readonly<Record<string, readonly [SourceErrorCode, string]>> = {
  ENOENT: ['source_missing', 'there is no such file. Check the path, and the folder that it is relative to'],
  ENOTDIR: ['source_missing', 'there is no such file: a part of its path is a file itself. Check the path'],
  EISDIR: ['source_is_directory', 'this is a folder. Name a file in it'],
  EACCES: ['source_unreadable', 'no permission to read it. Allow it to the user that runs cxflow'],
  EPERM: ['source_unreadable', 'no permission to read it. Allow it to the user that runs cxflow'],
  ENXIO: ['source_not_a_file', 'this is a socket. Write the data into a file, and name that'],
  ELOOP: ['source_unreadable', 'this is a link that leads nowhere, or was put there just now. Name a file'],
};

const READ_BYTES = 65_536;

export interface ReadFileOptions {
  /** What messages call it; where others read them, not the path on this machine. */
  readonly name?: string;
  /** False: the path itself must not be a symbolic link, for it was resolved before. */
  readonly followLinks?: boolean;
}

/**
 * 64 KiB at a time; the file is opened with the first and closed with the last or when the reader stops.
 * Regular files only: a pipe gives its bytes once, and some devices give them for ever. Throws SourceError.
 */
export async function* readFileBytes(
  path: string,
  { name = path, followLinks = true }: ReadFileOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW);
  const handle = await open(path, flags).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  try {
    refuseOtherThanFile(name, await handle.stat());
    for (let block = await read(handle, name); block.length > 0; block = await read(handle, name))
      yield block;
  } finally {
    await handle.close();
  }
}

/** Somebody wrote to the source while it was read. */
export class SourceChanged extends SourceError {}

/** The same bytes; throws SourceChanged at their end if they are not those of that hash. */
export async function* unchanged(
  bytes: AsyncIterable<Buffer>,
  sha256: string,
  name: string,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') === sha256) return;
  const what = `${name}: somebody changed it while it was read; nothing was written`;
  throw new SourceChanged('source_unreadable', `${what}. Wait until it is complete, then start again`);
}

async function read(handle: FileHandle, name: string): Promise<Buffer> {
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw unreadable(name, error);
  }
}

function refuseOtherThanFile(name: string, stats: Stats): void {
  if (stats.isFile()) return;
  if (stats.isDirectory()) throw new SourceError('source_is_directory', `${name}: ${FAULTS['EISDIR']?.[1]}`);
  const what = stats.isFIFO()
    ? 'this is a pipe, which can be read only once, and a source is read twice'
    : 'this is a device, not a file';
  throw new SourceError(
    'source_not_a_file',
    `${name}: ${what}. Write the data into a file first, and name that`,
  );
}

function unreadable(name: string, cause: unknown): SourceError {
  const errno = (cause as NodeJS.ErrnoException).code ?? '';
  const [code, advice] = FAULTS[errno] ?? [
    'source_unreadable',
    `it cannot be read (${errno || String(cause)}). Try again`,
  ];
  return new SourceError(code, `${name}: ${advice}`, { cause });
}
