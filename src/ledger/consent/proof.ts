/**
 * The port to the proof of consent: what was sent about a data subject, when, from which source, and what became of it.
 * Append-only. A data subject is known by a keyed hash, and each entry is encrypted with a key of its data subject, which an
 * erasure deletes.
 */
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { Outcome } from '../../domain/run.ts';
import type { Executor } from '../database.ts';

export interface ConsentProof {
  /**
   * Adds entries in the transaction that settles their batch, so that nothing is settled without its proof. A repetition
   * adds them again. Errors: PepperMismatch; a data subject is being erased at this moment, again and again.
   */
  record(executor: Executor, batch: ProofBatch, entries: readonly ProofEntry[]): Promise<void>;

  /** All entries about a data subject, the oldest first. Empty after an erasure. Errors: PepperMismatch. */
  list(contactId: string): Promise<Proof[]>;

  /**
   * The newest consent of each data subject and channel that was sent and is known to be in CXone, in ISO 8601, under the
   * key `<subject> <channel>`. `subjects` are hashes (SubjectKeys.hash).
   */
  newestConsents(subjects: readonly string[], executor?: Executor): Promise<ReadonlyMap<string, string>>;

  /**
   * Deletes the key of a data subject: the entries stay, but can neither be read nor attributed any more. Returns their
   * number. A repetition returns 0. Errors: PepperMismatch.
   */
  dropKey(contactId: string, executor?: Executor): Promise<number>;
}

/** The request that carried the entries. */
export interface ProofBatch {
  readonly runId: string;
  readonly writeId: string;
  /** `X-Idempotency-Key` */
  readonly batchKey: string;
  /** When the request was sent that was answered, or else the last one; ISO 8601. null: unknown. */
  readonly sentAt: string | null;
  /** Our `X-Request-Id`. null: no answer arrived. */
  readonly requestId: string | null;
  readonly httpStatus: number | null;
}

/** One preference as it was sent, timestamps in ISO 8601 UTC, and its outcome. */
export interface ProofEntry {
  readonly seq: number;
  readonly contactId: string;
  readonly channel: Channel;
  readonly optIn: boolean;
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  readonly regulatoryRegion: string;
  readonly source: string;
  readonly idempotencyKey: string;
  readonly updatedAt: string;
  readonly outcome: Outcome;
  /** The codes of the reasons. */
  readonly reasons: readonly string[];
  readonly evidence: string | null;
  /** CXone's id of the preference, if its answer has named it. Absent from older entries. */
  readonly cxoneId?: string | null;
}

export interface Proof extends ProofEntry, ProofBatch {
  /** When it was settled. */
  readonly at: Date;
}
