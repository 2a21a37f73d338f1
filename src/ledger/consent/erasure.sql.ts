/** Erasure in PostgreSQL. */
import { sql } from 'kysely';
import { CHANNELS } from '../../domain/consent/eligibility.ts';
import type { ErasureResult } from '../../domain/consent/erasure.ts';
import { ERASED } from '../../domain/consent/suppressions.ts';
import { addAuditEntry } from '../audit/entries.sql.ts';
import type { Database, Executor } from '../database.ts';
import { lockRun } from '../locks.ts';
import { listReaders, type Reader } from '../runs/sources.sql.ts';
import type { EraseSubject, Erasures } from './erasure.ts';
import {
  cancelUnsent,
  countRows,
  type EmptiedRows,
  emptyRecords,
  keepOutcomes,
  type RowCounts,
} from './erasure-records.sql.ts';
import {
  type FoundRows,
  findDatasets,
  findRows,
  mayName,
  readStagedThrough,
  renewFilter,
  type StagedThrough,
} from './erasure-search.sql.ts';
import type { ConsentProof } from './proof.ts';
import { createSubjectSearch, type SubjectSearch } from './subject-search.ts';
import type { Suppressions } from './suppressions.ts';

export interface ErasureDeps {
  readonly suppressions: Suppressions;
  readonly proof: ConsentProof;
}

