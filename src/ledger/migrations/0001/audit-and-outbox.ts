/** The audit with the entries that are not sealed yet, and the events for subscribers. */
export const auditAndOutboxTables = `
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
create index audit_by_run on audit (run_id, seq);

create function reject_change() returns trigger language plpgsql as $$
begin
  raise exception 'table % is append-only', tg_table_name;
end $$;

create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function reject_change();

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
create index outbox_by_run on outbox (run_no, id);
create index outbox_undelivered on outbox (run_no, id) where delivered_at is null and merged_into is null;
create index outbox_by_merged_into on outbox (merged_into) where merged_into is not null;
`;
