/** Governance metrics in PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import { type Measures, VIOLATIONS } from '../../domain/metrics.ts';
import type { Database, Executor } from '../database.ts';
import { settledOutcomes } from './counts.sql.ts';
import type { MeasuredRun, Metrics, MetricsScope, OperationMeasures } from './metrics.ts';

export function createMetrics({ db }: Database): Metrics {
  return {
    byOperation: (scope) => byOperation(db, scope),
    log: (scope, limit) => log(db, scope, limit),
    ofRun: (runNo) => ofRun(db, runNo),
  };
}

/** A run that ends in one of the final states is never changed again. A failed one may still get answers, or a new start. */
export async function storeMeasures(db: Executor, runNo: number): Promise<void> {
  await sql`update runs r set metrics = ${MEASURED} where r.run_no = ${runNo} and r.metrics is null`.execute(
    db,
  );
}

/** Where rows broke a rule before the source was read completely, nobody has counted them yet. */
const BROKEN_ROWS = sql`case when r.staged_counts is null
  then (select count(*) from outcomes o where o.run_no = r.run_no and o.outcome = any(${[...VIOLATIONS]}))
  else (select coalesce(sum(value::int), 0) from json_each_text(r.staged_counts) where key = any(${[...VIOLATIONS]})) end`;

/**
 * An input that our rules refuse after they have seen the campaign. Compared as text, with the message last: it may quote
 * anything, also what PostgreSQL cannot read from JSON.
 */
const REFUSED_INPUT = sql`case when r.state = 'failed' and starts_with(r.failure::text, '{"type":"InvalidInput","breaksRules":true,')
  then 1 else 0 end`;

/** The measures of the row `r` of runs, as JSON. A latency from a second on is rounded to three digits, or there were too many. */
const MEASURED = sql`(
  select json_build_object(
    'records', coalesce(r.total, r.staged_through),
    'outcomes', case when r.purged_counts is null
      then (select json_object_agg(outcome, n) from (${settledOutcomes(sql.ref('r.run_no'))}) settled where n > 0)
      else (select json_object_agg(key, value::int) from json_each_text(r.purged_counts)
        where key not in ('total', 'pending')) end,
    'checked', greatest(coalesce(r.total, r.staged_through), ${REFUSED_INPUT}),
    'violations', ${BROKEN_ROWS} + ${REFUSED_INPUT},
    'requests', coalesce(sum(n), 0), 'latencyMs', coalesce(sum(n_ms), 0),
    'latencies', coalesce(json_object_agg(ms, n) filter (where n > 0), '{}'))
  from (
    select count(*) as n, sum(latency_ms) as n_ms, case when latency_ms < 1000 then latency_ms
      when latency_ms < 10000 then round(latency_ms, -1) else round(latency_ms, -2) end::int as ms
    from writes where run_no = r.run_no and latency_ms is not null group by 3) equal_latencies)`;

/** To be joined to runs `r`: `m` has the measures, as they were stored, or else as they are now. */
export const MEASURES = sql`lateral json_to_record(coalesce(r.metrics, ${MEASURED})) as m(
  records int, outcomes json, checked int, violations int, requests int, "latencyMs" bigint, latencies json)`;

const isIn = ({ since, kind }: MetricsScope): RawBuilder<boolean> => sql<boolean>`(not r.dry_run
  and (${since}::timestamptz is null or r.started_at >= ${since}::timestamptz)
  and (${kind}::text is null or r.kind = ${kind}::text))`;

async function byOperation(db: Executor, scope: MetricsScope): Promise<OperationMeasures[]> {
  const { rows } = await sql<Stored<OperationMeasures>>`
    with measured as materialized (select r.kind, r.state, m.* from runs r, ${MEASURES} where ${isIn(scope)}),
    sums as (
      select kind, count(*)::int as runs, count(*) filter (where state = 'running')::int as running,
        count(*) filter (where state = 'failed')::int as failed, sum(records)::float8 as records,
        sum(checked)::float8 as checked, sum(violations)::float8 as violations, sum(requests)::float8 as requests,
        sum("latencyMs")::float8 as "latencyMs"
      from measured group by kind),
    by_outcome as (
      select kind, json_object_agg(key, n) as outcomes from (
        select kind, key, sum(value::int) as n from measured, json_each_text(outcomes) group by 1, 2) each group by 1),
    by_latency as (
      select kind, json_object_agg(key, n) as latencies from (
        select kind, key, sum(value::int) as n from measured, json_each_text(latencies) group by 1, 2) each group by 1)
    select * from sums left join by_outcome using (kind) left join by_latency using (kind) order by kind`.execute(
    db,
  );
  return rows.map(toMeasures);
}

async function log(db: Executor, scope: MetricsScope, limit: number): Promise<MeasuredRun[]> {
  const { rows } = await sql<Stored<MeasuredRun>>`
    select r.run_id as "runId", r.kind, r.target, r.state, r.phase, r.started_at as "startedAt", m.*
    from (select * from runs r where ${isIn(scope)} order by r.started_at desc, r.run_no desc limit ${limit}) r,
      ${MEASURES} order by r.started_at desc, r.run_no desc`.execute(db);
  return rows.map(toMeasures);
}

async function ofRun(db: Executor, runNo: number): Promise<Measures> {
  const { rows } = await sql<Stored<Measures>>`select m.* from runs r, ${MEASURES}
    where r.run_no = ${runNo}`.execute(db);
  const [measured] = rows;
  if (!measured) throw new Error(`run ${runNo} is not in the ledger`);
  return toMeasures(measured);
}

type Stored<T extends Measures> = Omit<T, 'outcomes' | 'latencies' | 'latencyMs'> & {
  readonly outcomes: T['outcomes'] | null;
  readonly latencies: T['latencies'] | null;
  readonly latencyMs: number | string;
};

function toMeasures<T extends Measures>({ outcomes, latencies, latencyMs, ...row }: Stored<T>): T {
  return { ...row, outcomes: outcomes ?? {}, latencies: latencies ?? {}, latencyMs: Number(latencyMs) } as T;
}
