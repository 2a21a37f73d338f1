/** Records of operations that rank them, in PostgreSQL, which sorts on disk. */
import { type RawBuilder, sql } from 'kysely';
import type { Reason } from '../../domain/run.ts';
import type { Executor } from '../database.ts';
import { oneAtATime } from '../locks.ts';
import { HAS_RECORD } from '../writes/has-record.sql.ts';
import { byRank } from '../writes/rank.sql.ts';
import { PAGE, PAGE_BYTES } from './pages.ts';
import type { PendingRecord, RankedCandidate } from './records.ts';

/** `records r` of the run without an outcome. */
const pending = (runNo: number): RawBuilder<unknown> => sql`
  records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
  where r.run_no = ${runNo} and o.seq is null`;

/**
 * Two records share a key if it occurs in different ones; a record may name it twice. The arrays have the numbers of a page
 * each, because an object for each of a million candidates takes too much memory.
 */
export async function* listRankedCandidates(db: Executor, runNo: number): AsyncIterable<RankedCandidate> {
  const pages = await sql<{ seqs: number[] }>`
    with keyed as (
      select r.seq, key from (select r.seq, r.keys from ${pending(runNo)} and r.keys is not null) r, unnest(r.keys) key),
    shared as (
      select distinct seq from (
        select seq, min(seq) over same_key <> max(seq) over same_key as is_shared
        from keyed window same_key as (partition by key)) found
      where is_shared),
    ranked as (
      select r.seq, row_number() over (order by ${byRank('r')}) as place
      from records r join shared using (seq) where r.run_no = ${runNo})
    select array_agg(seq order by place) as seqs from ranked
    group by (place - 1) / ${PAGE}::int order by min(place)`.execute(db);
  for (const { seqs } of pages.rows) {
    const { rows } = await sql<RankedCandidate>`
      select seq, r.line, r.keys from unnest(${seqs}::int[]) with ordinality page (seq, place) join records r using (seq)
      where r.run_no = ${runNo} and r.keys is not null order by place`.execute(db);
    yield* rows;
  }
}

export async function cancelBeyond(tx: Executor, runNo: number, room: number, reason: Reason): Promise<void> {
  // As the planner does: once there are writes, every pending record is in one of them.
  await oneAtATime(tx, runNo);
  await sql`
    with cancelled as (
      insert into outcomes (run_no, seq, outcome, reasons)
      select ${runNo}, seq, 'cancelled', ${JSON.stringify([reason])}::json from (
        select r.seq, row_number() over (order by ${byRank('r')}) as place from ${pending(runNo)}) ranked
      where place > ${room}::int and not exists (select from writes where run_no = ${runNo})
      on conflict do nothing returning 1)
    update runs set cancelled_records = cancelled_records + (select count(*) from cancelled)
    where run_no = ${runNo} and exists (select from cancelled)`.execute(tx);
}

export function listPending(db: Executor, runNo: number): AsyncIterable<PendingRecord> {
  return listByPages(
    db,
    runNo,
    (after, to) => sql`not exists (
    select from outcomes o where o.run_no = ${runNo} and o.seq = r.seq and o.seq > ${after} and o.seq <= ${to})`,
  );
}

export function listCreated(db: Executor, runNo: number): AsyncIterable<PendingRecord> {
  return listByPages(
    db,
    runNo,
    (after, to) => sql`exists (
    select from outcomes o where o.run_no = ${runNo} and o.seq = r.seq and o.seq > ${after} and o.seq <= ${to}
      and o.outcome = 'created')`,
  );
}

/** Page by page of the numbers, which have no gaps: otherwise the database would join the whole run for each page. */
async function* listByPages(
  db: Executor,
  runNo: number,
  isListed: (after: number, to: number) => RawBuilder<unknown>,
): AsyncIterable<PendingRecord> {
  const { staged_through: end } = await db
    .selectFrom('runs')
    .select('staged_through')
    .where('run_no', '=', runNo)
    .executeTakeFirstOrThrow();
  for (let after = 0; after < end; ) {
    const to = after + PAGE;
    const { rows } = await sql<PendingRecord & { bytes: string }>`
      select seq, record, bytes from (
        select seq, record, size, sum(size) over (order by seq) as bytes from (
          select r.seq, r.record, octet_length(r.record::text) as size from records r
          where r.run_no = ${runNo} and r.seq > ${after} and r.seq <= ${to} and ${HAS_RECORD}
            and ${isListed(after, to)}) page) measured
      where bytes - size < ${PAGE_BYTES} order by seq`.execute(db);
    for (const { seq, record } of rows) yield { seq, record };
    const last = rows.at(-1);
    after = last && Number(last.bytes) >= PAGE_BYTES ? last.seq : to;
  }
}

const BUCKETS = 10;

export async function countScores(db: Executor, runNo: number): Promise<readonly number[]> {
  const { rows } = await sql<{ bucket: number; n: number }>`
    select greatest(0, least(${BUCKETS}::int - 1, floor(r.score / 10)))::int as bucket, count(*)::int as n
    from ${pending(runNo)} and r.score is not null group by 1`.execute(db);
  const counts = Array.from({ length: BUCKETS }, () => 0);
  for (const { bucket, n } of rows) counts[bucket] = n;
  return counts;
}
