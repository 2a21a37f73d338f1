import { type Kysely, sql } from 'kysely';

const tables = `
create table runs (
  run_no integer generated always as identity primary key,
  run_id text not null unique,
  kind text not null,
  target text not null,
  business_key text,
  again boolean not null,
  dry_run boolean not null,
  state text not null default 'running'
    check (state in ('running', 'completed', 'rejected', 'cancelled', 'failed')),
  phase text not null default 'staging',
  steering text not null default 'go' check (steering in ('go', 'paused', 'stopped')),
  waiting_for text,
  requested_by text,
  input json not null,
  source json,
  staged_through integer not null default 0,
  total integer,
  staged_counts json,
  ended_counts json,
  plan json,
  plan_hash text,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  result json,
  failure json
);
-- decisions.md 1: the same content goes to the same target once, whoever starts it.
create unique index runs_same on runs (business_key)
  where not again and not dry_run and state in ('running', 'completed');
create index runs_started on runs (started_at desc);

create table records (
  run_no integer not null references runs on delete cascade,
  seq integer not null,
  line integer not null,
  fields json not null,
  record json,
  key1 text,
  key2 text,
  primary key (run_no, seq)
);

create table outcomes (
  run_no integer not null,
  seq integer not null,
  outcome text not null,
  reasons json,
  write_id bigint,
  evidence text,
  settled_at timestamptz not null default now(),
  primary key (run_no, seq)
);

create table writes (
  id bigint generated always as identity primary key,
  run_no integer not null references runs on delete cascade,
  batch integer not null,
  kind text not null,
  state text not null default 'planned'
    check (state in ('planned', 'sending', 'unanswered', 'in_doubt', 'left', 'settled')),
  seqs integer[] not null,
  refs json,
  payload_sha256 text,
  fence integer not null default 0,
  attempts integer not null default 0,
  unanswered integer not null default 0,
  lease_until timestamptz,
  holder text,
  request_id text,
  http_status integer,
  latency_ms integer,
  sent_at timestamptz,
  settled_at timestamptz,
  counts json,
  late_answers json
);
create index writes_open on writes (run_no, batch) where state <> 'settled';
create index writes_of_run on writes (run_no, batch);

create table audit_pending (
  id bigint generated always as identity primary key,
  audit_id uuid not null default gen_random_uuid(),
  run_id text not null,
  at timestamptz not null default clock_timestamp(),
  action text not null,
  data json not null
);
create table audit (
  seq bigint primary key,
  audit_id uuid not null unique,
  run_id text not null,
  at timestamptz not null,
  action text not null,
  data json not null,
  previous_hash text not null,
  hash text not null
);
create index audit_of_run on audit (run_id, seq);
create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the audit is append-only';
end $$;
create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function audit_is_append_only();

create table outbox (
  id bigint generated always as identity primary key,
  event_id uuid not null default gen_random_uuid(),
  audit_id uuid,
  run_no integer not null references runs on delete cascade,
  event text not null,
  write_id bigint,
  counts json not null,
  latency_ms integer,
  created_at timestamptz not null default clock_timestamp(),
  body text,
  merged_into bigint,
  delivered_at timestamptz,
  attempts integer not null default 0,
  last_error text
);
create index outbox_of_run on outbox (run_no, id);
create index outbox_open on outbox (run_no, id) where delivered_at is null and merged_into is null;
create index outbox_merged on outbox (merged_into) where merged_into is not null;

create table datasets (
  id text primary key,
  name text not null,
  format text not null,
  sha256 text not null,
  bytes bigint not null,
  created_at timestamptz not null default now()
);
create table dataset_chunks (
  dataset_id text not null references datasets on delete cascade,
  seq integer not null,
  data bytea not null,
  primary key (dataset_id, seq)
);

create table rate_budgets (
  tenant text primary key,
  next_free_at timestamptz not null,
  blocked_until timestamptz not null
);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(tables).execute(db);
}
