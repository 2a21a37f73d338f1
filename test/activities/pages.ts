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

    /** The number of records with each outcome and evidence. */
    countEvidence: async (run: Run) => {
      const { rows } = await sql<{ outcome: string; evidence: string | null; n: string }>`
        select outcome, evidence, count(*) as n from outcomes where run_no = ${run.run_no}
        group by 1, 2 order by 1, 2`.execute(opened().database.db);
      return rows.map(({ outcome, evidence, n }) => [outcome, evidence, Number(n)]);
    },
  };
}

/** Makes the run's writes look as if they had been failing for more than the 15 minutes after which a write is given up. */
export async function ageFailures({ database }: Opened, { run_no: runNo }: Run): Promise<void> {
  await sql`update writes set failing_since = now() - interval '16 minutes' where run_no = ${runNo}`.execute(
    database.db,
  );
}

/** Makes the run's writes look as if they had failed 16 minutes ago, and nobody had tried them since. */
export async function pauseFailures({ database }: Opened, { run_no: runNo }: Run): Promise<void> {
  await sql`update writes set failing_since = now() - interval '16 minutes', failed_at = now() - interval '16 minutes'
    where run_no = ${runNo}`.execute(database.db);
}

export async function getFailure(work: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApplicationFailure);
  return error as ApplicationFailure;
}
