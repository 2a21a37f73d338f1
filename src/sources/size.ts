/** How large a source may be: the limit is enforced while it is read, because a file may grow meanwhile. */
import { formatCount, plural } from '../domain/numbers.ts';
import { SourceError } from './errors.ts';

/** Passes the bytes on and throws SourceError, and stops their producer, as soon as there are more than `maxBytes`. */
export async function* limitSize<Bytes extends Uint8Array>(
  bytes: AsyncIterable<Bytes>,
  name: string,
  maxBytes: number,
): AsyncGenerator<Bytes, void, undefined> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(name, `at least ${plural(size, 'byte')}`, maxBytes);
    yield chunk;
  }
}

/** For a source whose size is known. Throws SourceError. */
export function requireSize(name: string, bytes: number, maxBytes: number): void {
  if (bytes > maxBytes) throw tooLarge(name, plural(bytes, 'byte'), maxBytes);
}

function tooLarge(name: string, size: string, maxBytes: number): SourceError {
  const what = `${name}: it has ${size} of text, but a source may have ${formatCount(maxBytes)} at most`;
  const advice =
    'Split it, or raise CXFLOW_MAX_SOURCE_BYTES for the workers and the command line (client library: the option limits)';
  return new SourceError('source_too_large', `${what}. ${advice}`);
}
