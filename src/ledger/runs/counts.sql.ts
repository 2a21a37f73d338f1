/** How many records of a run have which outcome. */
import { type RawBuilder, sql } from 'kysely';
import { type Counts, isConserved, OUTCOMES, type Outcome, sumOutcomes } from '../../domain/run.ts';
import type { Executor } from '../database.ts';

/** `outcome` and `n` of one run, by the counts that staging, the end of the run and each write have stored. */
export const settledOutcomes = (runNo: RawBuilder<unknown>) => sql`
  select outcome, sum(n) as n from (
    select key as outcome, value::int as n from runs, json_each_text(staged_counts) where run_no = ${runNo}
    union all
    select 'cancelled', cancelled_records from runs where run_no = ${runNo}
    union all
    -- Many writes have equal counts, such as {"created": 100}. Parsing each text once keeps a million records fast.
    select key, value::int * writes from (
      select counts::text, count(*) as writes from writes
      where run_no = ${runNo} and counts is not null group by 1) equal_counts,
      json_each_text(equal_counts.counts::json)) stored
  group by outcome`;

/** By what was settled. */
export async function countSettled(db: Executor, runNo: number): Promise<Counts> {
  const [counts] = await countSettledOf(db, [runNo]);
  return counts as Counts;
}

/** In the order of the numbers. */
export async function countSettledOf(db: Executor, runNos: readonly number[]): Promise<Counts[]> {
  const { rows } = await sql<SettledRun>`
    select r.run_no, coalesce(r.total, r.staged_through) as total, r.purged_counts, (
      select json_object_agg(outcome, n) from (${settledOutcomes(sql.ref('r.run_no'))}) settled where n > 0
    ) as settled
    from runs r where r.run_no = any(${runNos}::int[])`.execute(db);
  const byRun = new Map(rows.map((row) => [row.run_no, toCounts(row)]));
  return runNos.map((runNo) => {
    const counts = byRun.get(runNo);
    if (!counts) throw new Error(`there is no run ${runNo}`);
    return counts;
  });
}

interface SettledRun {
  readonly run_no: number;
  readonly total: number;
  readonly purged_counts: Counts | null;
  readonly settled: Partial<Record<Outcome, number>> | null;
}

function toCounts({ total, purged_counts: purged, settled }: SettledRun): Counts {
  if (purged !== null) return purged;
  const outcomes: Partial<Record<Outcome, number>> = {};
  for (const outcome of OUTCOMES) {
    const n = settled?.[outcome];
    if (n !== undefined) outcomes[outcome] = n;
  }
  return { total, pending: total - sumOutcomes(outcomes), ...outcomes };
}

/** By the outcomes of the records. */
export async function countOutcomesOfRun(db: Executor, runNo: number): Promise<Counts> {
  const { rows } = await sql<{
    total: number;
    parts: Partial<Record<Outcome | 'pending', number>> | null;
  }>`
    select coalesce(total, staged_through) as total, (
      select json_object_agg(outcome, n) from (
        select coalesce(o.outcome, 'pending') as outcome, count(*) as n
        from (select seq from records where run_no = ${runNo}) r
        full join (select seq, outcome from outcomes where run_no = ${runNo}) o using (seq)
        group by 1) settled) as parts
    from runs where run_no = ${runNo}`.execute(db);
  const { total, parts } = rows[0] ?? { total: 0, parts: null };
  const counts: Counts = { total, ...parts, pending: parts?.pending ?? 0 };
  // A record was lost, or an outcome has no record: no count at all is better than a wrong one.
  if (!isConserved(counts)) throw new Error(`the outcomes of run ${runNo} do not add up to its total`);
  return counts;
}
