/** The records and their outcomes in PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { Reason } from '../../domain/run.ts';
import type { Database, Executor } from '../database.ts';
import { fenced } from '../fence.ts';
import { oneAtATime } from '../locks.ts';
import { PAGE, PAGE_BYTES } from './pages.ts';
import { cancelBeyond, countScores, listCreated, listPending, listRankedCandidates } from './ranked.sql.ts';
import type {
  DuplicateCandidate,
  KeyedRecord,
  OutcomeFilter,
  ReasonCount,
  Records,
  SettledRecord,
  SettledRow,
} from './records.ts';
import { stageRecords } from './staging.sql.ts';

export function createRecords({ db, pool }: Database): Records {
  return {
    stage: (run, chunk) => stageRecords(pool, run, chunk),
    listDuplicateCandidates: (runNo) => listDuplicateCandidates(db, runNo),
    listRankedCandidates: (runNo) => listRankedCandidates(db, runNo),
    settleStaged: (run, rows) => fenced(db, run, (tx, runNo) => settleStaged(tx, runNo, rows)),
    returnUnplanned: (run, cancelled) =>
      fenced(db, run, (tx, runNo) => returnUnplanned(tx, runNo, cancelled)),
    finishStaging: (run) => fenced(db, run, finishStaging),
    cancelPending: (run, reason) => fenced(db, run, (tx, runNo) => cancelPending(tx, runNo, reason)),
    cancelBeyond: (run, room, reason) =>
      fenced(db, run, (tx, runNo) => cancelBeyond(tx, runNo, room, reason)),
    countConvertedPhones: (runNo) => countConvertedPhones(db, runNo),
    countPendingContacts: (runNo) => countPendingContacts(db, runNo),
    list: (runNo, outcome) => listRecords(db, runNo, outcome),
    listByKey: (runNo, key1) => listByKey(db, runNo, key1),
    listPending: (runNo) => listPending(db, runNo),
    listCreated: (runNo) => listCreated(db, runNo),
    countScores: (runNo) => countScores(db, runNo),
    hasCxoneIds: (runNo) => hasCxoneIds(db, runNo),
    countReasons: (runNo) => countReasons(db, runNo),
  };
}

async function* listDuplicateCandidates(db: Executor, runNo: number): AsyncIterable<DuplicateCandidate> {
  // Only the numbers are kept, in arrays of a page each: an object for each of a million candidates takes too much memory.
  const shared = await sql<{ seqs: number[] }>`
    select array_agg(seq order by seq) as seqs from (
      select seq, count(*) over (partition by key1) n1, count(*) over (partition by key2) n2
      from records where run_no = ${runNo} and record is not null and key1 is not null) keys
    where n1 > 1 or n2 > 1 group by seq / ${PAGE}::int order by min(seq)`.execute(db);
  for (const { seqs } of shared.rows) {
    const { rows } = await sql<DuplicateCandidate>`
      select seq, line, key1, key2 from records
      where run_no = ${runNo} and seq = any(${seqs}::int[]) order by seq`.execute(db);
    yield* rows;
  }
}

/** Once the staging has ended, what it has settled is stored as counts, and a later settlement adds to them. */
async function settleStaged(tx: Executor, runNo: number, rows: readonly SettledRow[]): Promise<void> {
  // As the planner does: whatever is in a write is settled with it.
  await oneAtATime(tx, runNo);
  await sql`
    with settled as (
      insert into outcomes (run_no, seq, outcome, reasons)
      select ${runNo}, seq, outcome, reasons
      from json_to_recordset(${JSON.stringify(rows)}::json) as row(seq int, outcome text, reasons json)
      where not exists (select from writes where run_no = ${runNo})
      on conflict do nothing returning outcome)
    update runs set staged_counts = (
      select json_object_agg(outcome, n) from (
        select outcome, sum(n) as n from (
          select key as outcome, value::int as n from json_each_text(staged_counts)
          union all select outcome, 1 from settled) counted group by outcome) counts)
    where run_no = ${runNo} and total is not null and exists (select from settled)`.execute(tx);
}

async function returnUnplanned(tx: Executor, runNo: number, { code }: Reason): Promise<void> {
  // As the planner does: whatever is in a write is settled with it.
  await oneAtATime(tx, runNo);
  const { rows } = await sql`
    with returned as (
      delete from outcomes o using records r
      where o.run_no = ${runNo} and r.run_no = o.run_no and r.seq = o.seq and r.keys is not null
        and (o.outcome = 'duplicate' or (o.outcome = 'cancelled' and o.reasons->0->>'code' = ${code}))
        and not exists (select from writes where run_no = ${runNo})
      returning o.outcome)
    update runs set cancelled_records = cancelled_records - (select count(*) from returned where outcome = 'cancelled')
    where run_no = ${runNo} and exists (select from returned) returning run_no`.execute(tx);
  if (rows.length === 0) return;
  await sql`update runs set staged_counts = ${countStaged(runNo)}
    where run_no = ${runNo} and total is not null`.execute(tx);
}

