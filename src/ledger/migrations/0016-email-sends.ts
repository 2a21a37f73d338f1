/**
 * What an outbound email needs (docs/adr/0027-outbound-email.md): the jobs that CXone has accepted, the message of each
 * recipient, the events of both, the consent that permits it, and how much of a day's limit each write has reserved.
 */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
-- What CXone made of one POST.
create table email_jobs (
  run_no integer not null references runs on delete cascade,
  job_id text not null,
  write_id bigint not null,
  -- Which message to its recipients this is: 1 for the first, 2 for the first retry.
  attempt integer not null,
  submitted_at timestamptz not null,
  recipients integer not null,
  -- CXone's word; null: it has not been asked yet.
  status text,
  is_final boolean not null default false,
  final_at timestamptz,
  spam_score double precision,
  polls integer not null default 0,
  polled_at timestamptz,
  next_poll_at timestamptz,
  -- When there was nothing more to follow, and why.
  ended_at timestamptz,
  ended_how text,
  -- When the first event about it was added, and what the last one says.
  announced_at timestamptz,
  announced_hash text,
  primary key (run_no, job_id)
);
create index email_jobs_open on email_jobs (run_no, next_poll_at) where ended_at is null;

-- One message to one recipient.
create table email_messages (
  run_no integer not null,
  seq integer not null,
  attempt integer not null,
  write_id bigint not null,
  job_id text not null,
  -- CXone's ids; null: it has not named them.
  message_id text,
  recipient_id text,
  -- What its events amount to.
  state text not null default 'accepted',
  reason text,
  bounce_class text,
  bounce_code text,
  complained boolean not null default false,
  unsubscribed boolean not null default false,
  opened boolean not null default false,
  clicked boolean not null default false,
  delivered_at timestamptz,
  opted_out_at timestamptz,
  summary json,
  -- Numbers for the figures of the run, which outlive an erasure.
  counts json,
  -- Whether another message follows, and the outcome that the record had until then.
  retried boolean not null default false,
  replaced_outcome json,
  -- When its complaint or unsubscription was brought to CXone's preferences.
  synced_at timestamptz,
  -- Of the content; the audit entry of the write has a hash of these (emails/content-hashes.ts).
  salt text,
  content_hash text,
  -- Nothing about the recipient is kept any more, and its state stays as it is.
  erased boolean not null default false,
  primary key (run_no, seq, attempt),
  foreign key (run_no, job_id) references email_jobs on delete cascade
);
create index email_messages_by_job on email_messages (run_no, job_id);
create index email_messages_bounced on email_messages (run_no, seq) where state = 'bounced' and not retried;
create index email_messages_policy on email_messages (run_no) where bounce_class = 'policy';
create index email_messages_opted_out on email_messages (run_no, seq)
  where (complained or unsubscribed) and synced_at is null;

create table email_events (
  run_no integer not null,
  job_id text not null,
  -- The first half of a SHA-256.
  event_key bytea not null,
  -- Of the message; null: it is not known whose event this is.
  seq integer,
  attempt integer,
  message_id text,
  recipient_id text,
  type text not null,
  at timestamptz,
  -- Without an address.
  data json not null,
  primary key (run_no, job_id, event_key),
  foreign key (run_no, job_id) references email_jobs on delete cascade
);
create index email_events_by_message on email_events (run_no, seq, attempt) where seq is not null;
create index email_events_unmatched on email_events (run_no, job_id) where seq is null;

-- The consent by which a recipient is sent a message, as CXone had it when it was looked up last.
create table email_consents (
  run_no integer not null references runs on delete cascade,
  seq integer not null,
  -- Which message it is about.
  attempt integer not null,
  checked_at timestamptz not null,
  consented_at timestamptz,
  source text,
  region text not null,
  rules text not null,
  primary key (run_no, seq, attempt)
);

-- Statistics from before a run say that it has no rows, as for records and outcomes (0001).
alter table email_jobs alter column run_no set statistics 0;
alter table email_messages alter column run_no set statistics 0;
alter table email_events alter column run_no set statistics 0;
alter table email_consents alter column run_no set statistics 0;

-- What an event says that lists people by their numbers; its body is rendered from it for each delivery.
alter table outbox add column content json;

-- How many recipients a write may add on a day of the tenant.
create table email_quota (
  write_id bigint primary key references writes on delete cascade,
  tenant text not null,
  day date not null,
  n integer not null
);
create index email_quota_by_day on email_quota (tenant, day) include (write_id, n);

-- When it was found that the ledger is older than the run, and the claims of writes that were deleted (writes/restored.sql.ts).
alter table runs
  add column restored_at timestamptz,
  add column claims_of_deleted_writes integer not null default 0;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
