/** The types of the tables of outbound emails, as in schema.ts. */
import type { ColumnType, Generated } from 'kysely';
import type { Json, NullableJson } from './columns.ts';

/** What CXone made of one POST of an outbound email (emails/emails.ts). */
export interface EmailJobsTable {
  run_no: number;
  job_id: string;
  write_id: string;
  /** Which message to its recipients this is, from 1. */
  attempt: number;
  submitted_at: Date;
  recipients: number;
  /** CXone's word; null: it has not been asked yet. */
  status: string | null;
  is_final: Generated<boolean>;
  final_at: Date | null;
  spam_score: number | null;
  polls: Generated<number>;
  polled_at: Date | null;
  next_poll_at: Date | null;
  /** When there was nothing more to follow, and why. */
  ended_at: Date | null;
  ended_how: string | null;
  /** When the first event about it was added, and what the last one says. */
  announced_at: Date | null;
  announced_hash: string | null;
}

/** One message to one recipient. */
export interface EmailMessagesTable {
  run_no: number;
  seq: number;
  attempt: number;
  write_id: string;
  job_id: string;
  message_id: string | null;
  recipient_id: string | null;
  state: Generated<string>;
  reason: string | null;
  bounce_class: string | null;
  bounce_code: string | null;
  complained: Generated<boolean>;
  unsubscribed: Generated<boolean>;
  opened: Generated<boolean>;
  clicked: Generated<boolean>;
  delivered_at: Date | null;
  opted_out_at: Date | null;
  summary: NullableJson<unknown>;
  /** Numbers for the figures of the run, which outlive an erasure. */
  counts: NullableJson<unknown>;
  /** Whether another message follows, and the outcome that the record had until then. */
  retried: Generated<boolean>;
  replaced_outcome: NullableJson<unknown>;
  synced_at: Date | null;
  /** Of the content; the audit entry of the write has a hash of these (emails/content-hashes.ts). */
  salt: string | null;
  content_hash: string | null;
  erased: Generated<boolean>;
}

export interface EmailEventsTable {
  run_no: number;
  job_id: string;
  event_key: Uint8Array;
  /** Of the message; null: it is not known whose event this is. */
  seq: number | null;
  attempt: number | null;
  message_id: string | null;
  recipient_id: string | null;
  type: string;
  at: Date | null;
  /** Without an address. */
  data: Json<unknown>;
}

/** The consent by which a recipient is sent a message, as CXone had it when it was looked up last. */
export interface EmailConsentsTable {
  run_no: number;
  seq: number;
  /** Which message it is about, from 1. */
  attempt: number;
  checked_at: Date;
  consented_at: Date | null;
  source: string | null;
  region: string;
  rules: string;
}

/** How many recipients a write may add on a day of the tenant. */
export interface EmailQuotaTable {
  write_id: string;
  tenant: string;
  day: ColumnType<string, string, string>;
  n: number;
}

export interface EmailTables {
  email_jobs: EmailJobsTable;
  email_messages: EmailMessagesTable;
  email_events: EmailEventsTable;
  email_consents: EmailConsentsTable;
  email_quota: EmailQuotaTable;
}
