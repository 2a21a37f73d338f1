/** What a report draws, reckoned by PostgreSQL: a run of a million records is ten thousand writes and 80 buckets. */
import { sql } from 'kysely';
import { SUCCESSES } from '../../domain/run.ts';
import type { Database } from '../database.ts';

/** A stretch of the writing. Records count where their write was settled. */
export interface Bucket {
  /** From 0; buckets in which nothing was settled are left out. */
  readonly index: number;
  readonly records: number;
  readonly successes: number;
  readonly requests: number;
  /** null: no answer came in it. */
  readonly averageMs: number | null;
  readonly p95Ms: number | null;
  /** Claims beyond the first of what was settled here: refused for now (429), or an answer that was lost. */
  readonly repeats: number;
}

export interface Writing {
  readonly from: Date;
  readonly to: Date;
}

export interface SlowBatch {
  readonly batch: number;
  readonly kind: string;
  readonly records: number;
  readonly latencyMs: number;
  readonly attempts: number;
  readonly httpStatus: number | null;
  readonly settledAt: Date;
}

/** An entry of the audit, sealed or not yet. */
export interface Milestone {
  readonly at: Date;
  readonly action: string;
  readonly data: unknown;
}

/** What happened to the run as a whole, and who said so: not the thousands of batches. */
const MILESTONES = [
  'run_opened',
  'run_reopened',
  'staged',
  'planned',
  'approve',
  'reject',
  'cancel',
  'pause',
  'resume',
  'resolve',
  'steering_refused',
  'run_closed',
];
export const MAX_MILESTONES = 500;

export function createReports({ db }: Database) {
  return {
    /** From the first request to the last settle; null: nothing was written. */
    async writingPeriod(runNo: number): Promise<Writing | null> {
      const { rows } = await sql<{ from: Date | null; to: Date | null }>`
        select min(sent_at) as from, max(settled_at) as to from writes
        where run_no = ${runNo} and settled_at is not null and sent_at is not null`.execute(db);
      const { from, to } = rows[0] ?? {};
      return from && to ? { from, to: to < from ? from : to } : null;
    },

    /** `widthMs` > 0. */
    async timeline(runNo: number, from: Date, widthMs: number): Promise<Bucket[]> {
      const { rows } = await sql<Bucket>`
        select greatest(0, floor(extract(epoch from o.settled_at - ${from}::timestamptz) * 1000 / ${widthMs}::float8))::int
            as index,
          coalesce(sum(c.records), 0)::int as records, coalesce(sum(c.successes), 0)::int as successes,
          count(*)::int as requests, avg(o.latency_ms)::float8 as "averageMs",
          percentile_cont(0.95) within group (order by o.latency_ms) as "p95Ms",
          sum(greatest(o.attempts - 1, 0))::int as repeats
        from writes o left join lateral (
          select sum(value::int) as records, sum(value::int) filter (where key = any(${[...SUCCESSES]})) as successes
          from json_each_text(o.counts)) c on true
        where o.run_no = ${runNo} and o.settled_at is not null and o.sent_at is not null
        group by 1 order by 1`.execute(db);
      return rows;
    },

    async slowest(runNo: number, limit: number): Promise<SlowBatch[]> {
      const { rows } = await sql<SlowBatch>`
        select batch, kind, cardinality(seqs) as records, latency_ms as "latencyMs", attempts,
          http_status as "httpStatus", settled_at as "settledAt"
        from writes where run_no = ${runNo} and latency_ms is not null and settled_at is not null
        order by latency_ms desc, id limit ${limit}`.execute(db);
      return rows;
    },

    /** Claims that were repeated, and answers that never came. */
    async countRepeats(runNo: number): Promise<{ repeats: number; lostAnswers: number }> {
      const { rows } = await sql<{ repeats: number; lostAnswers: number }>`
        select coalesce(sum(greatest(attempts - 1, 0)), 0)::int as repeats,
          coalesce(sum(lost_answers), 0)::int as "lostAnswers"
        from writes where run_no = ${runNo}`.execute(db);
      return rows[0] ?? { repeats: 0, lostAnswers: 0 };
    },

    /** In the order in which it happened; the first 500, and one more where there are more. */
    async milestones(runId: string): Promise<Milestone[]> {
      const { rows } = await sql<Milestone>`
        select at, action, data from (
          select at, action, data, 0 as unsealed, seq as n from audit
            where run_id = ${runId} and action = any(${MILESTONES})
          union all
          select at, action, data, 1, id from audit_pending where run_id = ${runId} and action = any(${MILESTONES})) entries
        order by unsealed, n limit ${MAX_MILESTONES + 1}`.execute(db);
      return rows;
    },
  };
}

export type Reports = ReturnType<typeof createReports>;
