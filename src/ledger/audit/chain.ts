/** The hash chain of the audit: how an entry is hashed, and how the chain is checked. Pure. */
import type { Selectable } from 'kysely';
import { canonicalize, sha256 } from '../hashing.ts';
import type { AuditTable } from '../schema.ts';

/** Stands for the hash before the first entry. */
export const GENESIS = '0'.repeat(64);

/** A sealed entry. */
export type AuditEntry = Selectable<AuditTable>;

type Sealable = Pick<AuditEntry, 'audit_id' | 'run_id' | 'at' | 'action' | 'data'>;

/** What is hashed of an entry. */
export function hashedContent(entry: Sealable, seq: number, previousHash: string) {
  return {
    seq,
    previousHash,
    auditId: entry.audit_id,
    runId: entry.run_id,
    at: entry.at.toISOString(),
    action: entry.action,
    data: entry.data,
  };
}

/** SHA-256 of the entry, its number and the hash of the entry before it, as canonical JSON (RFC 8785). */
export function auditHash(entry: Sealable, seq: number, previousHash: string): string {
  return sha256(canonicalize(hashedContent(entry, seq, previousHash)));
}

/** The last entry of a chain, as somebody has kept it elsewhere: it shows later whether the end was cut off or replaced. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** The first thing that is wrong with a chain. */
export interface AuditFinding {
  readonly seq: number;
  readonly what: string;
}

export interface VerifyOptions {
  /** A head that was kept elsewhere, which the chain must have. */
  readonly kept?: AuditHead | null;
  /** Called now and then, with how many entries have been checked. */
  readonly onProgress?: (entries: number) => void;
}

export interface ChainVerdict {
  /** Up to the finding. */
  readonly entries: number;
  /** Hash of the last one of `entries`. Kept elsewhere, it later shows whether the end of the chain was cut off. */
  readonly head: string;
  /** null: every entry is as it was sealed. */
  readonly finding: AuditFinding | null;
}

const ENTRIES_PER_STEP = 5_000;

/** Recomputes the chain, from the first entry on. Throws what reading the entries throws. */
export async function verifyChain(
  chain: AsyncIterable<AuditEntry>,
  { kept = null, onProgress = () => undefined }: VerifyOptions = {},
): Promise<ChainVerdict> {
  let [entries, head] = [0, GENESIS];
  for await (const entry of chain) {
    const finding = checkEntry(entry, { seq: entries + 1, previousHash: head, kept });
    if (finding) return { entries, head, finding };
    head = entry.hash;
    entries += 1;
    if (entries % ENTRIES_PER_STEP === 0) onProgress(entries);
  }
  return { entries, head, finding: checkEnd(entries, kept) };
}

interface Expected {
  readonly seq: number;
  readonly previousHash: string;
  readonly kept: AuditHead | null;
}

/** null: it is the entry that belongs here. */
function checkEntry(entry: AuditEntry, { seq, previousHash, kept }: Expected): AuditFinding | null {
  if (Number(entry.seq) !== seq) return { seq, what: `entry ${seq} is missing` };
  if (entry.previous_hash !== previousHash)
    return { seq, what: `entry ${seq} does not follow the one before it` };
  if (auditHash(entry, seq, previousHash) !== entry.hash) return { seq, what: `entry ${seq} was changed` };
  if (seq === kept?.seq && entry.hash !== kept.hash)
    return { seq, what: `entry ${seq} does not match the head that was kept` };
  return null;
}

function checkEnd(entries: number, kept: AuditHead | null): AuditFinding | null {
  if (kept === null || entries >= kept.seq) return null;
  const what = `the chain ends with entry ${entries}, but the head that was kept is entry ${kept.seq}`;
  return { seq: entries + 1, what };
}
