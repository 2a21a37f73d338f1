/** The port to the records of a run and their outcomes. */
import type { Outcome, Reason } from '../../domain/run.ts';
import type { RunRef } from '../fence.ts';

export interface Records {
  /**
   * Stores a chunk of rows, their outcomes, and how far the staging is (`staged_through`), in one transaction. A repetition
   * changes nothing, and overlapping chunks store each row once. Errors: Superseded.
   */
  stage(run: RunRef, chunk: readonly StagedRecord[]): Promise<void>;

  /** Valid records that share a key with another one, in the order of the source. Erased records have no keys. */
  listDuplicateCandidates(runNo: number): AsyncIterable<DuplicateCandidate>;

  /**
   * Pending valid records that share a key with another one, by rank: higher score, then newer, then lower line. Records without
   * a score come last, those without a date behind those that have one. Only the numbers are kept for all of them.
   */
  listRankedCandidates(runNo: number): AsyncIterable<RankedCandidate>;

  /**
   * Pending → the outcome, for records that must not be sent, such as duplicates. Records that have an outcome keep it.
   * Once the run is planned it changes nothing, and neither does a repetition. Errors: Superseded.
   */
  settleStaged(run: RunRef, rows: readonly SettledRow[]): Promise<void>;

  /**
   * `duplicate`, and `cancelled` for the reason of `cancelBeyond`, → pending: another record may win, or have room, by now.
   * Erased ones stay. Once the run is planned it changes nothing, and neither does a repetition. Errors: Superseded.
   */
  returnUnplanned(run: RunRef, cancelled: Reason): Promise<void>;

  /** Sets the run's total, and counts what staging has settled. A repetition changes nothing. Errors: Superseded. */
  finishStaging(run: RunRef): Promise<void>;

  /** Pending → `cancelled`, for a run that ends without writing them. A repetition changes nothing. Errors: Superseded. */
  cancelPending(run: RunRef, reason: Reason): Promise<void>;

  /**
   * Pending → `cancelled`, for all but the first `room` pending records by rank. Once the run is planned it changes nothing, and
   * neither does a repetition. Errors: Superseded.
   */
  cancelBeyond(run: RunRef, room: number, reason: Reason): Promise<void>;

  /** Pending records with a phone number in E.164 that their row does not have as such, because it was written otherwise. */
  countConvertedPhones(runNo: number): Promise<number>;

  /** How many records are pending, and how many of these have a contact id that CXone's preferences know: a GUID. */
  countPendingContacts(runNo: number): Promise<{ readonly pending: number; readonly withGuid: number }>;

  /**
   * In the order of the source, those with one of these outcomes, or all. It reads a page at a time, so memory stays flat for
   * a million records; different pages may see different states of the ledger.
   */
  list(runNo: number, outcome?: OutcomeFilter): AsyncIterable<SettledRecord>;

  /** Those with this first key, of whatever outcome, in the order of the source: duplicates of each other. Not erased ones. */
  listByKey(runNo: number, key1: string): Promise<KeyedRecord[]>;

  /** In the order of the source, without erased ones. Memory stays flat, as with `list`. */
  listPending(runNo: number): AsyncIterable<PendingRecord>;

  /** Those that the run has created in CXone, as `listPending`: erased ones are left out. */
  listCreated(runNo: number): AsyncIterable<PendingRecord>;

  /**
   * How many pending records have a score from 0 to below 10, from 10 to below 20, and so on: ten numbers. Lower and higher
   * scores count in the first and in the last of them; records without a score do not count.
   */
  countScores(runNo: number): Promise<readonly number[]>;

  /** Whether CXone's id of any record is known. */
  hasCxoneIds(runNo: number): Promise<boolean>;

  /** How often each reason led to which outcome, the most frequent first. */
  countReasons(runNo: number): Promise<ReasonCount[]>;
}

export type OutcomeFilter = Outcome | 'pending' | readonly (Outcome | 'pending')[];

export interface StagedRecord {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Where the source has the row. */
  readonly line: number;
  /** The row as the source has it. */
  readonly fields: unknown;
  /** What is going to be written. null: the row breaks a rule, which `reasons` names. */
  readonly record: unknown;
  readonly key1: string | null;
  readonly key2: string | null;
  readonly reasons: readonly Reason[] | null;
  /** Settled by the rules. Default: `invalid` without a record, otherwise pending. */
  readonly outcome?: Outcome | null;
  /** Its place in the order of its run (`Writes.plan`). Default: the operation ranks nothing. */
  readonly rank?: Rank | null;
  /** Two records that share one are duplicates, for operations that rank. Default: none. */
  readonly keys?: readonly string[] | null;
}

export interface Rank {
  /** Higher ones come first. Finite. */
  readonly score: number;
  /** ISO 8601. Of equal scores the newer ones come first; null: older than all. */
  readonly recency: string | null;
}

export interface SettledRecord {
  readonly seq: number;
  readonly line: number;
  readonly fields: Record<string, unknown>;
  readonly outcome: Outcome | 'pending';
  readonly reasons: readonly Reason[];
  readonly evidence: string | null;
  /** CXone's id of the record, if an answer has named it. */
  readonly cxoneId: string | null;
}

export interface KeyedRecord extends SettledRecord {
  /** What was to be written. */
  readonly record: unknown;
}

export interface DuplicateCandidate {
  readonly seq: number;
  readonly line: number;
  readonly key1: string;
  readonly key2: string;
}

export interface RankedCandidate {
  readonly seq: number;
  readonly line: number;
  readonly keys: readonly string[];
}

export interface PendingRecord {
  readonly seq: number;
  readonly record: unknown;
}

export interface DuplicateRow {
  readonly seq: number;
  readonly reason: Reason;
}

export interface SettledRow {
  readonly seq: number;
  readonly outcome: Outcome;
  readonly reasons: readonly Reason[];
}

export interface ReasonCount {
  readonly outcome: Outcome;
  readonly code: string;
  readonly field: string | null;
  readonly n: number;
}
