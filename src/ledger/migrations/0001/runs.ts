/** Runs with their records and outcomes, and the datasets that rows are read from. */
export const runTables = `
-- run_no is a short key of our own: a run id has up to 200 characters and would be repeated in every row.
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
  -- The last seq in records; total is set once the source has been read completely.
  staged_through integer not null default 0,
  total integer,
  -- Outcomes by staging, and records that were cancelled before they were sent. Those of writes are in writes.counts.
  staged_counts json,
  cancelled_records integer not null default 0,
  plan json,
  plan_hash text,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  result json,
  failure json
);
-- The same content goes to the same target once, whoever starts it.
create unique index runs_by_business_key on runs (business_key)
  where not again and not dry_run and state in ('running', 'completed');
create index runs_by_start on runs (started_at desc);

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

-- A record without a row here is pending. Because of the primary key no record can have two outcomes.
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

-- Statistics gathered before a run was staged say that it has no rows. The planner then joins its records and outcomes in
-- a nested loop, which takes minutes for 100,000 records. Without statistics it expects the 200th part of the table.
alter table records alter column run_no set statistics 0;
alter table outcomes alter column run_no set statistics 0;

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
`;
