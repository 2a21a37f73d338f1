/** `-` in the place of a file: standard input, which is kept in a temporary file while it is read. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { DEFAULT_SOURCE_LIMITS } from '../../domain/source-limits.ts';
import { limitSize } from '../../sources/size.ts';
import type { Cli } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { writeWholeFile } from '../terminal/output-stream.ts';
import { parseJsonBytes, readJsonFile } from './json-file.ts';

export const STDIN = '-';
/** In messages, and as the name of the source. */
const NAME = 'standard input';

export interface InputFile {
  readonly path: string;
  /** As people know it. */
  readonly name: string;
}

interface Spooling {
  readonly stdin: Readable;
  readonly maxBytes?: number | undefined;
}

/**
 * A source is read twice, and a workbook in no order, so standard input is copied first. Only its owner can read the copy, and
 * nothing is left of it, also after Ctrl-C. Throws UsageError, SourceError, NotWritten.
 */
export async function withInputFile<T>(
  file: string,
  { stdin, maxBytes = DEFAULT_SOURCE_LIMITS.maxSourceBytes }: Spooling,
  use: (input: InputFile) => Promise<T>,
): Promise<T> {
  if (file !== STDIN) return use({ path: file, name: file });
  requireUnread(stdin);
  const folder = await mkdtemp(join(tmpdir(), 'cxflow-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const interrupted = () => {
    remove();
    process.exit(EXIT.interrupted);
  };
  process.once('SIGINT', interrupted);
  try {
    const path = join(folder, NAME);
    await writeWholeFile(path, limitSize(stdin as AsyncIterable<Buffer>, NAME, maxBytes));
    return await use({ path, name: NAME });
  } finally {
    process.off('SIGINT', interrupted);
    remove();
  }
}

/** Throws UsageError, which says where the document is wrong. */
export async function readJsonInput({ stdin }: Pick<Cli, 'stdin'>, file: string): Promise<unknown> {
  if (file !== STDIN) return readJsonFile(file);
  requireUnread(stdin);
  return parseJsonBytes(NAME, await buffer(stdin));
}

function requireUnread(stdin: Readable): void {
  if (stdin.readableDidRead)
    throw new UsageError('standard input can be read only once: write - for one of the files only');
}
