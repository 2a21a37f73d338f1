/** Files as streams of bytes. */
import { createReadStream } from 'node:fs';
import { SourceError, type SourceErrorCode } from './errors.ts';

const FAULTS: Readonly<Record<string, readonly [SourceErrorCode, string]>> = {
  ENOENT: ['source_missing', 'there is no such file. Check the path, and the folder that it is relative to'],
  ENOTDIR: ['source_missing', 'there is no such file: a part of its path is a file itself. Check the path'],
  EISDIR: ['source_is_directory', 'this is a folder. Name a file in it'],
  EACCES: ['source_unreadable', 'no permission to read it. Allow it to the user that runs cxflow'],
  EPERM: ['source_unreadable', 'no permission to read it. Allow it to the user that runs cxflow'],
};

/**
 * 64 KiB at a time; the file is opened with the first and closed with the last or when the reader stops.
 * `name`: what messages call it; where others read them, not the path on this machine. Throws SourceError.
 */
export async function* readFileBytes(path: string, name = path): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const block of createReadStream(path, { highWaterMark: 65_536 })) yield block as Buffer;
  } catch (error) {
    throw unreadable(name, error);
  }
}

function unreadable(name: string, cause: unknown): SourceError {
  const errno = (cause as NodeJS.ErrnoException).code ?? '';
  const [code, advice] = FAULTS[errno] ?? [
    'source_unreadable',
    `it cannot be read (${errno || String(cause)}). Try again`,
  ];
  return new SourceError(code, `${name}: ${advice}`, { cause });
}
