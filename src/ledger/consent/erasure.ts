/**
 * One person out of the ledger, in one transaction: staged rows are emptied, handed-over files that name them are deleted,
 * their proof is keyed away, delivered CRM events lose their text. What stays: the objection, as a keyed hash; counts; the
 * audit, which never named anybody. Rows that a run still needs are left alone and told.
 */
import { sql } from 'kysely';
import { CHANNELS, CLOCK_TOLERANCE_MS } from '../../domain/consent/eligibility.ts';
import type { ErasureResult } from '../../domain/consent/erasure.ts';
import type { ConsentProof } from './proof.ts';
import type { Database, Executor } from '../database.ts';
import { maybeApplied } from '../writes/maybe-applied.ts';
import { rowsOfSubject } from './erasure-search.ts';
import type { Suppressions } from './suppressions.ts';

export interface EraseSubject {
  /** The workflow id: a repeat answers what the first one did. */
  readonly erasureId: string;
  readonly contactId: string;
  /** Datasets that name the person. */
  readonly datasets: readonly string[];
  readonly requestedBy: string | null;
}

export interface ErasureDeps {
  readonly suppressions: Suppressions;
  readonly proof: ConsentProof;
}

export function createErasures({ db }: Database, { suppressions, proof }: ErasureDeps) {
  return {
    async find(erasureId: string): Promise<ErasureResult | null> {
      const row = await db
        .selectFrom('erasures')
        .select('result')
        .where('erasure_id', '=', erasureId)
        .executeTakeFirst();
      return row === undefined ? null : (row.result as ErasureResult);
    },

    /** Everything or nothing. Repeatable by its id. */
    async erase({ erasureId, contactId, datasets, requestedBy }: EraseSubject): Promise<ErasureResult> {
      return db.transaction().execute(async (tx) => {
        // No consent that we have taken can be newer.
        const since = new Date(Date.now() + CLOCK_TOLERANCE_MS).toISOString();
        const objections = CHANNELS.map((channel) => ({ contactId, channel, reason: 'erased', since }));
        await suppressions.add(objections, null, tx);
        await cancelUnsent(tx, contactId);
        const rows = await emptyRecords(tx, contactId);
        const gone = await deleteDatasets(tx, datasets);
        const erased: ErasureResult = {
          records: rows.records,
          runs: rows.runs,
          datasets: gone.deleted,
          proof: await proof.dropKey(contactId, tx),
          events: await redactEvents(tx, contactId),
          suppressed: CHANNELS,
          waitingFor: [
            ...new Set([...rows.waitingFor, ...gone.waitingFor, ...(await stillReading(tx))]),
          ].sort(),
        };
        const result = JSON.stringify(erased);
        await tx.insertInto('erasures').values({ erasure_id: erasureId, result }).execute();
        const data = JSON.stringify({ ...erased, requestedBy });
        await tx
          .insertInto('audit_pending')
          .values({ run_id: erasureId, action: 'subject_erased', data })
          .execute();
        return erased;
      });
    },
  };
}

export type Erasures = ReturnType<typeof createErasures>;

/**
 * A run that failed may never be started again, and if it is, it must not find a row without content: what of theirs it
 * has not sent becomes `cancelled` and leaves its batch. What was sent and not answered stays, to be reconciled.
 * Where the source was not read to its end, the end of the staging counts them.
 */
