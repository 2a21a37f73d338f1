/** An approval binds to a plan that names who is suppressed: if somebody of it is by the time of the approval, it is void. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/activities/engine/plan.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { createWorker, runActivity, type TestWorker } from './harness.ts';
import { lead, leads, listLoadStand, phone } from './list-loads.ts';

const { opened, start } = listLoadStand();

const phones = (...numbers: number[]) => numbers.map((n) => ({ phoneNumber: phone(n) }));

async function age(run: Run): Promise<void> {
  await sql`update suppression_snapshots set begun_at = begun_at - interval '16 minutes'
    where run_no = ${run.run_no}`.execute(opened().database.db);
}

const replan = ({ activities }: TestWorker, run: Run): Promise<Plan | null> =>
  runActivity(() => activities.replanWrites(run.run_id));

describe('when a plan is approved', () => {
  it('it stays as it is if nobody of it has objected, although the list has changed', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run } = await cxone.plan(leads(1, 2, 3));
    expect(await replan(cxone.worker, run)).toBeNull();
    await cxone.admin.seedSuppressions({ entries: phones(13) });
    await age(run);
    expect(await replan(cxone.worker, run)).toBeNull();
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toHaveLength(3);
  });

  it('it is made anew if somebody of it is suppressed by now, and says so', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run, plan } = await cxone.plan(leads(1, 2, 3, 4, 5));
    await cxone.admin.seedSuppressions({ entries: phones(4, 2) });
    await age(run);
    const next = await replan(cxone.worker, run);
    expect(next).toMatchObject({ toWrite: 3, suppressed: 2, batches: 2 });
    expect(next?.hash).not.toBe(plan.hash);
    expect(next?.notes).toContain(
      `the approval of plan ${plan.hash} is void: 2 of its records must not be sent by now`,
    );
    expect((await opened().ledger.runs.get(run.run_id)).plan_hash).toBe(next?.hash);
    expect(await replan(cxone.worker, run)).toBeNull();
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([phone(5), phone(3), phone(1)]);
    expect((await cxone.close(run)).counts).toMatchObject({ created: 3, suppressed: 2 });
  });

  it('our own list counts as well', async () => {
    const cxone = await start();
    const { run } = await cxone.plan([lead(1), lead(2, 2, { contact_id: 'while-it-waits' })]);
    const since = new Date().toISOString();
    const objection = { contactId: 'while-it-waits', channel: 'voice', reason: 'test', since } as const;
    await opened().ledger.suppressions.add([objection], null);
    expect(await replan(cxone.worker, run)).toMatchObject({ toWrite: 1, suppressed: 1 });
  });

  it('a worker that dies while it plans again leaves nothing that the next one does not finish', async () => {
    const gone = () => Promise.reject(Object.assign(new Error('gone'), { code: '57P01' }));
    const dying: ((ledger: Ledger) => Ledger)[] = [
      (ledger) => ({ ...ledger, records: { ...ledger.records, settleStaged: gone } }),
      (ledger) => ({ ...ledger, writes: { ...ledger.writes, plan: gone } }),
      (ledger) => ({ ...ledger, runs: { ...ledger.runs, setPlan: gone } }),
    ];
    for (const die of dying) {
      const cxone = await start();
      await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
      const { run } = await cxone.plan(leads(1, 2, 3));
      await cxone.admin.seedSuppressions({ entries: phones(2) });
      await age(run);
      const { ledger } = opened();
      const options = { tenant: cxone.tenant, listLoad: cxone.settings };
      const dies = createWorker(die(ledger), cxone.cxone, options);
      await expect(replan(dies, run)).rejects.toMatchObject({ type: 'LedgerUnavailable' });
      expect(await replan(cxone.worker, run)).toMatchObject({ toWrite: 2, suppressed: 1, batches: 1 });
      await cxone.writeAll(run);
      expect(await cxone.uploaded()).toEqual([phone(3), phone(1)]);
    }
  });

  it('nothing is planned again once something was sent: the gate decides about the rest', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run } = await cxone.plan(leads(1, 2, 3, 4));
    await cxone.worker.writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 });
    // The run fails, and is started again.
    await cxone.planOnly(run);
    await cxone.admin.seedSuppressions({ entries: phones(1) });
    await age(run);
    expect(await replan(cxone.worker, run)).toBeNull();
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
    await age(run);
    expect(await replan(cxone.worker, run)).toMatchObject({ toWrite: 2, duplicate: 0, suppressed: 1 });
    await cxone.writeAll(run);
    const { counts } = await cxone.close(run);
    expect(counts).toMatchObject({ created: 2, suppressed: 1, pending: 0 });
    expect(await opened().ledger.runs.counts(run.run_no)).toEqual(counts);
    expect(await cxone.outcomes(run)).toMatchObject({ 1: 'suppressed suppressed_by_cxone', 2: 'created' });
  });
});
