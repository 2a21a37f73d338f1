/** The results of checking a file, in PostgreSQL. */
import { sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import type { EligibilityResult, EligibilityResults, EligibilityTally } from './eligibility-results.ts';

const PAGE = 5_000;

export function createEligibilityResults({ db }: Database): EligibilityResults {
  return {
    add: (checkId, results) => add(db, checkId, results),
    count: (checkId) => count(db, checkId),
    answeredRows: (checkId) => answeredRows(db, checkId),
    tally: (checkId) => tally(db, checkId),
    list: (checkId) => list(db, checkId),
  };
}

async function add(db: Executor, checkId: string, results: readonly EligibilityResult[]): Promise<void> {
  await sql`
    insert into eligibility_results (check_id, seq, eligible, reason)
    select ${checkId}, seq, eligible, reason from json_to_recordset(${JSON.stringify(results)}::json)
      as r(seq integer, eligible boolean, reason text)
    on conflict do nothing`.execute(db);
}

async function count(db: Executor, checkId: string): Promise<number> {
  const { n } = await db
    .selectFrom('eligibility_results')
    .select((e) => e.fn.countAll<string>().as('n'))
    .where('check_id', '=', checkId)
    .executeTakeFirstOrThrow();
  return Number(n);
}

/** Reads the end of the gapless beginning, and single numbers only for the few rows beyond it. */
async function answeredRows(db: Executor, checkId: string): Promise<(seq: number) => boolean> {
  const { rows } = await sql<{ through: number; seq: number | null }>`
    with numbered as (
      select seq, row_number() over (order by seq) as n from eligibility_results where check_id = ${checkId}
    ), gapless as (select count(*)::int as through from numbered where seq = n)
    select through, seq from gapless left join numbered on seq > n`.execute(db);
  const through = rows[0]?.through ?? 0;
  const beyond = new Set(rows.map(({ seq }) => seq));
  return (seq) => seq <= through || beyond.has(seq);
}

async function tally(db: Executor, checkId: string): Promise<EligibilityTally> {
  const rows = await db
    .selectFrom('eligibility_results')
    .select((e) => ['eligible', 'reason', e.fn.countAll<string>().as('n')])
    .where('check_id', '=', checkId)
    .groupBy(['eligible', 'reason'])
    .execute();
  const counts = rows.map(({ eligible, reason, n }) => ({ eligible, reason, n: Number(n) }));
  return {
    eligible: counts.filter(({ eligible }) => eligible).reduce((sum, { n }) => sum + n, 0),
    ineligible: Object.fromEntries(
      counts.filter(({ eligible }) => !eligible).map(({ reason, n }) => [reason, n]),
    ),
  };
}

async function* list(db: Executor, checkId: string): AsyncIterable<EligibilityResult> {
  for (let after = 0; ; ) {
    const page = await db
      .selectFrom('eligibility_results')
      .select(['seq', 'eligible', 'reason'])
      .where('check_id', '=', checkId)
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(PAGE)
      .execute();
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    after = last.seq;
  }
}
