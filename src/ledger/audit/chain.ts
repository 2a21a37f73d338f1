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

/** Checks a chain entry by entry, from the first one on. */
export class ChainCheck {
  /** Hash of the last entry that was checked. */
  head = GENESIS;
  entries = 0;
  readonly #kept: AuditHead | null;

  constructor(kept: AuditHead | null = null) {
    this.#kept = kept;
  }

  /** null: it is the entry that belongs here. */
  add(entry: AuditEntry): AuditFinding | null {
    const seq = this.entries + 1;
    const finding = this.#check(entry, seq);
    if (finding) return finding;
    this.head = entry.hash;
    this.entries = seq;
    return null;
  }

  #check(entry: AuditEntry, seq: number): AuditFinding | null {
    if (Number(entry.seq) !== seq) return { seq, what: `entry ${seq} is missing` };
    if (entry.previous_hash !== this.head)
      return { seq, what: `entry ${seq} does not follow the one before it` };
    if (auditHash(entry, seq, this.head) !== entry.hash) return { seq, what: `entry ${seq} was changed` };
    if (seq === this.#kept?.seq && entry.hash !== this.#kept.hash)
      return { seq, what: `entry ${seq} does not match the head that was kept` };
    return null;
  }

  /** After the last entry. */
  finish(): AuditFinding | null {
    const { entries } = this;
    if (this.#kept === null || entries >= this.#kept.seq) return null;
    const what = `the chain ends with entry ${entries}, but the head that was kept is entry ${this.#kept.seq}`;
    return { seq: entries + 1, what };
  }
}
