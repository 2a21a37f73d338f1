/**
 * Our own suppression list has entries about email addresses and phone numbers as well, with the code of a bounce, and a person
 * can take an entry off it (docs/adr/0016-consent.md#our-own-suppression-list). Workers of the version before go on adding
 * contacts; whom a person has taken off, they still leave out.
 */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
alter table suppressions
  -- What the subject is a keyed hash of: contact, email or phone.
  add column kind text not null default 'contact',
  -- E.g. 5.1.1, of a bounce.
  add column code text,
  -- The person who added it; null: a run did.
  add column added_by text,
  -- The newest withdrawal that a person has taken off the list. Only a newer one suppresses again.
  add column removed_since timestamptz;

-- What was taken off, as it was. Nothing in it is ever changed.
create table suppression_removals (
  removal_no integer generated always as identity primary key,
  subject text not null,
  kind text not null,
  channel text not null,
  reason text not null,
  code text,
  since timestamptz not null,
  run_no integer,
  added_by text,
  removed_at timestamptz not null default clock_timestamp(),
  removed_by text not null,
  removed_because text not null
);
create index suppression_removals_by_subject on suppression_removals (subject);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
