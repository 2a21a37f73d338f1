/**
 * The port to erasure: removes the data of one data subject from the ledger. Staged rows are emptied, and their runs lose
 * CXone's messages; datasets that name the data subject are deleted, the key of the proof of consent is deleted, and
 * delivered events lose their body. The objection stays, as a keyed hash; so do counts and the audit, which never named
 * anybody.
 */
import type { ErasureResult } from '../../domain/consent/erasure.ts';

export interface Erasures {
  /** The result of an erasure that is done. */
  find(erasureId: string): Promise<ErasureResult | null>;

  /** What `erase` would do now. Reads only. Errors: PepperMismatch. */
  preview(contactId: string): Promise<ErasureResult>;

  /**
   * Commits the objections, then erases everything in one transaction: after a crash all of it is done or none, and a
   * repetition completes it. Rows that a run still needs are left alone, and the run is named in the result; a failed run
   * cannot be started again meanwhile. A repetition, also one that overlaps, returns the result of the first.
   * Errors: PepperMismatch.
   */
  erase(subject: EraseSubject): Promise<ErasureResult>;
}

export interface EraseSubject {
  /** The workflow id. */
  readonly erasureId: string;
  readonly contactId: string;
  /** When the data subject objected: ISO 8601, not in the future. */
  readonly objectedAt: string;
  readonly requestedBy: string | null;
}
