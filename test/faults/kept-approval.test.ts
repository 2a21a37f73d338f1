/** Approvals that come early, while workers and Temporal are killed. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { ownTemporal } from '../harness/servers.ts';
import { query } from './observe.ts';
import { onStand, type Stand } from './stand.ts';

const processes = useProcesses();

/** Approvals in the audit, in order: the action and the hash of the plan. */
const readApprovals = (stand: Stand, runId: string) =>
  query(stand, async (db) => {
    const { rows } = await sql<{ action: string; hash: string | null; by: string }>`
      select action, data->>'planHash' as hash, data->>'by' as by from
        (select action, data, 0 as pending, seq as position, run_id from audit
          union all select action, data, 1, id, run_id from audit_pending) entries
      where run_id = ${runId} and action like 'appro%' order by pending, position`.execute(db);
    return rows;
  });

it('an approval in advance survives the worker that has kept it, and is audited with the hash of the plan', async () => {
  await onStand(processes, {}, async (stand) => {
    const { temporal, ledger } = stand.client();
    const runId = await stand.startImport(500, { approval: true });
    // As Temporal's command line sends it, right after the start.
    await temporal.workflow.getHandle(runId).signal('approve', { by: 'dana', whenPlanned: true });
    const killed = stand.worker({ CXFLOW_CRASH_AT: 'planWrites/runs.setPlan:1' });
    await killed.exited;
    expect(await readApprovals(stand, runId)).toEqual([{ action: 'approval_kept', hash: null, by: 'dana' }]);
    expect((await ledger.runs.get(runId)).waiting_for).toBe('its plan, which is approved by dana in advance');

    await stand.readyWorker();
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
    const { plan_hash: hash } = await ledger.runs.get(runId);
    expect(await readApprovals(stand, runId)).toEqual([
      { action: 'approval_kept', hash: null, by: 'dana' },
      { action: 'approve', hash, by: 'dana' },
    ]);
  });
});

it('a service that waits for the plan waits out an outage of Temporal, and approves what it was shown', async () => {
  const server = await ownTemporal();
  await onStand(processes, { temporalAddress: server.current().address }, async (stand) => {
    const client = stand.client();
    const runId = await stand.startImport(500, { approval: true });
    const planned = client.waitForPlan(runId);
    await server.kill();
    await server.restart();
    await stand.readyWorker();
    const plan = await planned;
    expect(plan).toEqual({
      status: 'awaiting_approval',
      planHash: (await client.ledger.runs.get(runId)).plan_hash,
      counts: expect.objectContaining({ total: 500 }) as object,
    });
    if (plan.status !== 'awaiting_approval') return;
    await client.decide(runId, { action: 'approve', by: 'dana', planHash: plan.planHash });
    // From now on the run goes on by itself, or has ended.
    expect((await client.waitForPlan(runId)).status).not.toBe('awaiting_approval');
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
    expect(await client.waitForPlan(runId)).toMatchObject({
      status: 'ended',
      state: 'completed',
      failure: null,
    });
    expect(await readApprovals(stand, runId)).toEqual([
      { action: 'approve', hash: plan.planHash, by: 'dana' },
    ]);
  });
});
