/** The tables of the ledger as TypeScript sees them. The SQL in `migrations/` is the truth. */
import type { ColumnType, Generated } from 'kysely';
import type { Outcome, Phase, Reason, RunState, Steering } from '../domain/run.ts';

/** Reads as T; is written as text. */
type Json<T> = ColumnType<T, string, string>;
type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>;

/** `run_no` is our own short key: a run id is up to 200 characters and would stand in every row. */
export interface RunsTable {
  run_no: Generated<number>;
  run_id: string;
  kind: string;
  target: string;
  business_key: string | null;
  again: boolean;
  dry_run: boolean;
  state: Generated<'running' | RunState>;
  phase: Generated<Phase>;
  /** What the claim of every write looks at. */
  steering: Generated<Steering>;
  waiting_for: string | null;
  requested_by: string | null;
  /** The input as given: it holds no personal data. */
  input: Json<unknown>;
  source: NullableJson<RunSource>;
  /** The last `seq` that is in `records`. */
  staged_through: Generated<number>;
  /** Set once the source is read to its end. */
  total: number | null;
  /** Outcomes settled by staging: invalid, duplicate. */
  staged_counts: NullableJson<Partial<Record<Outcome, number>>>;
  /** Records that were cancelled before they were sent. */
  cancelled_records: Generated<number>;
  plan: NullableJson<unknown>;
  plan_hash: string | null;
  started_at: Generated<Date>;
  finished_at: Date | null;
  result: NullableJson<unknown>;
  failure: NullableJson<unknown>;
}

/** What the rows of a run were read from. */
export interface RunSource {
  readonly name: string;
  readonly format: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Absent where it was UTF-8, or unknown. */
  readonly encoding?: string;
  /** The header of a CSV; null for NDJSON and JSON. */
  readonly columns: readonly string[] | null;
}

export interface RecordsTable {
  run_no: number;
  seq: number;
  line: number;
  /** The row as the source has it, for the files that we write. */
  fields: unknown;
  /** What the rules made of it; null where they refused it. */
  record: unknown;
  /** What makes two records the same: for contacts the contactId and the first phone number. */
  key1: string | null;
  key2: string | null;
}

/** A record without a row here is pending. The primary key is why no record can have two outcomes. */
export interface OutcomesTable {
  run_no: number;
  seq: number;
  outcome: Outcome;
  reasons: NullableJson<readonly Reason[]>;
  write_id: string | null;
  evidence: string | null;
  settled_at: Generated<Date>;
}

/**
 * planned → sending (fence, lease) → settled
 *              ↓ the answer never came
 *          unanswered → sending → settled          (repeatable)
 *          in_doubt   → planned | left             (not repeatable: a person says)
 */
export type WriteState = 'planned' | 'sending' | 'unanswered' | 'in_doubt' | 'left' | 'settled';

export interface WritesTable {
  id: Generated<string>;
  run_no: number;
  batch: number;
  kind: string;
  state: Generated<WriteState>;
  seqs: number[];
  /** What a kind needs besides the records, e.g. `{recordIds: {seq: id}}`. */
  refs: unknown;
  payload_sha256: string | null;
  /** Raised by every claim; a settle with an older one touches nothing. */
  fence: Generated<number>;
  attempts: Generated<number>;
  /** How many answers of it were lost. */
  lost_answers: Generated<number>;
  lease_until: Date | null;
  holder: string | null;
  request_id: string | null;
  http_status: number | null;
  latency_ms: number | null;
  sent_at: Date | null;
  settled_at: Date | null;
  counts: NullableJson<Partial<Record<Outcome, number>>>;
  /** Answers that came after the lease was lost: kept, and settle nothing. */
  late_answers: unknown;
}

export interface AuditPendingTable {
  id: Generated<string>;
  audit_id: Generated<string>;
  run_id: string;
  at: Generated<Date>;
  action: string;
  data: Json<unknown>;
}

/** Append-only (a trigger sees to it); `hash` covers the entry and the hash before it. */
export interface AuditTable {
  seq: string;
  audit_id: string;
  run_id: string;
  at: Date;
  action: string;
  data: Json<unknown>;
  previous_hash: string;
  hash: string;
}

export interface OutboxTable {
  id: Generated<string>;
  event_id: Generated<string>;
  /** The entry of the audit that was made in the same transaction. */
  audit_id: string | null;
  run_no: number;
  event: string;
  write_id: string | null;
  /** What this event adds; the metrics in the body are cumulative. */
  counts: Json<Partial<Record<Outcome, number>>>;
  latency_ms: number | null;
  created_at: Generated<Date>;
  /** Fixed when the event is first rendered, so that every try sends the same bytes. */
  body: string | null;
  /** Told as part of a later event (`notify` page or run). */
  merged_into: string | null;
  delivered_at: Date | null;
  attempts: Generated<number>;
  last_error: string | null;
}

export interface DatasetsTable {
  id: string;
  name: string;
  format: string;
  sha256: string;
  bytes: string | number;
  created_at: Generated<Date>;
}

export interface DatasetChunksTable {
  dataset_id: string;
  seq: number;
  data: Buffer;
}

export interface RateBudgetsTable {
  tenant: string;
  next_free_at: Date;
  blocked_until: Date;
}

/** One row: the key of all keyed hashes of people. */
export interface SubjectSecretTable {
  secret: string;
  /** Which pepper they are made with; null until a worker begins. */
  pepper_fingerprint: string | null;
}

/** Live while `consented_again_at` is null or not after `since`. */
export interface SuppressionsTable {
  /** Keyed hash of the contact id (subject-keys.ts). */
  subject: string;
  channel: string;
  reason: string;
  since: Date;
  consented_again_at: Date | null;
  run_no: number | null;
}

/** Whose proof of consent it is: `key` opens their entries. An erasure deletes the row. */
export interface ConsentKeysTable {
  /** Keyed hash of the contact id. */
  subject: string;
  key_id: Generated<string>;
  key: Buffer;
}

/** Append-only (a trigger sees to it). */
export interface ConsentProofTable {
  id: Generated<string>;
  at: Generated<Date>;
  key_id: string;
  run_id: string;
  seq: number;
  write_id: string;
  request_id: string | null;
  http_status: number | null;
  /** What was sent and what became of it, encrypted with the person's key. */
  sealed: Buffer;
}

export interface ErasuresTable {
  erasure_id: string;
  result: Json<unknown>;
}

export interface EligibilityResultsTable {
  check_id: string;
  seq: number;
  eligible: boolean;
  reason: string;
}

/** A campaign as it was when we looked. */
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
  /** What the wish is measured from: as a rule the selection of the snapshot, for a rollback what that run had written. */
  base: Json<unknown>;
  desired: Json<unknown>;
  differences: Json<unknown>;
  /** Those that were shown last, in full. */
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

export interface LedgerTables {
  campaign_snapshots: CampaignSnapshotsTable;
  selection_updates: SelectionUpdatesTable;
  campaign_locks: CampaignLocksTable;
  runs: RunsTable;
  records: RecordsTable;
  outcomes: OutcomesTable;
  writes: WritesTable;
  audit_pending: AuditPendingTable;
  audit: AuditTable;
  outbox: OutboxTable;
  datasets: DatasetsTable;
  dataset_chunks: DatasetChunksTable;
  rate_budgets: RateBudgetsTable;
  subject_secret: SubjectSecretTable;
  suppressions: SuppressionsTable;
  consent_keys: ConsentKeysTable;
  consent_proof: ConsentProofTable;
  erasures: ErasuresTable;
  eligibility_results: EligibilityResultsTable;
}