async function cancelUnsent(tx: Executor, contactId: string): Promise<void> {
  await sql`
    with unsent as (
      select r.run_no, r.seq from records r join runs using (run_no) left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where o.seq is null and runs.state = 'failed' and ${rowsOfSubject(contactId)}
        and not exists (select 1 from writes op where op.run_no = r.run_no and r.seq = any(op.seqs)
          and (op.state in ('sending', 'unanswered', 'in_doubt') or ${maybeApplied('op')}))),
    cancelled as (
      insert into outcomes (run_no, seq, outcome, reasons)
      select run_no, seq, 'cancelled', '[{"code": "erased"}]'::json from unsent),
    counted as (
      update runs set cancelled_records = cancelled_records + n
      from (select run_no, count(*)::int as n from unsent group by run_no) added
      where added.run_no = runs.run_no and runs.total is not null),
    their as (select run_no, array_agg(seq) as seqs from unsent group by run_no),
    emptied as (
      delete from writes op using their
      where op.run_no = their.run_no and op.state = 'planned' and op.seqs <@ their.seqs)
    -- One that was refused as it was goes out as another write.
    update writes op set payload_sha256 = null,
      seqs = array(select seq from unnest(op.seqs) with ordinality as kept(seq, place)
        where not seq = any(their.seqs) order by place)
    from their where op.run_no = their.run_no and op.state = 'planned'
      and op.seqs && their.seqs and not op.seqs <@ their.seqs`.execute(tx);
}

/**
 * What an outcome says stays, its texts go: CXone's messages may quote a row.
 * A row without an outcome is needed by its run for as long as that is under way, or may be started again.
 */
async function emptyRecords(tx: Executor, contactId: string) {
  const { rows } = await sql<{ run_id: string; emptied: number; kept: number }>`
    with theirs as (
      select r.run_no, r.seq, runs.run_id,
        (o.seq is null or o.outcome = 'in_doubt') and runs.state in ('running', 'failed') and not runs.dry_run as needed
      from records r join runs using (run_no) left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where ${rowsOfSubject(contactId)}),
    emptied as (
      update records r set fields = '{"cxflow_erased": true}', key1 = null, key2 = null,
        record = case when r.record is null then null else '{"erased": true}'::json end
      from theirs t where r.run_no = t.run_no and r.seq = t.seq and not t.needed returning r.run_no, r.seq),
    silenced as (
      update outcomes o set reasons = (select json_agg(json_strip_nulls(json_build_object(
          'code', reason->'code', 'field', reason->'field'))) from json_array_elements(o.reasons) reason)
      from emptied e where o.run_no = e.run_no and o.seq = e.seq and o.reasons is not null)
    select run_id, count(*) filter (where not needed)::int as emptied, count(*) filter (where needed)::int as kept
    from theirs group by run_id order by run_id`.execute(tx);
  return {
    records: rows.reduce((sum, { emptied }) => sum + emptied, 0),
    runs: rows.filter(({ emptied }) => emptied > 0).map(({ run_id }) => run_id),
    waitingFor: rows.filter(({ kept }) => kept > 0).map(({ run_id }) => run_id),
  };
}

/** A run under way that has read its source to the end needs the dataset no more; one that failed can be given it again. */
async function deleteDatasets(tx: Executor, ids: readonly string[]) {
  if (ids.length === 0) return { deleted: 0, waitingFor: [] };
  const { rows: readers } = await sql<{ run_id: string; dataset: string }>`
    select run_id, input->'source'->>'dataset' as dataset from runs
    where total is null and state = 'running'
      and input->'source'->>'dataset' = any(${[...ids]}::text[])`.execute(tx);
  const needed = new Set(readers.map(({ dataset }) => dataset));
  const free = ids.filter((id) => !needed.has(id));
  const deleted = free.length === 0 ? 0 : await deleteAll(tx, free);
  return { deleted, waitingFor: readers.map(({ run_id }) => run_id) };
}

/** Runs that are still reading what nobody can look into from here: a file of the worker, or rows on their way. */
async function stillReading(tx: Executor): Promise<string[]> {
  const { rows } = await sql<{ run_id: string }>`
    select run_id from runs where total is null and state = 'running'
      and coalesce(input->'source'->>'path', input->'source'->>'retryOf') is not null`.execute(tx);
  return rows.map(({ run_id }) => run_id);
}

async function deleteAll(tx: Executor, ids: readonly string[]): Promise<number> {
  const { numDeletedRows } = await tx.deleteFrom('datasets').where('id', 'in', ids).executeTakeFirst();
  return Number(numDeletedRows);
}

/**
 * Bodies that stand. Undelivered ones still have to be told as they are; they are delivered or dead before long. Events
 * that list preferences have none: they are rendered from the rows on each try, and leave out those that were emptied.
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
