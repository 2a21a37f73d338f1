/** An answer that arrives after its write was put in doubt: the operator sees it, and what was applied is not resent. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { ledgerOfFile, plannedRun } from '../ledger/harness.ts';
import { allBatches, createWorker, fakeCxone, runActivity, writeAll } from './harness.ts';

const opened = ledgerOfFile();
/** A tenant that may create a contact twice, so that a lost answer leaves the write in doubt. */
const DUPLICATES_POSSIBLE = { duplicatesRefused: false } as const;

/** A worker is suspended while CXone answers. When it resumes, its lease has expired and another worker has put the batch in doubt. */
async function answerAfterLease(answer: 'created' | 'partly' = 'created') {
  const { ledger, database } = opened();
  const run = await plannedRun(ledger, 10, 10, { listId: 'L1', source: { dataset: 'd' } });
  const cxone = fakeCxone({
    after: async (n) => {
      if (n !== 1) return;
      await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
        database.db,
      );
      // A page passes over a write whose row is locked, as it is while it is noted that its request has left.
      await writeAll(createWorker(ledger, cxone.cxone, DUPLICATES_POSSIBLE), allBatches(run));
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
        return {
          kind: 'created',
          status: 200,
          recordsCreated: 9,
          named: all,
          notes: [],
          id: null,
          requestId: 'r',
        };
      },
    }),
  });
  const worker = createWorker(ledger, cxone.cxone, DUPLICATES_POSSIBLE);
  await worker.writePage(allBatches(run));
  return { run, cxone, worker };
}

const counts = (run: Run) => opened().ledger.runs.exactCounts(run.run_no);

describe('a late answer', () => {
  it('is listed with the write in doubt', async () => {
    const { run, worker } = await answerAfterLease();
    const [inDoubt, ...others] = await runActivity(() => worker.activities.listInDoubt(run.run_id));
    expect(others).toEqual([]);
    expect(inDoubt).toMatchObject({ records: 10, lateAnswer: { httpStatus: 200, counts: { created: 10 } } });
    expect(Date.parse(inDoubt?.lateAnswer?.at ?? '')).not.toBeNaN();
  });

  it.each(['resend', 'leave'] as const)(
    'that accounts for all records settles them, whatever the decision: %s',
    async (verdict) => {
      const { run, cxone, worker } = await answerAfterLease();
      const decision = { action: 'resolve', verdict, by: 'dana' } as const;
      expect(await runActivity(() => worker.activities.resolveInDoubt({ runId: run.run_id, decision }))).toBe(
        1,
      );
      await writeAll(worker, allBatches(run));
      expect(cxone.posts, 'batches sent').toHaveLength(1);
      expect(await counts(run)).toEqual({ total: 10, pending: 0, created: 10 });
      const { ledger, database } = opened();
      expect(await ledger.runs.counts(run.run_no), 'incremental counts').toEqual(await counts(run));
      const settled = await sql<{ evidence: string; n: number }>`
        select evidence, count(*)::int as n from outcomes where run_no = ${run.run_no} group by 1`.execute(
        database.db,
      );
      expect(settled.rows).toEqual([{ evidence: 'late_answer', n: 10 }]);
      const audit = await sql<{ data: object }>`
        select data from audit_pending where run_id = ${run.run_id} and data::text like '%late%'`.execute(
        database.db,
      );
      expect(audit.rows).toMatchObject([
        { data: { recordCount: 10, counts: { created: 10 }, httpStatus: 200 } },
      ]);
    },
  );

  it('that does not account for all records leaves the decision to the operator', async () => {
    const { run, worker } = await answerAfterLease('partly');
    const [inDoubt] = await runActivity(() => worker.activities.listInDoubt(run.run_id));
    expect(inDoubt?.lateAnswer?.counts).toEqual({ created: 9, rejected: 1 });
    const decision = { action: 'resolve', verdict: 'leave' } as const;
    await runActivity(() => worker.activities.resolveInDoubt({ runId: run.run_id, decision }));
    expect(await counts(run)).toEqual({ total: 10, pending: 0, in_doubt: 10 });
  });
});
