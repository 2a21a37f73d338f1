/**
 * Proof of consent: what was sent about a person, when, from which source, and what became of it. Append-only; a person is
 * known by a keyed hash, and each entry is encrypted with a key of that person's own, which `forget` drops.
 */
import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { Outcome } from '../../domain/run.ts';
import type { Database, Executor } from '../database.ts';
import { KEY_BYTES, seal, unseal } from './sealed.ts';
import type { SubjectKeys } from './subject-keys.ts';

/** The request that carried the entries. */
export interface ProofBatch {
  readonly runId: string;
  readonly writeId: string;
  /** `X-Idempotency-Key` */
  readonly batchKey: string;
  /** When the request left that was answered, or the last one; ISO 8601. null: not kept (entries of the first version). */
  readonly sentAt: string | null;
  /** Our `X-Request-Id`; null: no answer came. */
  readonly requestId: string | null;
  readonly httpStatus: number | null;
}

/** One preference as it was sent, timestamps in ISO 8601 UTC, and what CXone made of it. */
export interface ProofEntry {
  readonly seq: number;
  readonly contactId: string;
  readonly channel: Channel;
  readonly optIn: boolean;
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  readonly regulatoryRegion: string;
  readonly source: string;
  readonly idempotencyKey: string;
  readonly updatedAt: string;
  readonly outcome: Outcome;
  /** Codes. */
  readonly reasons: readonly string[];
  readonly evidence: string | null;
}

export interface Proof extends ProofEntry, ProofBatch {
  /** When it was settled. */
  readonly at: Date;
}

/** Each of them loses to one erasure at most, and one person is hardly ever erased twice in a moment. */
const MOST_MEETINGS = 5;

interface Person {
  readonly key_id: string;
  readonly key: Buffer;
}

export function createConsentProof({ db }: Database, subjects: SubjectKeys) {
  return {
    /** In the transaction that settles the batch: nothing is settled without its proof. Not repeatable by itself. */
    async record(executor: Executor, batch: ProofBatch, entries: readonly ProofEntry[]): Promise<void> {
      if (entries.length === 0) return;
      const keyed = await Promise.all(
        entries.map(async (entry) => ({ entry, subject: await subjects.hash(entry.contactId) })),
      );
      const people = await meet(executor, [...new Set(keyed.map(({ subject }) => subject))]);
      const rows = keyed.map(({ entry, subject }) => {
        const who = people.get(subject);
        if (who === undefined) throw new Error('a person was erased while their proof was written');
        return rowOf(who, batch, entry);
      });
      await executor.insertInto('consent_proof').values(rows).execute();
    },

    /** All entries about one person, in the order of their writing. Empty after `forget`. */
    async list(contactId: string): Promise<Proof[]> {
      const subject = await subjects.hash(contactId);
      const who = await db
        .selectFrom('consent_keys')
        .selectAll()
        .where('subject', '=', subject)
        .executeTakeFirst();
      if (who === undefined) return [];
      const rows = await db
        .selectFrom('consent_proof')
        .selectAll()
        .where('key_id', '=', who.key_id)
        .orderBy('id')
        .execute();
      return rows.map((row) => {
        const { sentAt = null, ...sealed } = openedOf(who.key, row);
        const { run_id: runId, write_id: writeId, request_id: requestId } = row;
        return {
          at: row.at,
          runId,
          writeId,
          requestId,
          httpStatus: row.http_status,
          seq: row.seq,
          sentAt,
          ...sealed,
        };
      });
    },

    /**
     * The newest consent of each person and channel that CXone took from us, ISO 8601, by `subject channel`. `people`:
     * their keys (subject-keys.ts).
     */
    async newestConsents(
      people: readonly string[],
      executor: Executor = db,
    ): Promise<ReadonlyMap<string, string>> {
      const rows = await executor
        .selectFrom('consent_keys as who')
        .innerJoin('consent_proof as entry', 'entry.key_id', 'who.key_id')
        .select(['who.subject', 'who.key', 'entry.key_id', 'entry.run_id', 'entry.seq', 'entry.sealed'])
        .where('who.subject', '=', sql<string>`any(${[...new Set(people)]}::text[])`)
        .execute();
      const newest = new Map<string, string>();
      for (const row of rows) {
        const { optIn, outcome, consentTimestamp, channel } = openedOf(row.key, row);
        if (!optIn || outcome !== 'updated' || consentTimestamp === null) continue;
        const place = `${row.subject} ${channel}`;
        if (Date.parse(consentTimestamp) > Date.parse(newest.get(place) ?? LONG_AGO))
          newest.set(place, consentTimestamp);
      }
      return newest;
    },

    /** Drops the person's key: their entries stay, and nobody can say any more whose they are. Returns how many. */
    async dropKey(contactId: string, executor: Executor = db): Promise<number> {
      const subject = await subjects.hash(contactId);
      const { rows } = await sql<{ entries: number }>`
        with gone as (delete from consent_keys where subject = ${subject} returning key_id)
        select count(*)::int as entries from consent_proof join gone using (key_id)`.execute(executor);
      return rows[0]?.entries ?? 0;
    },
  };
}

