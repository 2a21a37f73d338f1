/** The types of the tables. The SQL in `migrations/` creates them. */
import type { ColumnType, Generated } from 'kysely';
import type { Counts, Outcome, Phase, Reason, RunState, Steering } from '../domain/run.ts';
import type { Json, NullableJson } from './columns.ts';
import type { ConsentTables } from './schema-consent.ts';
import type { EmailTables } from './schema-emails.ts';
import type { SelectionTables } from './schema-selections.ts';
import type { SuppressionTables } from './schema-suppressions.ts';

/** A bigint: read as text, written as a number. */
type Fence = ColumnType<string, number | undefined, number>;

/** `run_no` is a short key: a run id has up to 200 characters and would be repeated in every row. */
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
  /** Checked by every claim. */
  steering: Generated<Steering>;
  /** Of the newest attempt of a step, of a change of the steering and of the phase (fence.ts). */
  fence: Fence;
  steering_fence: Fence;
  phase_fence: Fence;
  waiting_for: string | null;
  requested_by: string | null;
  /** The input of the start. It contains no personal data. */
  input: Json<unknown>;
  source: NullableJson<RunSource>;
  /** The last `seq` in `records`. */
  staged_through: Generated<number>;
  /** Set once the source has been read completely. */
  total: number | null;
  /** Outcomes settled by staging, e.g. `invalid` and `duplicate`. */
  staged_counts: NullableJson<Partial<Record<Outcome, number>>>;
  /** Records that were cancelled before they were sent. */
  cancelled_records: Generated<number>;
  plan: NullableJson<unknown>;
  plan_hash: string | null;
  started_at: Generated<Date>;
  /** The last start: when the newest execution opened the run. */
  opened_at: Generated<Date>;
  finished_at: Date | null;
  result: NullableJson<unknown>;
  failure: NullableJson<unknown>;
  /** The newest execution in Temporal that opened the run; null for a run that an older version has opened. */
  namespace: string | null;
  execution_id: string | null;
  /** When its records were deleted (src/ledger/retention/purges.ts), and what they had become. */
  purged_at: Date | null;
  purged_counts: NullableJson<Counts>;
  /** Its measures, once they are final (runs/metrics.ts). */
  metrics: NullableJson<unknown>;
  /** When it was found that the ledger had been restored from a backup from before some of its claims. */
  restored_at: Date | null;
  /** The claims of writes that were deleted since. */
  claims_of_deleted_writes: Generated<number>;
}

/** The source of a run's rows. */
export interface RunSource {
  readonly name: string;
  readonly format: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Absent if it was UTF-8, or is unknown. */
  readonly encoding?: string;
  /** The sheet of a workbook. */
  readonly sheet?: string;
  /** The header of a CSV file or a sheet; null for NDJSON and JSON. */
  readonly columns: readonly string[] | null;
}

export interface RecordsTable {
  run_no: number;
  seq: number;
  line: number;
  /** The row as the source has it, for exported files. */
  fields: unknown;
  /** What is going to be written; null if the row breaks a rule. */
  record: unknown;
  /** Two records with equal keys are duplicates: for contacts, the contactId or the first phone number. */
  key1: string | null;
  key2: string | null;
  /** The place in the order of the run; null for operations that rank nothing. */
  score: number | null;
  recency: Date | null;
  /** Two records that share one are duplicates, for operations that rank. */
  keys: string[] | null;
}

/** Consecutive records, and the words in them (words.ts). */
export interface RecordBlocksTable {
  run_no: number;
  first_seq: number;
  last_seq: number;
  words: Uint8Array;
}

/** A record without a row here is pending. Because of the primary key no record can have two outcomes. */
export interface OutcomesTable {
  run_no: number;
  seq: number;
  outcome: Outcome;
  reasons: NullableJson<readonly Reason[]>;
  write_id: string | null;
  evidence: string | null;
  /** CXone's id of the record, if an answer has named it. */
  cxone_id: string | null;
  settled_at: Generated<Date>;
}

/** The transitions are in ARCHITECTURE.md#a-write. */
export type WriteState = 'planned' | 'sending' | 'unanswered' | 'in_doubt' | 'left' | 'settled';

