/** Long output, at the pace of its reader. */
import type { Writable } from 'node:stream';

/** Leaves the stream open. Errors: the stream's own, e.g. a full disk. */
export async function writeAll(stream: Writable, chunks: AsyncIterable<string>): Promise<void> {
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
