/** Hashes of JSON values. */
import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';

/**
 * Canonical JSON (RFC 8785): equal values give equal text, whatever the order of their keys. The package's types
 * describe an ES module although its code is CommonJS, so the default import is the function itself.
 */
export const canonicalize = canonicalizeModule as unknown as (value: unknown) => string;

/** In hexadecimal digits. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
