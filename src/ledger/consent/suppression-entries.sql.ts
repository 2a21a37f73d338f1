/** The table of our own suppression list: what an entry's keyed hash is, how entries are stored, and which of them suppress. */
import { type RawBuilder, sql } from 'kysely';
import {
  ERASED,
  HARD_BOUNCE,
  type SuppressionKind,
  type SuppressionTarget,
  toAddressIdentifier,
} from '../../domain/consent/suppressions.ts';
import type * as Identifiers from '../../domain/identifiers.ts';
import { CLOCK_TOLERANCE_MS } from '../../domain/timestamps.ts';
import type { Executor } from '../database.ts';
import type { ConsentProof } from './proof.ts';
import type { SubjectKeys } from './subject-keys.ts';
import type { AddedEntries } from './suppressions.ts';

export interface SuppressionsDeps {
  readonly subjects: SubjectKeys;
  readonly proof: Pick<ConsentProof, 'newestConsents'>;
}

export async function hashTarget(
  subjects: SubjectKeys,
  target: SuppressionTarget,
  reason: string,
): Promise<string> {
  if (target.kind === 'contact') return subjects.hash(target.value);
  return subjects.hashAddress(toAddressIdentifier(target, reason));
}

let identifiers: Promise<typeof Identifiers> | undefined;

/** Loaded when it is needed, because the numbering plans of all countries come with it, and most ids are neither. */
async function addressesIn(text: string): Promise<readonly string[]> {
  if (!/[@+]/.test(text)) return [];
  identifiers ??= import('../../domain/identifiers.ts');
  return (await identifiers).peopleIn(text);
}

/** Of everything that a contact id may stand for: in some systems it is the number or the address of the contact. */
export async function hashContact(subjects: SubjectKeys, contactId: string): Promise<readonly string[]> {
  const addresses = (await addressesIn(contactId)).map((identifier) => subjects.hashAddress(identifier));
  return Promise.all([subjects.hash(contactId), ...addresses]);
}

/** Of every entry about a mailbox: objections, its bounce, and objections of a contact whose id it is. */
export async function hashMailbox(subjects: SubjectKeys, mailbox: string): Promise<readonly string[]> {
  const target = { kind: 'email', value: mailbox } as const;
  return Promise.all([
    subjects.hash(mailbox),
    subjects.hashAddress(toAddressIdentifier(target, '')),
    subjects.hashAddress(toAddressIdentifier(target, HARD_BOUNCE)),
  ]);
}

/** Of every entry about a contact id, an address or a number. */
export async function hashAll(subjects: SubjectKeys, text: string): Promise<readonly string[]> {
  const addresses = await addressesIn(text);
  const mailboxes = addresses.flatMap((identifier) => /^email:(.*)$/s.exec(identifier)?.[1] ?? []);
  const hashes = await Promise.all([
    hashContact(subjects, text),
    ...mailboxes.map((mailbox) => hashMailbox(subjects, mailbox)),
  ]);
  return [...new Set(hashes.flat())];
}

export interface HashedEntry {
  readonly subject: string;
  readonly kind: SuppressionKind;
  readonly channel: string;
  readonly reason: string;
  readonly code: string | null;
  /** A text is in ISO 8601. */
  readonly since: string | Date;
}

export interface EntryOrigin {
  readonly runNo: number | null;
  readonly addedBy: string | null;
}

/**
 * Adds entries, or moves the date of known ones forward. Sorted, so that two transactions that add the same ones cannot
 * deadlock.
 */
export async function storeEntries(
  db: Executor,
  { proof }: SuppressionsDeps,
  entries: readonly HashedEntry[],
  { runNo, addedBy }: EntryOrigin,
): Promise<Pick<AddedEntries, 'added' | 'renewed'>> {
  const contacts = entries.filter(({ kind }) => kind === 'contact');
  const consents = await proof.newestConsents(
    contacts.map(({ subject }) => subject),
    db,
  );
  const rows = entries.map((entry) => ({
    ...entry,
    consented: consents.get(`${entry.subject} ${entry.channel}`),
  }));
  const { rows: stored } = await sql<{ isNew: boolean }>`
    insert into suppressions as known
      (subject, kind, channel, reason, code, since, consented_again_at, run_no, added_by)
    select distinct on (subject, channel) subject, kind, channel, reason, code, since,
      case when consented > since then consented end, ${runNo}::int, ${addedBy}
    from json_to_recordset(${JSON.stringify(rows)}::json) as e(subject text, kind text, channel text, reason text,
      code text, since timestamptz, consented timestamptz)
    order by subject, channel, since desc, reason, code
    on conflict (subject, channel) do update set since = excluded.since, reason = excluded.reason,
      code = excluded.code, run_no = excluded.run_no, added_by = excluded.added_by
      where excluded.since > known.since
    returning xmax = 0 as "isNew"`.execute(db);
  const added = stored.filter(({ isNew }) => isNew).length;
  return { added, renewed: stored.length - added };
}

/** Consents may be dated this far ahead, so one that was accepted before an erasure might otherwise seem newer. */
const AFTER_ERASURE = sql`case reason when ${sql.lit(ERASED)} then ${sql.lit(CLOCK_TOLERANCE_MS)} else 0 end * interval '1 millisecond'`;

/** A condition on `suppressions`. */
export const IS_EFFECTIVE: RawBuilder<boolean> = sql<boolean>`(
  (consented_again_at is null or consented_again_at <= since + ${AFTER_ERASURE})
  and (removed_since is null or removed_since < since))`;
