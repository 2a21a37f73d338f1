/** Selection updates: campaigns as they were read, what a run wants of one, and the lock of its writer. */
export const selectionTables = `
-- Every version of a campaign that was read: the base of merges, and what a rollback restores.
create table campaign_snapshots (
  id bigint generated always as identity primary key,
  tenant text not null,
  campaign_id text not null,
  version bigint not null,
  document json not null,
  selection json not null,
  document_sha256 text not null,
  read_at timestamptz not null default clock_timestamp(),
  unique (tenant, campaign_id, version, document_sha256)
);

-- The selection that a run asks for, and what it has written; one row per run.
create table selection_updates (
  run_no integer primary key references runs on delete cascade,
  tenant text not null,
  campaign_id text not null,
  base_snapshot bigint not null references campaign_snapshots,
  base json not null,
  desired json not null,
  differences json not null,
  conflicts json,
  -- The version that the last PATCH was made from, and the selection in it.
  from_snapshot bigint references campaign_snapshots,
  sent json,
  sent_sha256 text,
  version_after bigint
);
create index selection_updates_by_campaign on selection_updates (tenant, campaign_id, run_no desc);

-- Our own updates of one campaign wait for each other instead of colliding at CXone.
create table campaign_locks (
  tenant text not null,
  campaign_id text not null,
  run_no integer not null,
  token text not null,
  locked_until timestamptz not null,
  primary key (tenant, campaign_id)
);
`;
