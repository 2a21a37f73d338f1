/** Erasure in PostgreSQL. */
import { sql } from 'kysely';
import { CHANNELS } from '../../domain/consent/eligibility.ts';
import type { ErasureResult } from '../../domain/consent/erasure.ts';
import { CLOCK_TOLERANCE_MS } from '../../domain/timestamps.ts';
import type { Database, Executor } from '../database.ts';
import type { EraseSubject, Erasures } from './erasure.ts';
import { cancelUnsent, emptyRecords } from './erasure-records.sql.ts';
import type { ConsentProof } from './proof.ts';
import type { Suppressions } from './suppressions.ts';

export interface ErasureDeps {
  readonly suppressions: Suppressions;
  readonly proof: ConsentProof;
}

export function createErasures({ db }: Database, deps: ErasureDeps): Erasures {
  return {
    find: (erasureId) => find(db, erasureId),
    erase: (subject) => db.transaction().execute((tx) => erase(tx, deps, subject)),
  };
}

async function find(db: Executor, erasureId: string): Promise<ErasureResult | null> {
  const row = await db
    .selectFrom('erasures')
    .select('result')
    .where('erasure_id', '=', erasureId)
    .executeTakeFirst();
  return row === undefined ? null : (row.result as ErasureResult);
}

async function erase(
  tx: Executor,
  { suppressions, proof }: ErasureDeps,
  { erasureId, contactId, datasets, requestedBy }: EraseSubject,
): Promise<ErasureResult> {
  await suppressions.add(createObjections(contactId), null, tx);
  await cancelUnsent(tx, contactId);
  const rows = await emptyRecords(tx, contactId);
  const deletion = await deleteDatasets(tx, datasets);
  const waitingFor = [...rows.waitingFor, ...deletion.waitingFor, ...(await listReaders(tx))];
  const result: ErasureResult = {
    records: rows.records,
    runs: rows.runs,
    datasets: deletion.deleted,
    proof: await proof.dropKey(contactId, tx),
    events: await redactEvents(tx, contactId),
    suppressed: CHANNELS,
    waitingFor: [...new Set(waitingFor)].sort(),
  };
  await tx
    .insertInto('erasures')
    .values({ erasure_id: erasureId, result: JSON.stringify(result) })
    .execute();
  const data = JSON.stringify({ ...result, requestedBy });
  await tx
    .insertInto('audit_pending')
    .values({ run_id: erasureId, action: 'subject_erased', data })
    .execute();
  return result;
}

/** On all channels, and as of a time that no consent which was accepted so far can be newer than. */
function createObjections(contactId: string) {
  const since = new Date(Date.now() + CLOCK_TOLERANCE_MS).toISOString();
  return CHANNELS.map((channel) => ({ contactId, channel, reason: 'erased', since }));
}

/**
 * A running run needs its dataset until it has read all of it. A failed run does not need it: the file can be handed over
 * again.
 */
async function deleteDatasets(tx: Executor, ids: readonly string[]) {
  if (ids.length === 0) return { deleted: 0, waitingFor: [] };
  const { rows: readers } = await sql<{ run_id: string; dataset: string }>`
    select run_id, input->'source'->>'dataset' as dataset from runs
    where total is null and state = 'running'
      and input->'source'->>'dataset' = any(${[...ids]}::text[])`.execute(tx);
  const needed = new Set(readers.map(({ dataset }) => dataset));
  const free = ids.filter((id) => !needed.has(id));
  return { deleted: await deleteAll(tx, free), waitingFor: readers.map(({ run_id }) => run_id) };
}

async function deleteAll(tx: Executor, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const { numDeletedRows } = await tx.deleteFrom('datasets').where('id', 'in', ids).executeTakeFirst();
  return Number(numDeletedRows);
}

/** Runs that are still reading a source which cannot be searched from here: a worker's file, or rows of another run. */
async function listReaders(tx: Executor): Promise<string[]> {
  const { rows } = await sql<{ run_id: string }>`
    select run_id from runs where total is null and state = 'running'
      and coalesce(input->'source'->>'path', input->'source'->>'retryOf') is not null`.execute(tx);
  return rows.map(({ run_id }) => run_id);
}

/**
 * Empties stored bodies that name the data subject. An undelivered event must still be delivered with the body it has, and
 * before long it is delivered or given up. Events that list preferences store no body: each attempt renders them from the
 * rows, and leaves out rows that were emptied.
 */
async function redactEvents(tx: Executor, contactId: string): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('outbox')
    .set({ body: '' })
    .where('delivered_at', 'is not', null)
    .where(sql<boolean>`position(${contactId.toLowerCase()} in lower(body)) > 0`)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}
