/** The tables of suppression lists: our own, and CXone's as runs have read it. */
import type { Generated } from 'kysely';

export interface SuppressionTables {
  suppressions: SuppressionsTable;
  suppression_removals: SuppressionRemovalsTable;
  suppression_snapshots: SuppressionSnapshotsTable;
  suppression_snapshot_entries: SuppressionSnapshotEntriesTable;
}

/**
 * Suppresses while `consented_again_at` is null or not after `since`, and `removed_since` is null or before it
 * (docs/adr/0016-consent.md#our-own-suppression-list).
 */
export interface SuppressionsTable {
  /** Keyed hash of what the entry is about (subject-keys.ts). */
  subject: string;
  /** contact, email or phone */
  kind: Generated<string>;
  channel: string;
  reason: string;
  code: string | null;
  since: Date;
  consented_again_at: Date | null;
  run_no: number | null;
  added_by: string | null;
  /** The newest withdrawal that a person has taken off the list. */
  removed_since: Date | null;
}

/** What a person has taken off our own list, as it was. */
export interface SuppressionRemovalsTable {
  removal_no: Generated<number>;
  subject: string;
  kind: string;
  channel: string;
  reason: string;
  code: string | null;
  since: Date;
  run_no: number | null;
  added_by: string | null;
  removed_at: Generated<Date>;
  removed_by: string;
  removed_because: string;
}

/** CXone's suppression list as a run has read it. */
export interface SuppressionSnapshotsTable {
  snapshot_no: Generated<number>;
  run_no: number;
  tenant: string;
  begun_at: Generated<Date>;
  completed_at: Date | null;
  /** As CXone counts them, and how many of them identify nobody or cannot be read in full. */
  entries: number | null;
  unidentified: number | null;
  /** Of the file that the run adds to it; null: it has none. */
  file_rows: number | null;
  is_complete: boolean | null;
  hash: string | null;
  accepted_at: Date | null;
  emptied_at: Date | null;
}

export interface SuppressionSnapshotEntriesTable {
  snapshot_no: number;
  /** Keyed hash (subject-keys.ts). */
  identifier: Uint8Array;
}