export type ConsentProof = ReturnType<typeof createConsentProof>;

const LONG_AGO = '0001-01-01T00:00:00Z';

type Sealed = Omit<ProofEntry, 'seq'> & Pick<ProofBatch, 'batchKey'> & Partial<Pick<ProofBatch, 'sentAt'>>;

interface SealedRow {
  readonly key_id: string;
  readonly run_id: string;
  readonly seq: number;
  readonly sealed: Buffer;
}

function openedOf(key: Buffer, { key_id, run_id, seq, sealed }: SealedRow): Sealed {
  return unseal(key, placeOf(key_id, run_id, seq), sealed) as Sealed;
}

/** An erasure may come between the insert and the look; whoever it took is a stranger then. */
async function meet(executor: Executor, subjects: readonly string[]): Promise<ReadonlyMap<string, Person>> {
  const known = new Map<string, Person>();
  for (let tries = 1; tries <= MOST_MEETINGS && known.size < subjects.length; tries += 1) {
    const missing = subjects.filter((subject) => !known.has(subject));
    for (const [subject, person] of await meetOnce(executor, missing)) known.set(subject, person);
  }
  return known;
}

/** Sorted: two settles that meet the same people at once do not wait for each other in a circle. */
async function meetOnce(executor: Executor, subjects: readonly string[]): Promise<[string, Person][]> {
  const sorted = [...subjects].sort();
  const strangers = sorted.map((subject) => ({ subject, key: randomBytes(KEY_BYTES) }));
  await executor
    .insertInto('consent_keys')
    .values(strangers)
    .onConflict((conflict) => conflict.column('subject').doNothing())
    .execute();
  // A statement of its own: it sees those whom another settle has met meanwhile. Held, so that no erasure comes between.
  const people = await executor
    .selectFrom('consent_keys')
    .select(['subject', 'key_id', 'key'])
    .where('subject', 'in', sorted)
    .orderBy('subject')
    .forShare()
    .execute();
  return people.map(({ subject, ...person }) => [subject, person]);
}

function rowOf({ key_id, key }: Person, batch: ProofBatch, { seq, ...entry }: ProofEntry) {
  const content: Sealed = { ...entry, batchKey: batch.batchKey, sentAt: batch.sentAt };
  return {
    key_id,
    run_id: batch.runId,
    seq,
    write_id: batch.writeId,
    request_id: batch.requestId,
    http_status: batch.httpStatus,
    sealed: seal(key, placeOf(key_id, batch.runId, seq), content),
  };
}

function placeOf(keyId: string, runId: string, seq: number): string {
  return `${keyId} ${runId} ${seq}`;
}
