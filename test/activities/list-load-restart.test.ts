/** A list load that failed half-way is started again, and finished. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { startAgain } from '../ledger/harness.ts';
import { CAMPAIGN, leads, listLoadStand, phone, phones } from './list-loads.ts';
import { getFailure } from './pages.ts';

const { opened, start, age } = listLoadStand();

async function countUploads(run: Run): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(distinct data::text)::int as n from (
    select run_id, action, data::text from audit_pending union all select run_id, action, data::text from audit) entries
    where run_id = ${run.run_id} and action = 'BULK_UPLOAD'`.execute(opened().database.db);
  return rows[0]?.n ?? 0;
}

describe('a list load that is started again', () => {
  it('leaves out who is suppressed by then, and settles nobody twice', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run } = await cxone.plan(leads(1, 2, 3, 4, 5, 6));
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 4 });
    expect(await getFailure(cxone.writeAll(run))).toMatchObject({ type: 'NoCapacity' });
    await cxone.close(run, 'failed');
    expect(await countUploads(run)).toBe(0);
    await cxone.admin.seedSuppressions({ entries: phones(1) });
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 9 });
    await age(run);
    const again = await startAgain(opened().ledger, run);
    await cxone.stage(again);
    await cxone.planOnly(again);
    await cxone.writeAll(again);
    expect(await cxone.uploaded()).toEqual([6, 5, 4, 3, 2].map(phone));
    expect(await cxone.outcomes(again)).toMatchObject({ 1: 'suppressed suppressed_by_cxone', 2: 'created' });
    const { counts, capacity, suppressions } = await cxone.close(again);
    expect(capacity).toEqual({ before: 0, after: 5, max: 9 });
    // As the attempt of a worker that was killed when it had closed the run.
    expect((await cxone.close(again)).suppressions).toEqual(suppressions);
    expect(suppressions).toMatchObject({ entries: 3 });
    expect(await countUploads(run)).toBe(1);
    expect(counts).toMatchObject({ created: 5, suppressed: 1, pending: 0 });
    expect(await opened().ledger.runs.counts(run.run_no)).toEqual(counts);
  });
});
