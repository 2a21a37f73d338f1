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

export async function getFailure(work: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApplicationFailure);
  return error as ApplicationFailure;
}
