/** Long output, written only as fast as its reader takes it. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
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
 * Writes the whole file or none, because a truncated file would pass for a complete one. Only its owner can read it.
 */
export async function writeWholeFile(path: string, content: Chunks): Promise<void> {
  const draft = `${path}.part`;
  const stream = createWriteStream(draft, { mode: 0o600 });
  try {
    await writeAll(stream, content);
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject);
      stream.end(resolve);
    });
    await rename(draft, path);
  } catch (error) {
    stream.destroy();
    await rm(draft, { force: true });
    throw error;
  }
}
