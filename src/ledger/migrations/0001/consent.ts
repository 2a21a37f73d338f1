/**
 * Consent. The suppression list names data subjects by a keyed hash only, so that an erasure can leave an objection in
 * place. The proof of consent is append-only, and yet a data subject can be erased: each entry is encrypted with a key
 * of that data subject, and an erasure deletes the key.
 */
export const consentTables = `
-- The key of all keyed hashes, generated together with the ledger: two random UUIDs have 244 random bits.
create table subject_secret (
  singleton boolean primary key default true check (singleton),
  secret text not null,
  -- Identifies the pepper that the hashes of this ledger are made with; null until the first worker starts.
  pepper_fingerprint text
);
insert into subject_secret (secret)
  values (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

create table suppressions (
  subject text not null,
  channel text not null,
  -- Why, and by which run: for people who read the table.
  reason text not null,
  run_no integer,
  -- The time of the newest known withdrawal.
  since timestamptz not null,
  -- The newest consent that is known to be in CXone. Only one that is newer than the withdrawal ends the suppression.
  consented_again_at timestamptz,
  primary key (subject, channel)
);

-- The keys of the proof of consent. Without its row here nothing shows which data subject an entry is about.
create table consent_keys (
  subject text primary key,
  key_id uuid not null unique default gen_random_uuid(),
  key bytea not null
);

create table consent_proof (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  key_id uuid not null,
  run_id text not null,
  seq integer not null,
  write_id bigint not null,
  request_id text,
  http_status integer,
  sealed bytea not null
);
create index consent_proof_by_key on consent_proof (key_id, id);
create trigger consent_proof_append_only before update or delete or truncate on consent_proof
  for each statement execute function reject_change();

-- The result of each erasure, so that a repetition returns the same. Counts and run ids only.
create table erasures (
  erasure_id text primary key,
  result json not null
);

-- Results of checking a file: row numbers and reasons, never the rows.
create table eligibility_results (
  check_id text not null,
  seq integer not null,
  eligible boolean not null,
  reason text not null,
  primary key (check_id, seq)
);
`;
