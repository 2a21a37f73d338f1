/**
 * The port to erasure: removes the data of one data subject from the ledger. Staged rows are emptied, datasets that name the
 * data subject are deleted, the key of the proof of consent is deleted, and delivered events lose their body. The objection
 * stays, as a keyed hash; so do counts and the audit, which never named anybody.
 */
import type { ErasureResult } from '../../domain/consent/erasure.ts';

export interface Erasures {
  /** The result of an erasure that is done. */
  find(erasureId: string): Promise<ErasureResult | null>;

  /**
   * In one transaction. Rows that a run still needs are left alone, and the run is named in the result. Errors: there is an
   * erasure with this id (`find` has its result); PepperMismatch.
   */
  erase(subject: EraseSubject): Promise<ErasureResult>;
}

export interface EraseSubject {
  /** The workflow id. */
  readonly erasureId: string;
  readonly contactId: string;
  /** Datasets that name the data subject. */
  readonly datasets: readonly string[];
  readonly requestedBy: string | null;
}
