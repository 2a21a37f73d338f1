/** The port to the audit: what was done, by whom and when, without personal data (docs/adr/0009-audit-sealed-later.md). */
import type { AuditEntry, AuditHead, ChainVerdict, VerifyOptions } from './chain.ts';

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

  /** A sealed entry; null: there is none with this number. */
  get(seq: number): Promise<AuditEntry | null>;

  /** The sealed entries of a run, in the order of the chain: only what a Merkle tree needs of them. */
  hashes(runId: string): Promise<readonly AuditHead[]>;

  /** The last sealed entry; null: there is none. Not verified. */
  head(): Promise<AuditHead | null>;

  /** Recomputes the whole chain and finds the first entry that was changed, removed or moved. */
  verify(options?: VerifyOptions): Promise<AuditVerdict>;
}

export interface AuditVerdict extends ChainVerdict {
  readonly unsealed: number;
}
