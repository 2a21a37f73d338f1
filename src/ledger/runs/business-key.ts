/** What makes two runs the same: kind, target, content and the options that change what is written (decisions.md 1). */
import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';

// Its types speak of an ES module, its code is CommonJS: the default import is the function itself.
export const canonicalize = canonicalizeModule as unknown as (value: unknown) => string;

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** `kind` as in run ids, e.g. `contact-import`. `options` without what merely steers a run. */
export function businessKey(kind: string, target: string, contentSha256: string, options: unknown): string {
  const hash = sha256(canonicalize({ kind, target, contentSha256, options }));
  return `${kind}:${target}:${hash.slice(0, 24)}`;
}
