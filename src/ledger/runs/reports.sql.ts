/** Reports in PostgreSQL. */
import { sql } from 'kysely';
import { SUCCESSES } from '../../domain/run.ts';
import type { Database, Executor } from '../database.ts';
import { HAS_RECORD } from '../writes/has-record.sql.ts';
import {
  type Bucket,
  MAX_MILESTONES,
  type Milestone,
  type Repeats,
  type Reports,
  type SlowBatch,
  type Standstill,
  type WritingPeriod,
} from './reports.ts';

export function createReports({ db }: Database): Reports {
  return {
    writingPeriod: (runNo) => writingPeriod(db, runNo),
    timeline: (runNo, from, widthMs) => timeline(db, runNo, from, widthMs),
    standstills: (runNo, minMs, limit) => standstills(db, runNo, minMs, limit),
    slowest: (runNo, limit) => slowest(db, runNo, limit),
    samples: (runNo, limit) => samples(db, runNo, limit),
    countRepeats: (runNo) => countRepeats(db, runNo),
    milestones: (runId) => milestones(db, runId),
    refusals: (runId, limit) => refusals(db, runId, limit),
  };
}

async function writingPeriod(db: Executor, runNo: number): Promise<WritingPeriod | null> {
  const { rows } = await sql<{ from: Date | null; to: Date | null }>`
    select min(sent_at) as from, max(settled_at) as to from writes
    where run_no = ${runNo} and settled_at is not null and sent_at is not null`.execute(db);
  const { from, to } = rows[0] ?? {};
  return from && to ? { from, to: to < from ? from : to } : null;
}

async function timeline(db: Executor, runNo: number, from: Date, widthMs: number): Promise<Bucket[]> {
  const { rows } = await sql<Bucket>`
    select greatest(0, floor(extract(epoch from w.settled_at - ${from}::timestamptz) * 1000 / ${widthMs}::float8))::int
        as index,
      coalesce(sum(c.records), 0)::int as records, coalesce(sum(c.successes), 0)::int as successes,
      count(w.latency_ms)::int as requests, avg(w.latency_ms)::float8 as "averageMs",
      percentile_disc(0.95) within group (order by w.latency_ms) as "p95Ms",
      sum(greatest(w.attempts - 1, 0))::int as repeats
    from writes w left join lateral (
      select sum(value::int) as records, sum(value::int) filter (where key = any(${[...SUCCESSES]})) as successes
      from json_each_text(w.counts)) c on true
    where w.run_no = ${runNo} and w.settled_at is not null and w.sent_at is not null
    group by 1 order by 1`.execute(db);
  return rows;
}

/** The first writes after a standstill: those that were under way when it began come back within this time. */
const AFTERWARDS = sql`interval '5 seconds'`;
/** Times that long, compared with the median between two settlements, are not the rate of the run. */
const UNCOMMON = 10;

async function standstills(db: Executor, runNo: number, minMs: number, limit: number): Promise<Standstill[]> {
  const { rows } = await sql<Standstill>`
    with settled as (
      select settled_at as "to", lag(settled_at) over (order by settled_at) as "from" from writes
      where run_no = ${runNo} and settled_at is not null and sent_at is not null),
    longest as (
      select s."from", s."to", exists (
        select from writes w where w.run_no = ${runNo} and w.attempts > 1
          and w.settled_at between s."to" and s."to" + ${AFTERWARDS}) as "isRepeated"
      from settled s where s."to" - s."from" >= ${minMs}::float8 * interval '1 millisecond'),
    common as (
      select percentile_disc(0.5) within group (order by "to" - "from") as median from settled where "from" is not null)
    select * from (
      select "from", "to", "isRepeated" from longest, common
      where "isRepeated" or "to" - "from" >= ${UNCOMMON} * common.median
      order by "to" - "from" desc limit ${limit}) found
    order by "from"`.execute(db);
  return rows;
}

async function slowest(db: Executor, runNo: number, limit: number): Promise<SlowBatch[]> {
  const { rows } = await sql<SlowBatch>`
    select batch, kind, cardinality(seqs) as records, latency_ms as "latencyMs", attempts,
      http_status as "httpStatus", settled_at as "settledAt", cxone_id as "cxoneId", cxone_ms as "cxoneMs"
    from writes where run_no = ${runNo} and latency_ms is not null and settled_at is not null
    order by latency_ms desc, id limit ${limit}`.execute(db);
  return rows;
}

/** The first write of the plan is kept, whatever became of it; those that were derived from it came later. */
async function samples(db: Executor, runNo: number, limit: number): Promise<unknown[]> {
  const { rows } = await sql<{ record: unknown }>`
    select r.record from (
      select seqs[1:${limit}::int] as seqs from writes where run_no = ${runNo} order by batch, id limit 1) first,
      unnest(first.seqs) with ordinality as planned (seq, place)
      join records r on r.run_no = ${runNo} and r.seq = planned.seq
    where ${HAS_RECORD} order by place`.execute(db);
  return rows.map(({ record }) => record);
}

async function countRepeats(db: Executor, runNo: number): Promise<Repeats> {
  const { rows } = await sql<Repeats>`
    select coalesce(sum(greatest(attempts - 1, 0)), 0)::int as repeats,
      coalesce(sum(lost_answers), 0)::int as "lostAnswers"
    from writes where run_no = ${runNo}`.execute(db);
  const [found] = rows;
  if (!found) throw new Error(`no repeats of run ${runNo}`);
  return found;
}

/** The actions that concern the run as a whole. Thousands of entries concern single batches. */
const MILESTONES = [
  'run_opened',
  'run_reopened',
  'staged',
  'planned',
  'approval_kept',
  'approval_void',
  'approve',
  'reject',
  'cancel',
  'pause',
  'resume',
  'resolve',
  'steering_refused',
  'run_closed',
];

async function milestones(db: Executor, runId: string): Promise<Milestone[]> {
  const { rows } = await sql<Milestone>`
    select at, action, data from (${entriesOf(runId, MILESTONES)}) entries
    order by is_pending, position limit ${MAX_MILESTONES + 1}`.execute(db);
  return rows;
}

async function refusals(db: Executor, runId: string, limit: number): Promise<Milestone[]> {
  const { rows } = await sql<Milestone>`
    select at, action, data from (${entriesOf(runId, ['steering_refused'])}) entries
    order by is_pending desc, position desc limit ${limit}`.execute(db);
  return rows;
}

/** For ordering by `is_pending` and `position`: all sealed entries are older than the pending ones. */
const entriesOf = (runId: string, actions: readonly string[]) => sql`
  select at, action, data, 0 as is_pending, seq as position from audit
    where run_id = ${runId} and action = any(${[...actions]})
  union all
  select at, action, data, 1, id from audit_pending where run_id = ${runId} and action = any(${[...actions]})`;
