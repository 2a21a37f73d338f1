/** The proof of consent in PostgreSQL. */
import { type Selectable, sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import type { ConsentProofTable } from '../schema-consent.ts';
import { type ConsentKey, obtainKeys } from './keys.sql.ts';
import type { ConsentProof, Proof, ProofBatch, ProofEntry } from './proof.ts';
import { seal, unseal } from './sealed.ts';
import type { SubjectKeys } from './subject-keys.ts';

export function createConsentProof({ db }: Database, subjects: SubjectKeys): ConsentProof {
  return {
    record: (executor, batch, entries) => record(executor, subjects, batch, entries),
    list: async (contactId) => list(db, await subjects.hash(contactId)),
    newestConsents: (hashes, executor = db) => newestConsents(executor, hashes),
    dropKey: async (contactId, executor = db) => dropKey(executor, await subjects.hash(contactId)),
  };
}

async function record(
  db: Executor,
  subjects: SubjectKeys,
  batch: ProofBatch,
  entries: readonly ProofEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const hashed = await Promise.all(
    entries.map(async (entry) => ({ entry, subject: await subjects.hash(entry.contactId) })),
  );
  const keys = await obtainKeys(db, [...new Set(hashed.map(({ subject }) => subject))]);
  const rows = hashed.map(({ entry, subject }) => {
    const key = keys.get(subject);
    if (key === undefined) throw new Error('a data subject was erased while their proof was being written');
    return toRow(key, batch, entry);
  });
  await db.insertInto('consent_proof').values(rows).execute();
}

async function list(db: Executor, subject: string): Promise<Proof[]> {
  const key = await db
    .selectFrom('consent_keys')
    .selectAll()
    .where('subject', '=', subject)
    .executeTakeFirst();
  if (key === undefined) return [];
  const rows = await db
    .selectFrom('consent_proof')
    .selectAll()
    .where('key_id', '=', key.key_id)
    .orderBy('id')
    .execute();
  return rows.map((row) => toProof(key.key, row));
}

/** ISO 8601; before any consent. */
const LONG_AGO = '0001-01-01T00:00:00Z';

async function newestConsents(
  db: Executor,
  subjects: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .selectFrom('consent_keys as k')
    .innerJoin('consent_proof as entry', 'entry.key_id', 'k.key_id')
    .select(['k.subject', 'k.key', 'entry.key_id', 'entry.run_id', 'entry.seq', 'entry.sealed'])
    .where('k.subject', '=', sql<string>`any(${[...new Set(subjects)]}::text[])`)
    .execute();
  const newest = new Map<string, string>();
  for (const row of rows) {
    const { optIn, outcome, consentTimestamp, channel } = open(row.key, row);
    // `existing`: CXone has the same choice with a newer date.
    const isInCxone = outcome === 'updated' || outcome === 'existing';
    if (!optIn || !isInCxone || consentTimestamp === null) continue;
    const place = `${row.subject} ${channel}`;
    if (Date.parse(consentTimestamp) > Date.parse(newest.get(place) ?? LONG_AGO))
      newest.set(place, consentTimestamp);
  }
  return newest;
}

async function dropKey(db: Executor, subject: string): Promise<number> {
  const { rows } = await sql<{ entries: number }>`
    with dropped as (delete from consent_keys where subject = ${subject} returning key_id)
    select count(*)::int as entries from consent_proof join dropped using (key_id)`.execute(db);
  return rows[0]?.entries ?? 0;
}

/** What is encrypted. */
type Sealed = Omit<ProofEntry, 'seq'> & Pick<ProofBatch, 'batchKey' | 'sentAt'>;

function toRow({ key_id, key }: ConsentKey, batch: ProofBatch, { seq, ...entry }: ProofEntry) {
  const content: Sealed = { ...entry, batchKey: batch.batchKey, sentAt: batch.sentAt };
  return {
    key_id,
    run_id: batch.runId,
    seq,
    write_id: batch.writeId,
    request_id: batch.requestId,
    http_status: batch.httpStatus,
    sealed: seal(key, toPlace(key_id, batch.runId, seq), content),
  };
}

function toProof(key: Uint8Array, row: Selectable<ConsentProofTable>): Proof {
  const { at, seq, run_id: runId, write_id: writeId, request_id: requestId, http_status: httpStatus } = row;
  return { at, runId, writeId, requestId, httpStatus, seq, ...open(key, row) };
}

type SealedRow = Pick<Selectable<ConsentProofTable>, 'key_id' | 'run_id' | 'seq' | 'sealed'>;

function open(key: Uint8Array, { key_id, run_id, seq, sealed }: SealedRow): Sealed {
  return unseal(key, toPlace(key_id, run_id, seq), sealed) as Sealed;
}

function toPlace(keyId: string, runId: string, seq: number): string {
  return `${keyId} ${runId} ${seq}`;
}
