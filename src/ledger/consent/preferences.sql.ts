/** The records of preference updates in PostgreSQL. */
import { sql } from 'kysely';
import type { Reason } from '../../domain/run.ts';
import type { Database, Executor } from '../database.ts';
import { fenced } from '../fence.ts';
import type { DuplicateRow } from '../runs/records.ts';
import type { InSettleTransaction } from '../writes/settlements.ts';
import type { Preferences, SettledPreference, UnprovenBatch } from './preferences.ts';

const PAGE = 2_000;

export function createPreferences({ db }: Database): Preferences {
  return {
    listDuplicateRows: (runNo) => listDuplicateRows(db, runNo),
    replaceSharedKeys: (run, replace) =>
      fenced(db, run, (tx, runNo) => replaceSharedKeys(tx, runNo, replace)),
    countSharedKeys: (runNo) => countSharedKeys(db, runNo),
    listUnsentOptOuts: (runNo, withoutCode) => listUnsentOptOuts(db, runNo, withoutCode),
    addReason: (runNo, seqs, reason) => addReason(db, runNo, seqs, reason),
    listUnprovenBatches: (runNo) => listUnprovenBatches(db, runNo),
    markProven: (writeId, store) => db.transaction().execute((tx) => markProven(tx, writeId, store)),
    listSettledBy: (runNo, writeId) => listSettledBy(db, runNo, writeId),
  };
}

/** PostgreSQL sorts on disk, and only two numbers per duplicate row are read. */
async function* listDuplicateRows(db: Executor, runNo: number): AsyncIterable<DuplicateRow> {
  const { rows } = await sql<{ seqs: number[]; lines: number[] }>`
    select array_agg(seq order by seq) as seqs, array_agg(winner order by seq) as lines from (
      select seq, row_number() over newest as place, first_value(line) over newest as winner
      from records where run_no = ${runNo} and record is not null and key1 is not null
      window newest as (partition by key1 order by key2 collate "C" desc, seq)) ranked
    where place > 1 and not exists
      (select 1 from outcomes o where o.run_no = ${runNo} and o.seq = ranked.seq and o.outcome <> 'duplicate')
    group by seq / ${PAGE}::int order by min(seq)`.execute(db);
  for (const { seqs, lines } of rows) {
    for (const [index, seq] of seqs.entries()) {
      const message = `line ${lines[index]} is newer`;
      yield { seq, reason: { code: 'duplicate_in_source', field: 'contactId, channel', message } };
    }
  }
}

/** Only the numbers are kept for all of them. Rows that an erasure empties meanwhile have no key any more. */
async function replaceSharedKeys(
  tx: Executor,
  runNo: number,
  replace: (record: unknown) => unknown,
): Promise<void> {
  const shared = await sql<{ seqs: number[] }>`
    select array_agg(seq order by seq) as seqs from (
      select r.seq, count(*) over (partition by r.record->>'idempotencyKey') as n
      from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where r.run_no = ${runNo} and o.seq is null and r.record->>'idempotencyKey' is not null) keys
    where n > 1 group by seq / ${PAGE}::int order by min(seq)`.execute(tx);
  for (const { seqs } of shared.rows) {
    const { rows } = await sql<{ seq: number; record: unknown }>`
      select seq, record from records where run_no = ${runNo} and seq = any(${seqs}::int[])
        and record->>'idempotencyKey' is not null for update`.execute(tx);
    const replaced = rows.map(({ seq, record }) => ({ seq, record: replace(record) }));
    await sql`
      update records r set record = e->'record' from json_array_elements(${JSON.stringify(replaced)}::json) e
      where r.run_no = ${runNo} and r.seq = (e->>'seq')::int`.execute(tx);
  }
}

async function countSharedKeys(db: Executor, runNo: number): Promise<number> {
  const { rows } = await sql<{ n: string }>`
    select count(*) as n from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
    where r.run_no = ${runNo} and o.seq is null and r.record->>'sharedKey' = 'true'`.execute(db);
  return Number(rows[0]?.n ?? 0);
}

async function* listUnsentOptOuts(
  db: Executor,
  runNo: number,
  withoutCode: string,
): AsyncIterable<readonly number[]> {
  for (let after = 0; ; ) {
    const { rows } = await sql<{ seq: number }>`
      select r.seq
      from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where r.run_no = ${runNo} and r.seq > ${after} and r.record->>'optIn' = 'false'
        and (o.seq is null or o.outcome in ('cancelled', 'in_doubt'))
        and not exists (select from json_array_elements(o.reasons) each where each->>'code' = ${withoutCode})
      order by r.seq limit ${PAGE}`.execute(db);
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map(({ seq }) => seq);
    after = last.seq;
  }
}

async function addReason(
  db: Executor,
  runNo: number,
  seqs: readonly number[],
  reason: Reason,
): Promise<void> {
  await sql`
    update outcomes set reasons = (coalesce(reasons, '[]')::jsonb || ${JSON.stringify([reason])}::jsonb)::json
    where run_no = ${runNo} and seq = any(${[...seqs]}::int[])`.execute(db);
}

async function listUnprovenBatches(db: Executor, runNo: number): Promise<UnprovenBatch[]> {
  const { rows } = await sql<UnprovenBatch>`
    select w.id as "writeId", w.batch, w.kind, w.refs, w.http_status as "httpStatus",
      w.sent_at as "sentAt", json_agg(json_build_object('seq', r.seq, 'record', r.record, 'outcome', o.outcome,
        'evidence', o.evidence, 'codes', coalesce(
          (select json_agg(reason->>'code') from json_array_elements(o.reasons) reason), '[]')) order by r.seq) as records
    from outcomes o join writes w on w.id = o.write_id and w.run_no = o.run_no
      join records r on r.run_no = o.run_no and r.seq = o.seq
    where o.run_no = ${runNo} and w.refs->>'proved' is null
      and ((w.state = 'left' and o.outcome = 'in_doubt') or (w.state = 'settled' and o.evidence = 'late_answer'))
    group by w.id order by w.id`.execute(db);
  return rows;
}

async function markProven(tx: Executor, writeId: string, store: InSettleTransaction): Promise<void> {
  const { rows } = await sql`
    update writes set refs = (coalesce(refs::jsonb, '{}') || '{"proved": true}')::json
    where id = ${writeId}::bigint and refs->>'proved' is null returning id`.execute(tx);
  if (rows.length > 0) await store(tx);
}

async function listSettledBy(db: Executor, runNo: number, writeId: string): Promise<SettledPreference[]> {
  const { rows } = await sql<SettledPreference>`
    select r.record, o.outcome, o.cxone_id as "cxoneId", coalesce(
      (select json_agg(reason->>'code') from json_array_elements(o.reasons) reason), '[]'::json) as codes
    from writes w, unnest(w.seqs) as batch(seq)
      join outcomes o on o.run_no = ${runNo} and o.seq = batch.seq
      join records r on r.run_no = ${runNo} and r.seq = batch.seq
    where w.id = ${writeId}::bigint and w.run_no = ${runNo} and o.write_id = w.id
    order by r.seq`.execute(db);
  return rows;
}
