/**
 * Our own suppression list: objections that CXone does not know of, obeyed by every path that reaches people.
 * A suppression is live while the newest withdrawal is not older than the newest consent that CXone took from us. Both
 * only ever grow, so the order in which they become known does not matter: whom CXone has taken a consent of before they
 * came on the list, the proof of consent knows.
 */
import { sql } from 'kysely';
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { ConsentProof } from './proof.ts';
import type { Database, Executor } from '../database.ts';
import type { SubjectKeys } from './subject-keys.ts';

export interface Objection {
  readonly contactId: string;
  readonly channel: Channel;
  /** Why it stands here and not in CXone, e.g. `gdpr_needs_consent_date`. */
  readonly reason: string;
  /** ISO 8601: when they withdrew. */
  readonly since: string;
}

export interface Consent {
  readonly contactId: string;
  readonly channel: Channel;
  /** ISO 8601 */
  readonly consentTimestamp: string;
}

export interface Suppressed {
  readonly contactId: string;
  readonly channel: Channel;
  readonly since: Date;
}

/** So long an empty list is believed to be empty: a request takes longer. */
const EMPTY_FOR_MS = 1_000;

export function createSuppressions(
  { db }: Database,
  subjects: SubjectKeys,
  proof: Pick<ConsentProof, 'newestConsents'>,
) {
  let emptySince = -Infinity;

  const isEmpty = async (executor: Executor): Promise<boolean> => {
    if (performance.now() - emptySince < EMPTY_FOR_MS) return true;
    const askedAt = performance.now();
    const row = await executor.selectFrom('suppressions').select('subject').limit(1).executeTakeFirst();
    if (row) return false;
    emptySince = askedAt;
    return true;
  };

  return {
    /** `runNo` null: by no run. Repeatable: an older withdrawal changes nothing. */
    async add(
      objections: readonly Objection[],
      runNo: number | null,
      executor: Executor = db,
    ): Promise<void> {
      if (objections.length === 0) return;
      const keyed = await Promise.all(
        objections.map(async ({ contactId, ...rest }) => ({
          subject: await subjects.hash(contactId),
          ...rest,
        })),
      );
      const consents = await proof.newestConsents(
        keyed.map(({ subject }) => subject),
        executor,
      );
      const rows = keyed.map((row) => ({ ...row, consented: consents.get(`${row.subject} ${row.channel}`) }));
      // Sorted: two that add the same people at once do not wait for each other in a circle.
      await sql`
        insert into suppressions as known (subject, channel, reason, since, consented_again_at, run_no)
        select subject, channel, min(reason), max(since), max(consented) filter (where consented > since), ${runNo}::int
        from json_to_recordset(${JSON.stringify(rows)}::json)
          as o(subject text, channel text, reason text, since timestamptz, consented timestamptz)
        group by subject, channel order by subject, channel
        on conflict (subject, channel) do update set since = excluded.since, reason = excluded.reason,
          run_no = excluded.run_no
          where excluded.since > known.since`.execute(executor);
      emptySince = -Infinity;
    },

    /** CXone has taken a consent from us: it ends the suppressions that are older. Repeatable. */
    async recordConsents(consents: readonly Consent[], executor: Executor = db): Promise<void> {
      if (consents.length === 0 || (await isEmpty(executor))) return;
      const rows = await Promise.all(
        consents.map(async ({ contactId, ...rest }) => ({
          subject: await subjects.hash(contactId),
          ...rest,
        })),
      );
      await sql`
        update suppressions known set consented_again_at = greatest(known.consented_again_at, o."consentTimestamp")
        from json_to_recordset(${JSON.stringify(rows)}::json)
          as o(subject text, channel text, "consentTimestamp" timestamptz)
        where known.subject = o.subject and known.channel = o.channel`.execute(executor);
    },

    /** Nobody is on the list: there is nothing to look for. */
    isEmpty: (): Promise<boolean> => isEmpty(db),

    /** Those of the contacts that are suppressed on one of the channels now, with the newest withdrawal of each. */
    async find(contactIds: readonly string[], channels: readonly Channel[]): Promise<Suppressed[]> {
      if (contactIds.length === 0 || (await isEmpty(db))) return [];
      const keys = new Map<string, string[]>();
      for (const contactId of contactIds) {
        const key = await subjects.hash(contactId);
        keys.set(key, [...(keys.get(key) ?? []), contactId]);
      }
      const { rows } = await sql<{ subject: string; channel: Channel; since: Date }>`
        select subject, channel, since from suppressions
        where subject = any(${[...keys.keys()]}::text[]) and channel = any(${[...channels]}::text[])
          and (consented_again_at is null or consented_again_at <= since)
        order by since`.execute(db);
      return rows.flatMap(({ subject, channel, since }) =>
        (keys.get(subject) ?? []).map((contactId) => ({ contactId, channel, since })),
      );
    },
  };
}

export type Suppressions = ReturnType<typeof createSuppressions>;