export interface WritesTable {
  id: Generated<string>;
  run_no: number;
  batch: number;
  kind: string;
  state: Generated<WriteState>;
  seqs: number[];
  /** What its kind needs besides the records, e.g. `{recordIds: {seq: id}}`. */
  refs: unknown;
  payload_sha256: string | null;
  /** Raised by every claim. A settlement with an older one changes nothing. */
  fence: Generated<number>;
  attempts: Generated<number>;
  /** How many of its answers were lost. */
  lost_answers: Generated<number>;
  /** The last claim under which a request is known to have left. */
  sent_fence: number | null;
  /** Whether a request is known to have left whose answer was lost. */
  known_sent: Generated<boolean>;
  /** How the last attempts failed, and how many failed so in a row. */
  failure: string | null;
  failures: Generated<number>;
  /** Since when it fails: the first failure after the last pause longer than LONGEST_GAP_MS. And when it failed last. */
  failing_since: Date | null;
  failed_at: Date | null;
  lease_until: Date | null;
  holder: string | null;
  request_id: string | null;
  http_status: number | null;
  latency_ms: number | null;
  sent_at: Date | null;
  settled_at: Date | null;
  counts: NullableJson<Partial<Record<Outcome, number>>>;
  /** CXone's id of the answer that settled it. */
  cxone_id: string | null;
  /** How long the request took by CXone's own account. */
  cxone_ms: number | null;
  /** How often the answer has each message: by hash, and `more` for those beyond the limit of an answer. */
  messages: NullableJson<Readonly<Record<string, number>>>;
  /** Answers that arrived after another claim. They have settled nothing. */
  late_answers: unknown;
}

/** What CXone says beyond single records (src/domain/messages.ts): each text once for a run, up to a limit, until it is erased. */
export interface CxoneMessagesTable {
  run_no: number;
  hash: string;
  http_status: number | null;
  text: string;
}

export interface AuditPendingTable {
  id: Generated<string>;
  audit_id: Generated<string>;
  run_id: string;
  at: Generated<Date>;
  action: string;
  data: Json<unknown>;
}

/** Append-only, enforced by a trigger. `hash` covers the entry and the hash before it. */
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
  /** The audit entry of the same transaction. */
  audit_id: string | null;
  run_no: number;
  event: string;
  write_id: string | null;
  /** What this event adds. The metrics in the body are cumulative. */
  counts: Json<Partial<Record<Outcome, number>>>;
  latency_ms: number | null;
  created_at: Generated<Date>;
  /** What an event says that lists people by their numbers; its body is rendered from it for each delivery. */
  content: NullableJson<unknown>;
  /** Stored when the event is rendered first, so that every attempt delivers the same bytes. */
  body: string | null;
  /** The later event that this one is delivered with (`notify`: `page` or `run`). */
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
  data: Uint8Array;
  /** The words in it (words.ts), and those that end in it. Null: unknown. */
  words: Uint8Array | null;
}

export interface RateBudgetsTable {
  tenant: string;
  next_free_at: Date;
  /** `-infinity` if there was no block yet, or it was lifted. */
  blocked_until: Date;
  /** Of the last block, if there was one. */
  blocked_since: Date | null;
  block_reason: string | null;
}

/** Counts while the run is running. */
export interface CapacityReservationsTable {
  run_no: number;
  tenant: string;
  campaign_id: string;
  planned: number;
  /** What a run had reserved that has ended: `planned` is 0 then. */
  released: Generated<number>;
}

/** One row at most. */
export interface LedgerTenantTable {
  name: string;
  registered_at: Generated<Date>;
}

export interface LedgerTables extends ConsentTables, EmailTables, SelectionTables, SuppressionTables {
  ledger_tenant: LedgerTenantTable;
  capacity_reservations: CapacityReservationsTable;
  runs: RunsTable;
  records: RecordsTable;
  record_blocks: RecordBlocksTable;
  outcomes: OutcomesTable;
  writes: WritesTable;
  cxone_messages: CxoneMessagesTable;
  audit_pending: AuditPendingTable;
  audit: AuditTable;
  outbox: OutboxTable;
  datasets: DatasetsTable;
  dataset_chunks: DatasetChunksTable;
  rate_budgets: RateBudgetsTable;
}
