/** Helpers for tests of pages of a contact import. */
import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { type Opened, plannedRun } from '../ledger/harness.ts';

export function pageHelpers(opened: () => Opened) {
  return {
    planned: (n: number, size = 10, more: object = {}): Promise<Run> =>
      plannedRun(opened().ledger, n, size, { listId: 'L1', source: { dataset: 'd' }, ...more }),

    countExactly: (run: Run) => opened().ledger.runs.exactCounts(run.run_no),

    /** Outcome, evidence, and how many records have them. */
    countEvidence: async (run: Run) => {
      const { rows } = await sql<{ outcome: string; evidence: string | null; n: string }>`
        select outcome, evidence, count(*) as n from outcomes where run_no = ${run.run_no}
        group by 1, 2 order by 1, 2`.execute(opened().database.db);
      return rows.map(({ outcome, evidence, n }) => [outcome, evidence, Number(n)]);
    },
  };
}

/** As if its writes had been failing for longer than the quarter of an hour after which one is given up. */
export async function ageFailures({ database }: Opened, { run_no: runNo }: Run): Promise<void> {
  await sql`update writes set failing_since = now() - interval '16 minutes' where run_no = ${runNo}`.execute(
    database.db,
  );
}

export async function getFailure(work: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApplicationFailure);
  return error as ApplicationFailure;
}
