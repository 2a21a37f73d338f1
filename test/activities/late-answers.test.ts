/** An answer that comes when its write is in doubt already: seen by who decides, and nobody resends what was applied. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { ledgerOfFile, plannedRun } from '../ledger/harness.ts';
import { fakeCxone, perform, wholeOf, workerOf, writeAll } from './harness.ts';

const opened = ledgerOfFile();
/** A tenant that may take a contact twice: a lost answer is a doubt. */
const DOUBLING = { duplicatesRefused: false } as const;

/**
 * A worker that stood still for longer than its lease while CXone answered: another one has put the batch in doubt by
 * the time that it goes on.
 */
async function stoodStill(answer: 'created' | 'partly' = 'created') {
  const { ledger, database } = opened();
  const run = await plannedRun(ledger, 10, 10, { listId: 'L1', source: { dataset: 'd' } });
  const cxone = fakeCxone({
    after: async (n) => {
      if (n !== 1) return;
      await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
        database.db,
      );
      await workerOf(ledger, cxone.cxone, DOUBLING).writePage(wholeOf(run));
      expect(await counts(run)).toEqual({ total: 10, pending: 0, in_doubt: 10 });
    },
    ...(answer === 'partly' && {
      answer: (_, ids) => {
        const named = {
          index: 0,
          severity: 'error',
          contactId: ids[0] ?? '',
          recordId: null,
          code: 'X',
        } as const;
        const all = [{ ...named, field: null, message: null }];
        return { kind: 'created', status: 200, recordsCreated: 9, named: all, notes: [], requestId: 'r' };
      },
    }),
  });
  const worker = workerOf(ledger, cxone.cxone, DOUBLING);
  await worker.writePage(wholeOf(run));
  return { run, cxone, worker };
}

const counts = (run: Run) => opened().ledger.runs.exactCounts(run.run_no);

describe('a late answer', () => {
  it('is shown where the doubt is decided', async () => {
    const { run, worker } = await stoodStill();
    const [doubt, ...others] = await perform(() => worker.activities.listInDoubt(run.run_id));
    expect(others).toEqual([]);
    expect(doubt).toMatchObject({ records: 10, lateAnswer: { httpStatus: 200, counts: { created: 10 } } });
    expect(Date.parse(doubt?.lateAnswer?.at ?? '')).not.toBeNaN();
  });

  it.each(['resend', 'leave'] as const)(
    'that says what became of all of them settles them, whatever is said then: %s',
    async (verdict) => {
      const { run, cxone, worker } = await stoodStill();
      const decision = { action: 'resolve', verdict, by: 'dana' } as const;
      expect(await perform(() => worker.activities.resolveInDoubt({ runId: run.run_id, decision }))).toBe(1);
      await writeAll(worker, wholeOf(run));
      expect(cxone.posts, 'nothing goes out again').toHaveLength(1);
      expect(await counts(run)).toEqual({ total: 10, pending: 0, created: 10 });
      const { ledger, database } = opened();
      expect(await ledger.runs.counts(run.run_no), 'the cheap counts too').toEqual(await counts(run));
      const told = await sql<{ evidence: string; n: number }>`
        select evidence, count(*)::int as n from outcomes where run_no = ${run.run_no} group by 1`.execute(
        database.db,
      );
      expect(told.rows).toEqual([{ evidence: 'late_answer', n: 10 }]);
      const audit = await sql<{ data: object }>`
        select data from audit_pending where run_id = ${run.run_id} and data::text like '%late%'`.execute(
        database.db,
      );
      expect(audit.rows).toMatchObject([
        { data: { recordCount: 10, counts: { created: 10 }, httpStatus: 200 } },
      ]);
    },
  );

  it('that does not say which records were created leaves the decision to a person', async () => {
    const { run, worker } = await stoodStill('partly');
    const [doubt] = await perform(() => worker.activities.listInDoubt(run.run_id));
    expect(doubt?.lateAnswer?.counts).toEqual({ created: 9, rejected: 1 });
    const decision = { action: 'resolve', verdict: 'leave' } as const;
    await perform(() => worker.activities.resolveInDoubt({ runId: run.run_id, decision }));
    expect(await counts(run)).toEqual({ total: 10, pending: 0, in_doubt: 10 });
  });
});
