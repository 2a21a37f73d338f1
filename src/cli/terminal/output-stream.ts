/** Long output, written only as fast as its reader takes it. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants, createWriteStream } from 'node:fs';
import { access, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';

type Chunk = string | Uint8Array;
type Chunks = AsyncIterable<Chunk> | Iterable<Chunk>;

/** Leaves the stream open. Throws the errors of the stream, such as a full disk. */
export async function writeAll(stream: Writable, chunks: Chunks): Promise<void> {
  let failed: Error | null = null;
  let wake: () => void = () => undefined;
  const onError = (error: Error) => {
    failed = error;
    wake();
  };
  const onDrain = () => wake();
  stream.on('error', onError).on('drain', onDrain);
  try {
    for await (const chunk of chunks) {
      if (failed) throw failed as Error;
      if (!stream.write(chunk)) await new Promise<void>((resolve) => (wake = resolve));
    }
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- set by the listener, which TypeScript does not see
    if (failed) throw failed;
  } finally {
    stream.off('error', onError).off('drain', onDrain);
  }
}

/**
 * Writes the whole file or none, because a truncated file would pass for a complete one. Only its owner can read it. A device or
 * a pipe is written to as it is. Throws NotWritable before the content is read if the file cannot be written, and NotWritten.
 */
export async function writeWholeFile(path: string, content: Chunks): Promise<void> {
  const target = await requireWritable(path);
  const draft = target.isRegular ? draftFor(target.path) : null;
  try {
    await writeTo(draft ?? target.path, content, target.isRegular);
    if (draft !== null) await rename(draft, target.path);
  } catch (error) {
    if (draft !== null) await rm(draft, { force: true });
    throw notWritten(path, error);
  }
}

/** In the same folder, because a file can be renamed only within a file system. */
function draftFor(path: string): string {
  return join(dirname(path), `.cxflow-${process.pid}-${randomBytes(4).toString('hex')}.part`);
}

/** `flush`: some file systems notice only then that the disk is full; devices and pipes cannot do it. */
async function writeTo(path: string, content: Chunks, flush: boolean): Promise<void> {
  const stream = createWriteStream(path, { mode: 0o600, flush });
  const closed = once(stream, 'close');
  closed.catch(() => undefined);
  try {
    await writeAll(stream, content);
    stream.end();
    await closed;
  } finally {
    stream.destroy();
  }
}

interface Target {
  /** Behind symbolic links, so that they stay what they are. */
  readonly path: string;
  /** Or there is nothing yet. */
  readonly isRegular: boolean;
}

/**
 * Reports that no file of this name can be written before any work is done for its content. Changes nothing. Throws NotWritable.
 */
export async function requireWritable(path: string): Promise<Target> {
  try {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (found?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    if (found) await access(path, constants.W_OK);
    const real = found ? await realpath(path) : path;
    if (found?.isFile() !== false) await access(dirname(real), constants.W_OK | constants.X_OK);
    return { path: real, isRegular: found?.isFile() !== false };
  } catch (error) {
    throw new NotWritable(`${path} cannot be written: ${describeFailure(error)}`);
  }
}

/** Nothing was done. */
class NotWritable extends Error {
  override readonly name = 'NotWritable';
}

/** Nothing is left of the file; what had its name before is unchanged. */
class NotWritten extends Error {
  override readonly name = 'NotWritten';
}

/** An error of the content stays what it is. */
function notWritten(path: string, error: unknown): unknown {
  if (!isFileError(error)) return error;
  const what = `${path} was not written: ${describeFailure(error)}`;
  return new NotWritten(`${what}. Nothing of it is left; what had this name before is unchanged`, {
    cause: error,
  });
}

const FAILURES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'it would be larger than a file may be here',
  ENOENT: 'there is no such folder',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'this is a folder. Give a file in it',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'its name is too long',
};

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error && String(error.code) in FAILURES;
}

/** Why a file, or standard output, could not be written. */
export function describeFailure(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return FAILURES[code] ?? (code || String(error));
}
