import { type Kysely, sql } from 'kysely';

const tables = `
-- Every version of a campaign that was looked at: the base of merges, and what a rollback goes back to.
create table campaign_snapshots (
  id bigint generated always as identity primary key,
  tenant text not null,
  campaign_id text not null,
  version bigint not null,
  etag text,
  document json not null,
  selection json not null,
  document_sha256 text not null,
  read_at timestamptz not null default clock_timestamp(),
  unique (tenant, campaign_id, version, document_sha256)
);

-- What a run wants of a campaign and what became of it; one row a run.
create table selection_updates (
  run_no integer primary key references runs on delete cascade,
  tenant text not null,
  campaign_id text not null,
  base_snapshot bigint not null references campaign_snapshots,
  base json not null,
  wish json not null,
  differences json not null,
  conflicts json,
  -- Of the PATCH: the version it was made from, and the selection that was sent.
  from_snapshot bigint references campaign_snapshots,
  sent json,
  sent_sha256 text,
  version_after bigint,
  written_at timestamptz
);
create index selection_updates_of_campaign on selection_updates (tenant, campaign_id, run_no desc);

-- One writer of a campaign at a time: our own updates wait for each other instead of colliding at CXone.
create table campaign_turns (
  tenant text not null,
  campaign_id text not null,
  run_no integer not null,
  ticket text not null,
  until timestamptz not null,
  primary key (tenant, campaign_id)
);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(tables).execute(db);
}
