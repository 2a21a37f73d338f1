/** Says what a command waits for; without a message it would seem to hang. */
import { type Streams, writeText } from './output.ts';

const ANNOUNCE_AFTER_MS = 2_000;

/** Writes the message if the promise takes longer than two seconds. Settles as the promise does. */
export async function announceWait<T>(
  promise: Promise<T>,
  { stderr }: Pick<Streams, 'stderr'>,
  message: string,
): Promise<T> {
  const timer = setTimeout(() => writeText(stderr, `${message}\n`), ANNOUNCE_AFTER_MS);
  return promise.finally(() => clearTimeout(timer));
}
