/** A question on a terminal. */
import { createInterface } from 'node:readline/promises';

/** null: Ctrl-C, Ctrl-D, or the signal; Ctrl-C reaches the process too, as it would without a question. */
export async function askOnTerminal(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<string | null> {
  const lines = createInterface({ input, output });
  const given = new AbortController();
  lines.once('SIGINT', () => {
    given.abort();
    process.emit('SIGINT');
  });
  lines.once('close', () => given.abort());
  signal.addEventListener('abort', () => given.abort(), { once: true });
  try {
    return await lines.question(question, { signal: given.signal });
  } catch {
    return null;
  } finally {
    lines.close();
  }
}
