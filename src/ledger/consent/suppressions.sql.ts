/** Our own suppression list in PostgreSQL: what runs add to it, and whom they find on it. */
import { sql } from 'kysely';
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { Database, Executor } from '../database.ts';
import { addEntries, removeEntries } from './suppression-decisions.sql.ts';
import {
  hashContact,
  hashMailbox,
  hashTarget,
  IS_EFFECTIVE,
  type SuppressionsDeps,
  storeEntries,
} from './suppression-entries.sql.ts';
import { countEntries, countRemovals, listAll, listNewest, listRemovals } from './suppression-list.sql.ts';
import type {
  AddressSuppression,
  Consent,
  Objection,
  Suppressed,
  SuppressedAddress,
  Suppressions,
} from './suppressions.ts';

export function createSuppressions({ db }: Database, deps: SuppressionsDeps): Suppressions {
  return {
    async add(objections, runNo, executor = db) {
      if (objections.length > 0) await addObjections(executor, deps, objections, runNo);
    },
    async addAddresses(entries, runNo, executor = db) {
      if (entries.length > 0) await addAddresses(executor, deps, entries, runNo);
    },
    addEntries: (chunks, decision) =>
      db.transaction().execute((tx) => addEntries(tx, deps, chunks, decision)),
    async recordConsents(consents, executor = db) {
      if (consents.length > 0) await updateConsents(executor, deps, consents);
    },
    isEmpty: () => isEmpty(db),
    find: (contactIds, channels, executor = db) => find(executor, deps, contactIds, channels),
    findAddresses: (mailboxes, executor = db) => findAddresses(executor, deps, mailboxes),
    newest: (filter, limit, after) => listNewest(db, deps.subjects, { filter, limit, after }),
    count: (filter, after) => countEntries(db, deps.subjects, filter, after),
    all: (filter) => listAll(db, deps.subjects, filter),
    remove: (entries, decision) => db.transaction().execute((tx) => removeEntries(tx, entries, decision)),
    removals: (filter, limit, before) => listRemovals(db, deps.subjects, { filter, limit, before }),
    countRemovals: (filter, before) => countRemovals(db, deps.subjects, filter, before),
  };
}

async function isEmpty(db: Executor): Promise<boolean> {
  const row = await db.selectFrom('suppressions').select('subject').limit(1).executeTakeFirst();
  return row === undefined;
}

async function addObjections(
  db: Executor,
  deps: SuppressionsDeps,
  objections: readonly Objection[],
  runNo: number | null,
): Promise<void> {
  const entries = await Promise.all(
    objections.map(async ({ contactId, ...rest }) => {
      const target = { kind: 'contact', value: contactId } as const;
      const subject = await hashTarget(deps.subjects, target, rest.reason);
      return { ...rest, subject, kind: target.kind, code: null };
    }),
  );
  await storeEntries(db, deps, entries, { runNo, addedBy: null });
}

async function addAddresses(
  db: Executor,
  deps: SuppressionsDeps,
  given: readonly AddressSuppression[],
  runNo: number | null,
): Promise<void> {
  const entries = await Promise.all(
    given.map(async ({ mailbox, code = null, ...rest }) => {
      const target = { kind: 'email', value: mailbox } as const;
      const subject = await hashTarget(deps.subjects, target, rest.reason);
      return { ...rest, subject, kind: target.kind, code };
    }),
  );
  await storeEntries(db, deps, entries, { runNo, addedBy: null });
}

async function updateConsents(
  db: Executor,
  { subjects }: SuppressionsDeps,
  consents: readonly Consent[],
): Promise<void> {
  const rows = await Promise.all(
    consents.map(async ({ contactId, ...rest }) => ({ subject: await subjects.hash(contactId), ...rest })),
  );
  await sql`
    update suppressions known set consented_again_at = greatest(known.consented_again_at, o."consentTimestamp")
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as o(subject text, channel text, "consentTimestamp" timestamptz)
    where known.subject = o.subject and known.channel = o.channel`.execute(db);
}

async function find(
  db: Executor,
  { subjects }: SuppressionsDeps,
  contactIds: readonly string[],
  channels: readonly Channel[],
): Promise<Suppressed[]> {
  const byHash = await groupByHash(contactIds, (contactId) => hashContact(subjects, contactId));
  const { rows } = await sql<Omit<Suppressed, 'contactId'> & { readonly subject: string }>`
    select subject, channel, reason, since from suppressions
    where subject = any(${[...byHash.keys()]}::text[]) and channel = any(${[...channels]}::text[])
      and ${IS_EFFECTIVE}
    order by since`.execute(db);
  return rows.flatMap(({ subject, ...rest }) =>
    (byHash.get(subject) ?? []).map((contactId) => ({ contactId, ...rest })),
  );
}

async function findAddresses(
  db: Executor,
  { subjects }: SuppressionsDeps,
  mailboxes: readonly string[],
): Promise<SuppressedAddress[]> {
  const byHash = await groupByHash(mailboxes, (mailbox) => hashMailbox(subjects, mailbox));
  const { rows } = await sql<Omit<SuppressedAddress, 'mailbox'> & { readonly subject: string }>`
    select subject, reason, code, since from suppressions
    where subject = any(${[...byHash.keys()]}::text[]) and channel = 'email' and ${IS_EFFECTIVE}
    order by since`.execute(db);
  return rows.flatMap(({ subject, ...rest }) =>
    (byHash.get(subject) ?? []).map((mailbox) => ({ mailbox, ...rest })),
  );
}

/** Different ways to write an id have the same hash, and an id has several. */
async function groupByHash(
  texts: readonly string[],
  hash: (text: string) => Promise<readonly string[]>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const byHash = new Map<string, string[]>();
  for (const text of new Set(texts)) {
    for (const subject of await hash(text)) {
      const group = byHash.get(subject);
      if (group) group.push(text);
      else byHash.set(subject, [text]);
    }
  }
  return byHash;
}
