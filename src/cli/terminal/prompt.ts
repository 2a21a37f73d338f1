/** Asks a question on a terminal. */
import { createInterface } from 'node:readline/promises';

/**
 * Resolves to null after Ctrl-C, Ctrl-D or an abort of the signal. Readline intercepts Ctrl-C, so it is passed on to the
 * process.
 */
export async function askOnTerminal(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<string | null> {
  const lines = createInterface({ input, output });
  const ended = new AbortController();
  lines.once('SIGINT', () => {
    ended.abort();
    process.emit('SIGINT');
  });
  lines.once('close', () => ended.abort());
  signal.addEventListener('abort', () => ended.abort(), { once: true });
  try {
    return await lines.question(question, { signal: ended.signal });
  } catch {
    return null;
  } finally {
    lines.close();
  }
}
