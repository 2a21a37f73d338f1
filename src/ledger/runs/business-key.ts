/** The key that two runs share when they would write the same (docs/adr/0012-run-identity.md). */
import { canonicalize, sha256 } from '../hashing.ts';

/** `stem`: the operation's name in run ids, e.g. `contact-import`. `options`: only those that change what is written. */
export function businessKey(stem: string, target: string, contentSha256: string, options: unknown): string {
  const hash = sha256(canonicalize({ kind: stem, target, contentSha256, options }));
  return `${stem}:${target}:${hash.slice(0, 24)}`;
}
