/**
 * The port to snapshots of CXone's suppression list (docs/adr/0024-list-loads.md#snapshots): the list as a run has read it, with
 * keyed hashes instead of what identifies a person.
 *
 * | state | meaning | next |
 * |---|---|---|
 * | begun | entries are being added. Nobody relies on it | complete; deleted by the next `begin` of its run |
 * | complete | people can be looked up in it | emptied |
 * | emptied | its entries are deleted: a later one of its run is complete, or the run has ended. Its figures stay | final |
 *
 * Beside its state it is accepted or not: whether it may be relied on.
 */
import type { RunRef } from '../fence.ts';

export interface SuppressionSnapshots {
  /**
   * None → begun; returns its number. Deletes those of the run that were begun and not completed: what another attempt still
   * wants to add to them fails with SnapshotGone. A repetition begins another one. Errors: Superseded.
   */
  begin(run: RunRef, tenant: string): Promise<number>;

  /**
   * Begun → begun, with some more identifiers, some thousand at a time. Those that it has already change nothing. Errors:
   * SnapshotGone, if it is not begun; PepperMismatch.
   */
  add(snapshotNo: number, identifiers: readonly string[]): Promise<void>;

  /**
   * Begun → complete, with its figures and its hash; snapshots of the run that were begun before it are emptied, in the same
   * transaction. A repetition changes nothing, and returns the same. Errors: SnapshotGone, if it is neither begun nor complete.
   */
  complete(snapshotNo: number, figures: SnapshotFigures): Promise<SuppressionSnapshot>;

  /** The complete snapshot of the run that was begun last; null: there is none that people can be looked up in. Reads only. */
  latest(runNo: number): Promise<LatestSnapshot | null>;

  /**
   * The figures of the snapshot that was accepted and begun last, of any run of the tenant, emptied or not. null: there is none.
   * Reads only.
   */
  lastAccepted(tenant: string): Promise<SnapshotFigures | null>;

  /** A complete snapshot becomes accepted. A repetition changes nothing. Errors: SnapshotGone, if it is not complete. */
  accept(snapshotNo: number): Promise<void>;

  /**
   * Those of the identifiers that are on it. Reads only. Errors: SnapshotGone, if it is not complete, because nobody would be
   * found; PepperMismatch.
   */
  find(snapshotNo: number, identifiers: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface SuppressionSnapshot {
  readonly snapshotNo: number;
  /** Over the keyed hashes of its identifiers and its figures: equal lists have equal hashes within a ledger. */
  readonly hash: string;
  readonly figures: SnapshotFigures;
  /** When its reading began, by the clock of the ledger: it may lack what was added to the list since. */
  readonly begunAt: Date;
  readonly isAccepted: boolean;
}

export interface LatestSnapshot extends SuppressionSnapshot {
  /** Since its reading began, in ms, by the clock of the ledger: that of a worker may differ. Negative if that was set back. */
  readonly ageMs: number;
}

export interface SnapshotFigures {
  /** Entries of the list, as CXone sent them. */
  readonly entries: number;
  /** Those among them that identify nobody or cannot be read in full. */
  readonly unidentified: number;
  /** Rows of the file that the run adds to the list; null: it has none. */
  readonly fileRows: number | null;
  /** Whether CXone has sent the whole list, as far as can be seen. */
  readonly isComplete: boolean;
}

/** A snapshot is not in the state that a method needs. Nothing was changed. */
export class SnapshotGone extends Error {
  override readonly name = 'SnapshotGone';
  constructor(snapshotNo: number) {
    super(
      `suppression snapshot ${snapshotNo} cannot be used: it is incomplete, or a later one has taken its place`,
    );
  }
}