export function createErasures({ db }: Database, deps: ErasureDeps): Erasures {
  return {
    find: (erasureId) => find(db, erasureId),
    preview: (contactId) => preview(db, deps, contactId),
    async erase(subject) {
      const { contactId, objectedAt } = subject;
      // First, and committed: an objection takes effect at once.
      const objections = CHANNELS.map((channel) => ({
        contactId,
        channel,
        reason: ERASED,
        since: objectedAt,
      }));
      await deps.suppressions.add(objections, null);
      const found = await search(db, createSubjectSearch(contactId));
      return db.transaction().execute((tx) => erase(tx, deps, subject, found));
    },
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

/** What the search, which takes longest, has found before the transaction. */
interface Found {
  readonly subject: SubjectSearch;
  readonly datasets: readonly string[];
  readonly rows: readonly FoundRows[];
  /** At least these rows were searched. */
  readonly searched: StagedThrough;
}

async function search(db: Executor, subject: SubjectSearch): Promise<Found> {
  const datasets = await findDatasets(db, subject);
  const searched = await readStagedThrough(db);
  return { subject, datasets, searched, rows: await findRows(db, subject) };
}

/**
 * What takes long comes first, and what others wait for last. A run may have gone on staging since the search, and may have
 * come to its end: then it is no reader any more. So the rows that it has added are searched once the readers are listed: a
 * run that stages its last rows before this search has them found, and one that stages them later is named.
 */
async function erase(
  tx: Executor,
  { proof, suppressions }: ErasureDeps,
  { erasureId, contactId, requestedBy, objectedAt }: EraseSubject,
  found: Found,
): Promise<ErasureResult> {
  const events = await redactEvents(tx, found.subject);
  const deletion = await deleteDatasets(tx, found.datasets);
  const added = await findRows(tx, found.subject, found.searched);
  const rows = await eraseRows(tx, [...found.rows, ...added].sort(byPlace));
  // A later file may have the address without the contact id.
  const mailboxes = [...new Set(rows.flatMap((each) => each.mailboxes))];
  const address = { channel: 'email', reason: ERASED, since: objectedAt } as const;
  await suppressions.addAddresses(
    mailboxes.map((mailbox) => ({ mailbox, ...address })),
    null,
    tx,
  );
  const result = {
    ...toResult(rows, deletion.waitingFor),
    datasets: deletion.deleted,
    proof: await proof.dropKey(contactId, tx),
    events,
  };
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('erasures')
    .values({ erasure_id: erasureId, result: JSON.stringify(result) })
    .onConflict((conflict) => conflict.column('erasure_id').doNothing())
    .executeTakeFirst();
  // Another attempt of the same erasure has finished meanwhile: its result and its audit entry stand.
  if (numInsertedOrUpdatedRows === 0n) return (await find(tx, erasureId)) ?? result;
  await addAuditEntry(tx, {
    runId: erasureId,
    action: 'subject_erased',
    data: { ...result, requestedBy },
  });
  return result;
}

async function preview(db: Executor, { proof }: ErasureDeps, contactId: string): Promise<ErasureResult> {
  const subject = createSubjectSearch(contactId);
  const datasets = await findDatasets(db, subject);
  const readers = await listReaders(db, READING);
  const rows: RowCounts[] = [];
  for (const found of await findRows(db, subject)) rows.push(await countRows(db, found));
  return {
    ...toResult(rows, listWaiting(datasets, readers)),
    datasets: listFree(datasets, readers).length,
    proof: (await proof.list(contactId)).length,
    events: (await findEvents(db, subject)).length,
  };
}

/**
 * Within the runs that have not failed, and within those that have, all erasures lock blocks in this order. Two erasures
 * between which a run fails may still deadlock; one of them is repeated.
 */
const byPlace = (a: FoundRows, b: FoundRows): number => a.runNo - b.runNo || a.first - b.first;

/**
 * Locks the failed runs: until the transaction ends, none of them can be started again and send what it is about to lose. The
 * others lose only rows that they do not need any more, so they go on, except for list loads, whose steps wait (`keepOutcomes`).
 * What a run needs that fails at this moment is kept.
 */
async function eraseRows(tx: Executor, found: readonly FoundRows[]): Promise<readonly EmptiedRows[]> {
  const failed = new Set(await listFailed(tx, [...new Set(found.map(({ runNo }) => runNo))]));
  const counts: EmptiedRows[] = [];
  for (const rows of found.filter(({ runNo }) => !failed.has(runNo))) counts.push(await emptyBlock(tx, rows));
  for (const runNo of failed) await lockRun(tx, runNo);
  for (const rows of found.filter(({ runNo }) => failed.has(runNo))) {
    await cancelUnsent(tx, rows);
    counts.push(await emptyBlock(tx, rows));
  }
  return counts;
}

async function listFailed(tx: Executor, runNos: readonly number[]): Promise<readonly number[]> {
  const rows = await tx
    .selectFrom('runs')
    .select('run_no')
    .where('run_no', 'in', runNos.length > 0 ? runNos : [0])
    .where('state', '=', 'failed')
    .orderBy('run_no')
    .execute();
  return rows.map(({ run_no }) => run_no);
}

async function emptyBlock(tx: Executor, rows: FoundRows): Promise<EmptiedRows> {
  await keepOutcomes(tx, rows);
  const counts = await emptyRecords(tx, rows);
  if (rows.isFiltered) await renewFilter(tx, rows);
  return counts;
}

function toResult(rows: readonly RowCounts[], waitingFor: readonly string[]) {
  const runsOf = (counts: readonly RowCounts[]) => [...new Set(counts.map(({ runId }) => runId))].sort();
  return {
    records: rows.reduce((sum, { emptied }) => sum + emptied, 0),
    runs: runsOf(rows.filter(({ emptied }) => emptied > 0)),
    suppressed: CHANNELS,
    waitingFor: [...new Set([...runsOf(rows.filter(({ kept }) => kept > 0)), ...waitingFor])].sort(),
  };
}

const READING = ['running'] as const;

/**
 * A running run needs its dataset until it has read all of it, and a file of suppressed people until it ends. A failed run
 * needs neither: they can be handed over again. A run that began to read one just before the deletion is named too, because its
 * last rows may still be on their way; later ones do not find it (`readDataset`).
 */
async function deleteDatasets(tx: Executor, ids: readonly string[]) {
  const deleted = await deleteAll(tx, listFree(ids, await listReaders(tx, READING)));
  return { deleted, waitingFor: listWaiting(ids, await listReaders(tx, READING)) };
}

/** Datasets that no run may still read. */
function listFree(ids: readonly string[], readers: readonly Reader[]): readonly string[] {
  const needed = new Set(readers.flatMap(({ datasets }) => datasets));
  return ids.filter((id) => !needed.has(id));
}

/** Runs that may still read one of these datasets, or what is not searched here: a worker's file, rows of another run. */
function listWaiting(ids: readonly string[], readers: readonly Reader[]): readonly string[] {
  return readers
    .filter(
      ({ source: { path, retryOf }, datasets }) =>
        datasets.some((id) => ids.includes(id)) || path !== undefined || retryOf !== undefined,
    )
    .map(({ runId }) => runId);
}

async function deleteAll(tx: Executor, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const { numDeletedRows } = await tx.deleteFrom('datasets').where('id', 'in', ids).executeTakeFirst();
  return Number(numDeletedRows);
}

/**
 * Empties stored bodies that name the data subject. An undelivered event must still be delivered with the body it has, and
 * before long it is delivered or given up. Events that list preferences store no body: each attempt renders them from the
 * rows, and leaves out rows that were emptied.
 */
async function redactEvents(tx: Executor, subject: SubjectSearch): Promise<number> {
  const ids = await findEvents(tx, subject);
  await sql`update outbox set body = '' where id = any(${ids}::bigint[])`.execute(tx);
  return ids.length;
}

const EVENTS_AT_ONCE = 1_000;

async function findEvents(db: Executor, subject: SubjectSearch): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const { rows }: { rows: { id: string; body: string }[] } = await sql<{ id: string; body: string }>`
      select id, body from outbox
      where id > ${after}::bigint and delivered_at is not null and ${mayName(subject, sql`body`)}
      order by id limit ${EVENTS_AT_ONCE}`.execute(db);
    found.push(...rows.filter(({ body }) => subject.isNamedIn(body)).map(({ id }) => id));
    after = rows.at(-1)?.id;
  }
  return found;
}
