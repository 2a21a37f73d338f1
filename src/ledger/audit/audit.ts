/** The port to the audit: what was done, by whom and when, without personal data (docs/adr/0009-audit-sealed-later.md). */
import type { Selectable } from 'kysely';
import { canonicalize, sha256 } from '../hashing.ts';
import type { AuditTable } from '../schema.ts';

/** An entry is pending until it is sealed; a sealed entry is never changed. */
export interface Audit {
  /**
   * Adds a pending entry. With a key, which names what the entry is about, a repetition changes nothing: of the entries of a
   * run with the same key only the first is kept, whatever it says. Without one, a repetition adds another entry.
   */
  add(runId: string, action: string, data: Readonly<Record<string, unknown>>, key?: string): Promise<void>;

  /**
   * Moves pending entries to the end of the chain, in one transaction and without gaps; repetitions of sealed ones are
   * dropped. Returns how many it has taken. One process at a time does so; for the others it is 0.
   */
  seal(): Promise<number>;

  /** The sealed entries of a run, or all, in the order of the chain. */
  list(runId?: string): AsyncIterable<AuditEntry>;

  /** Recomputes the whole chain and finds the first entry that was changed, removed or moved. */
  verify(): Promise<AuditVerdict>;
}

export type AuditEntry = Selectable<AuditTable>;

export interface AuditVerdict {
  /** Sealed entries, up to the finding. */
  readonly entries: number;
  readonly unsealed: number;
  /** Hash of the last one of `entries`. Kept elsewhere, it later shows whether the end of the chain was cut off. */
  readonly head: string;
  readonly finding: AuditFinding | null;
}

export interface AuditFinding {
  readonly seq: number;
  readonly what: string;
}

/** Stands for the hash before the first entry. */
export const GENESIS = '0'.repeat(64);

type Sealable = Pick<AuditEntry, 'audit_id' | 'run_id' | 'at' | 'action' | 'data'>;

/** SHA-256 of the entry, its number and the hash of the entry before it, as canonical JSON (RFC 8785). */
export function auditHash(entry: Sealable, seq: number, previousHash: string): string {
  const text = canonicalize({
    seq,
    previousHash,
    auditId: entry.audit_id,
    runId: entry.run_id,
    at: entry.at.toISOString(),
    action: entry.action,
    data: entry.data,
  });
  return sha256(text);
}
