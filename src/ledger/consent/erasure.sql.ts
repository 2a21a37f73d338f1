/** Erasure in PostgreSQL. */
import { sql } from 'kysely';
import { CHANNELS } from '../../domain/consent/eligibility.ts';
import type { ErasureResult } from '../../domain/consent/erasure.ts';
import { CLOCK_TOLERANCE_MS } from '../../domain/timestamps.ts';
import type { Database, Executor } from '../database.ts';
import { readSource, type SourceOfInput } from '../runs/runs.ts';
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
  const readers = await listReaders(tx);
  const deletion = await deleteDatasets(tx, datasets, readers);
  const elsewhere = readers.filter(isElsewhere).map(({ runId }) => runId);
  const waitingFor = [...rows.waitingFor, ...deletion.waitingFor, ...elsewhere];
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
async function deleteDatasets(tx: Executor, ids: readonly string[], running: readonly Reader[]) {
  const readers = running.filter(
    ({ source }) => source.dataset !== undefined && ids.includes(source.dataset),
  );
  const needed = new Set(readers.map(({ source }) => source.dataset));
  const free = ids.filter((id) => !needed.has(id));
  return { deleted: await deleteAll(tx, free), waitingFor: readers.map(({ runId }) => runId) };
}

async function deleteAll(tx: Executor, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const { numDeletedRows } = await tx.deleteFrom('datasets').where('id', 'in', ids).executeTakeFirst();
  return Number(numDeletedRows);
}

interface Reader {
  readonly runId: string;
  readonly source: SourceOfInput;
}

/** Runs that are still reading their source. */
async function listReaders(tx: Executor): Promise<Reader[]> {
  const runs = await tx
    .selectFrom('runs')
    .select(['run_id', 'input'])
    .where('total', 'is', null)
    .where('state', '=', 'running')
    .execute();
  return runs.map((run) => ({ runId: run.run_id, source: readSource(run) }));
}

/** The source cannot be searched from here: a worker's file, or rows of another run. */
const isElsewhere = ({ source }: Reader): boolean =>
  source.path !== undefined || source.retryOf !== undefined;

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