async function finishStaging(db: Executor, runNo: number): Promise<void> {
  await sql`
    update runs set total = staged_through, staged_counts = ${countStaged(runNo)}
    where run_no = ${runNo} and total is null`.execute(db);
}

/** What has been settled so far, without what the end of the run has cancelled. An erasure may cancel rows while staging. */
const countStaged = (runNo: number) => sql`coalesce(
  (select json_object_agg(outcome, n) from
    (select outcome, count(*) - case when outcome = 'cancelled'
        then (select cancelled_records from runs where run_no = ${runNo}) else 0 end as n
      from outcomes where run_no = ${runNo} group by outcome) settled where n > 0), '{}'::json)`;

/** Also of a run that was still being staged. */
async function cancelPending(db: Executor, runNo: number, reason: Reason): Promise<void> {
  await sql`
    with cancelled as (
      insert into outcomes (run_no, seq, outcome, reasons)
      select ${runNo}, r.seq, 'cancelled', ${JSON.stringify([reason])}::json
      from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where r.run_no = ${runNo} and o.seq is null
      on conflict do nothing returning 1)
    update runs set cancelled_records = cancelled_records + (select count(*) from cancelled),
      staged_counts = case when total is null then ${countStaged(runNo)} else staged_counts end
    where run_no = ${runNo}`.execute(db);
}

async function countConvertedPhones(db: Executor, runNo: number): Promise<number> {
  const { rows } = await sql<{ n: string }>`
    select count(*) as n from records r left join outcomes o using (run_no, seq)
    where r.run_no = ${runNo} and o.seq is null and exists (
      select from regexp_matches(r.record::text, ${'"(\\+[1-9][0-9]{1,14})"'}, 'g') found (number)
      where position(found.number[1] in r.fields::text) = 0)`.execute(db);
  return Number(rows[0]?.n ?? 0);
}

async function countPendingContacts(db: Executor, runNo: number) {
  const { rows } = await sql<{ pending: string; with_guid: string }>`
    select count(*) as pending,
      count(*) filter (where r.record->>'contactId' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') as with_guid
    from records r left join outcomes o using (run_no, seq)
    where r.run_no = ${runNo} and o.seq is null`.execute(db);
  return { pending: Number(rows[0]?.pending ?? 0), withGuid: Number(rows[0]?.with_guid ?? 0) };
}

/** `only`: a condition on `records r`. */
export async function* listRecords(
  db: Executor,
  runNo: number,
  outcome?: OutcomeFilter,
  only: RawBuilder<boolean> = sql<boolean>`true`,
): AsyncIterable<SettledRecord> {
  const wanted = outcome === undefined ? null : [outcome].flat();
  for (let after = 0; ; ) {
    const { rows } = await sql<SettledRecord>`
      select seq, line, fields, outcome, reasons, evidence, cxone_id as "cxoneId" from (
        select *, sum(size) over (order by seq) - size as bytes_before from (
          select r.seq, r.line, r.fields, coalesce(o.outcome, 'pending') as outcome,
            coalesce(o.reasons, '[]'::json) as reasons, o.evidence, o.cxone_id, octet_length(r.fields::text) as size
          from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
          where r.run_no = ${runNo} and r.seq > ${after}
            and (${wanted}::text[] is null or coalesce(o.outcome, 'pending') = any(${wanted}::text[])) and ${only}
          order by r.seq limit ${PAGE}) page) measured
      where bytes_before < ${PAGE_BYTES} order by seq`.execute(db);
    yield* rows;
    const last = rows.at(-1);
    if (!last) return;
    after = last.seq;
  }
}

async function listByKey(db: Executor, runNo: number, key1: string): Promise<KeyedRecord[]> {
  const { rows } = await sql<KeyedRecord>`
    select r.seq, r.line, r.fields, r.record, coalesce(o.outcome, 'pending') as outcome,
      coalesce(o.reasons, '[]'::json) as reasons, o.evidence, o.cxone_id as "cxoneId"
    from records r left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
    where r.run_no = ${runNo} and r.key1 = ${key1} order by r.seq`.execute(db);
  return rows;
}

async function hasCxoneIds(db: Executor, runNo: number): Promise<boolean> {
  const { rows } = await sql<{ has: boolean }>`
    select exists (select from outcomes where run_no = ${runNo} and cxone_id is not null) as has`.execute(db);
  return rows[0]?.has === true;
}

async function countReasons(db: Executor, runNo: number): Promise<ReasonCount[]> {
  const { rows } = await sql<Omit<ReasonCount, 'n'> & { n: string }>`
    select outcome, reason->>'code' as code, reason->>'field' as field, count(*) as n
    from outcomes, json_array_elements(reasons) reason where run_no = ${runNo}
    group by 1, 2, 3 order by n desc, 1, 2, 3`.execute(db);
  return rows.map((row) => ({ ...row, n: Number(row.n) }));
}
