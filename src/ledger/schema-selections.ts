/** The tables of selection updates, and of the campaigns that they are about. */
import type { ColumnType, Generated } from 'kysely';
import type { Json, NullableJson } from './columns.ts';

export interface SelectionTables {
  campaign_snapshots: CampaignSnapshotsTable;
  selection_updates: SelectionUpdatesTable;
  campaign_locks: CampaignLocksTable;
}

/** A campaign as it was read. */
export interface CampaignSnapshotsTable {
  id: Generated<string>;
  tenant: string;
  campaign_id: string;
  version: ColumnType<string, number, number>;
  document: Json<unknown>;
  selection: Json<unknown>;
  document_sha256: string;
  read_at: Generated<Date>;
}

export interface SelectionUpdatesTable {
  run_no: number;
  tenant: string;
  campaign_id: string;
  base_snapshot: string;
  /** What `desired` is compared with: the selection of the snapshot, or for a rollback what that run had written. */
  base: Json<unknown>;
  desired: Json<unknown>;
  differences: Json<unknown>;
  /** Those that were shown last. */
  conflicts: NullableJson<unknown>;
  from_snapshot: string | null;
  sent: NullableJson<unknown>;
  sent_sha256: string | null;
  version_after: ColumnType<string | null, number | null | undefined, number | null>;
}

export interface CampaignLocksTable {
  tenant: string;
  campaign_id: string;
  run_no: number;
  token: string;
  locked_until: Date;
}
