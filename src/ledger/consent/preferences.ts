/** The port to the records of a preference update, where they differ from those of other operations. */
import type { Outcome, Reason } from '../../domain/run.ts';
import type { RunRef } from '../fence.ts';
import type { DuplicateRow } from '../runs/records.ts';
import type { InSettleTransaction } from '../writes/settlements.ts';

export interface Preferences {
  /**
   * Rows that are not the newest of their contact and channel (`key1`; `key2` is the rank, see
   * domain/preference-update/preferences.ts), with the line of the newest one as a reason. A row that has an outcome already
   * can be the newest one, but is never returned. Memory stays flat. Reads only.
   */
  listDuplicateRows(runNo: number): AsyncIterable<DuplicateRow>;

  /**
   * Replaces each pending record whose `idempotencyKey` another pending record has, too. All or none, so that a repetition finds
   * no record that only seems to be the last one with its key. Errors: Superseded.
   */
  replaceSharedKeys(run: RunRef, replace: (record: unknown) => unknown): Promise<void>;

  /** How many records are pending and have the mark `sharedKey`. */
  countSharedKeys(runNo: number): Promise<number>;

  /**
   * Opt-outs of a run that ended early which CXone did not certainly get: pending, `cancelled` or `in_doubt`. Those that have
   * the reason `withoutCode` are left out. Their `seq`, one page at a time.
   */
  listUnsentOptOuts(runNo: number, withoutCode: string): AsyncIterable<readonly number[]>;

  /** Adds a reason to the outcomes of these records; pending ones are skipped. A repetition adds it again. */
  addReason(runNo: number, seqs: readonly number[], reason: Reason): Promise<void>;

  /**
   * Batches that were settled without an answer of their own attempt (left in doubt, or settled by a late answer) and that
   * `markProven` was not called for.
   */
  listUnprovenBatches(runNo: number): Promise<UnprovenBatch[]>;

  /** Marks the write and calls `store`, in one transaction. Does nothing when it is marked already. */
  markProven(writeId: string, store: InSettleTransaction): Promise<void>;

  /** What one write settled, in the order of the source. */
  listSettledBy(runNo: number, writeId: string): Promise<SettledPreference[]>;
}

export interface SettledPreference {
  readonly record: unknown;
  readonly outcome: Outcome;
  /** The codes of its reasons. */
  readonly codes: readonly string[];
  /** CXone's id of the preference; null if its answer has not named it. */
  readonly cxoneId: string | null;
}

export interface UnprovenBatch {
  readonly writeId: string;
  readonly batch: number;
  readonly kind: string;
  readonly refs: unknown;
  readonly httpStatus: number | null;
  readonly sentAt: Date | null;
  /** In the order of the source. */
  readonly records: readonly UnprovenRecord[];
}

export interface UnprovenRecord extends SettledPreference {
  readonly seq: number;
  readonly evidence: string | null;
}
