/** The writes to CXone: what is sent, by whom, and how it ended. */
export const writesTable = `
-- Claims and settlements change rows all the time. With free space on the page, and no index on a column that they
-- change, PostgreSQL writes the new version of such a row to the same page and touches no index.
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
  lost_answers integer not null default 0,
  lease_until timestamptz,
  holder text,
  request_id text,
  http_status integer,
  latency_ms integer,
  sent_at timestamptz,
  settled_at timestamptz,
  counts json,
  late_answers json
) with (fillfactor = 50);
create index writes_by_run on writes (run_no, batch);
-- As for records and outcomes.
alter table writes alter column run_no set statistics 0;
`;
