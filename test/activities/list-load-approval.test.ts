/** An approval binds to a plan that names who is suppressed: if somebody of it is by the time of the approval, it is void. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/activities/engine/plan.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { createWorker, runActivity, type TestWorker } from './harness.ts';
import { CAMPAIGN, figuresOf, lead, leads, listLoadStand, phone, phones } from './list-loads.ts';

const { opened, start } = listLoadStand();

/** `planHash`: of the plan that was approved. */
const replan = ({ activities }: TestWorker, run: Run, { hash: planHash }: Plan): Promise<Plan | null> =>
  runActivity(() => activities.replanWrites({ runId: run.run_id, planHash }));

const gone = () => Promise.reject(Object.assign(new Error('gone'), { code: '57P01' }));

/** The approvals that were void, and the plans in their place. */
async function listVoid(run: Run): Promise<unknown[]> {
  const { rows } = await sql<{ approved: string; hash: string }>`
    select data->>'approved' as approved, data->>'hash' as hash from (
      select run_id, action, data from audit_pending union all select run_id, action, data from audit) entries
    where run_id = ${run.run_id} and action = 'approval_void'`.execute(opened().database.db);
  return rows;
}

describe('when a plan is approved', () => {
  it('it stays as it is if nobody of it has objected, although the list has changed', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run, plan } = await cxone.plan(leads(1, 2, 3));
    expect(await replan(cxone.worker, run, plan)).toBeNull();
    await cxone.admin.seedSuppressions({ entries: phones(13) });
    expect(await replan(cxone.worker, run, plan)).toBeNull();
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toHaveLength(3);
  });

  it('it is made anew if somebody of it is suppressed by now, and says so', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run, plan } = await cxone.plan(leads(1, 2, 3, 4, 5));
    // Read again however young the list is.
    await cxone.admin.seedSuppressions({ entries: phones(4, 2) });
    const next = await replan(cxone.worker, run, plan);
    expect(next).toMatchObject({ toWrite: 3, suppressed: 2, batches: 2 });
    expect(next?.hash).not.toBe(plan.hash);
    const [before, now] = [figuresOf(plan), figuresOf(next as Plan)].map(
      ({ suppressions }) => suppressions.hash,
    );
    expect(next?.notes).toContain(
      `the approval of plan ${plan.hash} is void: 2 more records of the run must not be sent by now. ` +
        `CXone's suppression list was ${before} (2 entries) and is ${now} (4 entries)`,
    );
    expect((await opened().ledger.runs.get(run.run_id)).plan_hash).toBe(next?.hash);
    expect(await replan(cxone.worker, run, next as Plan)).toBeNull();
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([phone(5), phone(3), phone(1)]);
    expect((await cxone.close(run)).counts).toMatchObject({ created: 3, suppressed: 2 });
  });

  it('the list is read again, also if its reading seems to lie in the future', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run, plan } = await cxone.plan(leads(1, 2, 3));
    await cxone.admin.seedSuppressions({ entries: phones(2) });
    await sql`update suppression_snapshots set begun_at = clock_timestamp() + interval '1 hour'
      where run_no = ${run.run_no}`.execute(opened().database.db);
    expect(await replan(cxone.worker, run, plan)).toMatchObject({ toWrite: 2, suppressed: 1 });
  });

  it('our own list counts as well', async () => {
    const cxone = await start();
    const { run, plan } = await cxone.plan([lead(1), lead(2, 2, { contact_id: 'while-it-waits' })]);
    const since = new Date().toISOString();
    const objection = { contactId: 'while-it-waits', channel: 'voice', reason: 'test', since } as const;
    await opened().ledger.suppressions.add([objection], null);
    expect(await replan(cxone.worker, run, plan)).toMatchObject({ toWrite: 1, suppressed: 1 });
  });

  it('a worker that dies while it plans again leaves nothing that the next one does not finish', async () => {
    const dying: ((ledger: Ledger) => Ledger)[] = [
      (ledger) => ({ ...ledger, records: { ...ledger.records, settleStaged: gone } }),
      (ledger) => ({ ...ledger, writes: { ...ledger.writes, plan: gone } }),
      (ledger) => ({ ...ledger, runs: { ...ledger.runs, setPlan: gone } }),
      (ledger) => ({ ...ledger, audit: { ...ledger.audit, add: gone } }),
    ];
    for (const die of dying) {
      const cxone = await start();
      await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
      const { run, plan } = await cxone.plan(leads(1, 2, 3));
      await cxone.admin.seedSuppressions({ entries: phones(2) });
      const { ledger } = opened();
      const options = { tenant: cxone.tenant, listLoad: cxone.settings };
      const dies = createWorker(die(ledger), cxone.cxone, options);
      await expect(replan(dies, run, plan)).rejects.toMatchObject({ type: 'LedgerUnavailable' });
      const next = await replan(cxone.worker, run, plan);
      expect(next).toMatchObject({ toWrite: 2, suppressed: 1, batches: 1 });
      // As if the answer of the last attempt had been lost as well.
      expect(await replan(cxone.worker, run, plan)).toEqual(next);
      expect(await listVoid(run)).toEqual([{ approved: plan.hash, hash: next?.hash }]);
      await cxone.writeAll(run);
      expect(await cxone.uploaded()).toEqual([phone(3), phone(1)]);
    }
  });

  it('a plan that was taken apart is void, even if the objection is withdrawn before the next attempt', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run, plan } = await cxone.plan(leads(1, 2, 3));
    await cxone.admin.seedSuppressions({ entries: phones(2) });
    const { ledger } = opened();
    const records = { ...ledger.records, settleStaged: gone };
    const options = { tenant: cxone.tenant, listLoad: cxone.settings };
    const dies = createWorker({ ...ledger, records }, cxone.cxone, options);
    await expect(replan(dies, run, plan)).rejects.toMatchObject({ type: 'LedgerUnavailable' });
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const next = await replan(cxone.worker, run, plan);
    expect(next).toMatchObject({ toWrite: 3, batches: 2 });
    expect(next?.hash).not.toBe(plan.hash);
    await cxone.writeAll(run);
    expect((await cxone.close(run)).counts).toMatchObject({ created: 3, pending: 0 });
  });

  it('who is left out is decided by the list that made the plan outdated', async () => {
    const cxone = await start({}, { listLoad: { suppressionsMaxAgeMs: 0 } });
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run, plan } = await cxone.plan(leads(1, 2, 3));
    await cxone.admin.seedSuppressions({ entries: phones(2) });
    const { ledger } = opened();
    const unplan: Ledger['writes']['unplan'] = async (of) => {
      await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
      return ledger.writes.unplan(of);
    };
    const options = { tenant: cxone.tenant, listLoad: cxone.settings };
    const worker = createWorker({ ...ledger, writes: { ...ledger.writes, unplan } }, cxone.cxone, options);
    expect(await replan(worker, run, plan)).toMatchObject({ toWrite: 2, suppressed: 1 });
  });

  it('nothing is planned again once something was sent: the gate decides about the rest', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run } = await cxone.plan(leads(1, 2, 3, 4));
    await cxone.worker.writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 });
    // The run fails, and is started again.
    const plan = await cxone.planOnly(run);
    await cxone.admin.seedSuppressions({ entries: phones(1) });
    expect(await replan(cxone.worker, run, plan)).toBeNull();
    await cxone.writeAll(run);
    expect((await cxone.close(run)).counts).toMatchObject({ created: 3, suppressed: 1 });
  });

  it('duplicates of somebody who is suppressed by now are taken up', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const rows = [lead(1, 90, { contact_id: 'ann' }), lead(1, 80, { contact_id: 'ben' }), lead(2)];
    const { run, plan } = await cxone.plan(rows);
    expect(plan).toMatchObject({ toWrite: 2, duplicate: 1 });
    await cxone.admin.seedSuppressions({ entries: [{ contactId: 'ann' }] });
    expect(await replan(cxone.worker, run, plan)).toMatchObject({ toWrite: 2, duplicate: 0, suppressed: 1 });
    await cxone.writeAll(run);
    const { counts } = await cxone.close(run);
    expect(counts).toMatchObject({ created: 2, suppressed: 1, pending: 0 });
    expect(await opened().ledger.runs.counts(run.run_no)).toEqual(counts);
    expect(await cxone.outcomes(run)).toMatchObject({ 1: 'suppressed suppressed_by_cxone', 2: 'created' });
  });

  it('with fit, whoever is the best by now takes the place of somebody who is suppressed', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 8, maxListSize: 10 });
    const rows = [
      lead(1, 90, { contact_id: 'ann' }),
      lead(1, 10, { contact_id: 'also-ann' }),
      ...[lead(2, 80), lead(3, 75), lead(4, 70), lead(5, 65)],
    ];
    const { run, plan } = await cxone.plan(rows, { fit: true });
    expect(plan).toMatchObject({ toWrite: 2, duplicate: 1, cancelled: 3 });
    // The best of those for whom there was no room has objected as well.
    await cxone.admin.seedSuppressions({ entries: [{ contactId: 'ann' }, ...phones(3)] });
    const next = await replan(cxone.worker, run, plan);
    expect(next).toMatchObject({ toWrite: 2, duplicate: 0, cancelled: 2, suppressed: 2 });
    // Only one of them was in the approved plan.
    const more = '2 more records of the run must not be sent by now';
    expect(next?.notes).toContainEqual(expect.stringContaining(more));
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([phone(2), phone(4)]);
    const { counts } = await cxone.close(run);
    expect(counts).toMatchObject({ created: 2, suppressed: 2, cancelled: 2, pending: 0 });
    expect(await opened().ledger.runs.counts(run.run_no)).toEqual(counts);
  });
});
