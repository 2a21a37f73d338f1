/** The suppression list in PostgreSQL. */
import { sql } from 'kysely';
import type { Channel } from '../../domain/consent/eligibility.ts';
import { CLOCK_TOLERANCE_MS } from '../../domain/timestamps.ts';
import type { Database, Executor } from '../database.ts';
import type { ConsentProof } from './proof.ts';
import type { SubjectKeys } from './subject-keys.ts';
import type { Consent, Objection, Suppressed, Suppressions } from './suppressions.ts';

export interface SuppressionsDeps {
  readonly subjects: SubjectKeys;
  readonly proof: Pick<ConsentProof, 'newestConsents'>;
}

export function createSuppressions({ db }: Database, deps: SuppressionsDeps): Suppressions {
  return {
    async add(objections, runNo, executor = db) {
      if (objections.length > 0) await insertObjections(executor, deps, objections, runNo);
    },
    async recordConsents(consents, executor = db) {
      if (consents.length > 0) await updateConsents(executor, deps, consents);
    },
    isEmpty: () => isEmpty(db),
    find: (contactIds, channels) => find(db, deps, contactIds, channels),
  };
}

async function isEmpty(db: Executor): Promise<boolean> {
  const row = await db.selectFrom('suppressions').select('subject').limit(1).executeTakeFirst();
  return row === undefined;
}

/** Replaces contact ids by their hashes. */
async function hashSubjects<T extends { readonly contactId: string }>(
  subjects: SubjectKeys,
  items: readonly T[],
): Promise<readonly (Omit<T, 'contactId'> & { readonly subject: string })[]> {
  return Promise.all(
    items.map(async ({ contactId, ...rest }) => ({ subject: await subjects.hash(contactId), ...rest })),
  );
}

async function insertObjections(
  db: Executor,
  { subjects, proof }: SuppressionsDeps,
  objections: readonly Objection[],
  runNo: number | null,
): Promise<void> {
  const hashed = await hashSubjects(subjects, objections);
  const consents = await proof.newestConsents(
    hashed.map(({ subject }) => subject),
    db,
  );
  const rows = hashed.map((row) => ({ ...row, consented: consents.get(`${row.subject} ${row.channel}`) }));
  // Sorted, so that two transactions that add the same data subjects cannot deadlock.
  await sql`
    insert into suppressions as known (subject, channel, reason, since, consented_again_at, run_no)
    select subject, channel, min(reason), max(since), max(consented) filter (where consented > since), ${runNo}::int
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as o(subject text, channel text, reason text, since timestamptz, consented timestamptz)
    group by subject, channel order by subject, channel
    on conflict (subject, channel) do update set since = excluded.since, reason = excluded.reason,
      run_no = excluded.run_no
      where excluded.since > known.since`.execute(db);
}

async function updateConsents(
  db: Executor,
  { subjects }: SuppressionsDeps,
  consents: readonly Consent[],
): Promise<void> {
  const rows = await hashSubjects(subjects, consents);
  await sql`
    update suppressions known set consented_again_at = greatest(known.consented_again_at, o."consentTimestamp")
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as o(subject text, channel text, "consentTimestamp" timestamptz)
    where known.subject = o.subject and known.channel = o.channel`.execute(db);
}

/** Consents may be dated this far ahead, so one that was accepted before an erasure might otherwise seem newer. */
const AFTER_ERASURE = sql`case reason when 'erased' then ${CLOCK_TOLERANCE_MS} else 0 end * interval '1 millisecond'`;

async function find(
  db: Executor,
  { subjects }: SuppressionsDeps,
  contactIds: readonly string[],
  channels: readonly Channel[],
): Promise<Suppressed[]> {
  // Different ways to write an id have the same hash.
  const idsByHash = new Map<string, string[]>();
  for (const contactId of contactIds) {
    const hash = await subjects.hash(contactId);
    idsByHash.set(hash, [...(idsByHash.get(hash) ?? []), contactId]);
  }
  const { rows } = await sql<{ subject: string; channel: Channel; since: Date }>`
    select subject, channel, since from suppressions
    where subject = any(${[...idsByHash.keys()]}::text[]) and channel = any(${[...channels]}::text[])
      and (consented_again_at is null or consented_again_at <= since + ${AFTER_ERASURE})
    order by since`.execute(db);
  return rows.flatMap(({ subject, channel, since }) =>
    (idsByHash.get(subject) ?? []).map((contactId) => ({ contactId, channel, since })),
  );
}
