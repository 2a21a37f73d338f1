import { type Kysely, sql } from 'kysely';

/**
 * Our own suppression list (decisions.md 24). It names people by a keyed hash only, so that an erasure can leave the
 * objection standing. The secret is made where the ledger is made: two random UUIDs are 244 random bits.
 */
const statements = `
create table subject_secret (
  only_one boolean primary key default true check (only_one),
  secret text not null
);
insert into subject_secret (secret)
  values (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

create table suppressions (
  subject text not null,
  channel text not null,
  reason text not null,
  -- The moment of the newest withdrawal that is known.
  since timestamptz not null,
  -- Of the newest consent that CXone took from us. Only one that is newer than the withdrawal ends the suppression.
  consented_again_at timestamptz,
  run_no integer,
  created_at timestamptz not null default clock_timestamp(),
  primary key (subject, channel)
);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statements).execute(db);
}
