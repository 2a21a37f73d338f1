import { type Kysely, sql } from 'kysely';

/**
 * Proof of consent: what was sent about whom, when, and what CXone answered. Append-only, as the audit is; yet one person
 * can be taken out of it: what an entry says is encrypted with that person's own key, and an erasure drops the key.
 * `person` is a random number of theirs: without their row in consent_people nothing says whose an entry is.
 */
const statements = `
-- Which pepper the people of this ledger are keyed with; null until a worker begins.
alter table subject_secret add column pepper_mark text;

create table consent_people (
  subject text primary key,
  person uuid not null unique default gen_random_uuid(),
  key bytea not null,
  created_at timestamptz not null default clock_timestamp()
);

create table consent_proof (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  person uuid not null,
  run_id text not null,
  seq integer not null,
  write_id bigint not null,
  request_id text,
  http_status integer,
  sealed bytea not null
);
create index consent_proof_of_person on consent_proof (person, id);
create trigger consent_proof_append_only before update or delete or truncate on consent_proof
  for each statement execute function audit_is_append_only();

-- What an erasure did, so that its repeat says the same. Counts and run ids only.
create table erasures (
  erasure_id text primary key,
  at timestamptz not null default clock_timestamp(),
  result json not null
);

-- What became of the rows of \`preferences check FILE\`: numbers and reasons, no row.
create table eligibility_results (
  check_id text not null,
  seq integer not null,
  eligible boolean not null,
  reason text not null,
  primary key (check_id, seq)
);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statements).execute(db);
}
