/** What `preferences check FILE` found, row by row: numbers and reasons; the rows themselves stay in their dataset. */
import { sql } from 'kysely';
import type { Database } from '../database.ts';

export interface EligibilityResult {
  /** Number of the row, from 1. */
  readonly seq: number;
  readonly eligible: boolean;
  readonly reason: string;
}
export interface EligibilityTally {
  readonly eligible: number;
  /** Reason → rows, of those not eligible. */
  readonly ineligible: Readonly<Record<string, number>>;
}

const PAGE = 5_000;

export function createEligibilityResults({ db }: Database) {
  return {
    /** Repeatable: a row that has its result keeps it. */
    async add(checkId: string, results: readonly EligibilityResult[]): Promise<void> {
      await sql`
        insert into eligibility_results (check_id, seq, eligible, reason)
        select ${checkId}, seq, eligible, reason from json_to_recordset(${JSON.stringify(results)}::json)
          as r(seq integer, eligible boolean, reason text)
        on conflict do nothing`.execute(db);
    },

    /** How many rows have their result. */
    async count(checkId: string): Promise<number> {
      const { n } = await db
        .selectFrom('eligibility_results')
        .select((e) => e.fn.countAll<string>().as('n'))
        .where('check_id', '=', checkId)
        .executeTakeFirstOrThrow();
      return Number(n);
    },

    /** Which rows have their result, as of now. Without gaps up to some row, and the few beyond it one by one. */
    async answeredRows(checkId: string): Promise<(seq: number) => boolean> {
      const { rows } = await sql<{ through: number; seq: number | null }>`
        with numbered as (
          select seq, row_number() over (order by seq) as n from eligibility_results where check_id = ${checkId}
        ), known as (select count(*)::int as through from numbered where seq = n)
        select through, seq from known left join numbered on seq > n`.execute(db);
      const through = rows[0]?.through ?? 0;
      const beyond = new Set(rows.map(({ seq }) => seq));
      return (seq) => seq <= through || beyond.has(seq);
    },

    async tally(checkId: string): Promise<EligibilityTally> {
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
    },

    /** In the order of the rows, a page at a time. */
    async *list(checkId: string): AsyncIterable<EligibilityResult> {
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
    },
  };
}

export type EligibilityResults = ReturnType<typeof createEligibilityResults>;
