/** The metrics of a campaign: updates that succeeded and failed, and how fast CXone answered (docs/metrics.md). */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { SelectionUpdateResult } from '../../src/contract/selection-update.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { ledgerOfFile, someId } from '../ledger/harness.ts';
import { startCampaign } from './campaigns.ts';
import { runActivity } from './harness.ts';

const opened = ledgerOfFile();
const campaign = () => startCampaign(opened());

const ADD_M = { change: { add: { targetListIds: ['M'] } } };
const T = { targetListIds: ['T'] };

describe('the metrics of a campaign', () => {
  it('count a run that ends in an error as a failure, whatever it was about to do', async () => {
    const { admin, activities, openAndPlan, plan, writeOnce, write, campaignId } = await campaign();
    const { ledger, database } = opened();
    const refuse = (method: string) =>
      admin.setFaults([{ match: { method, family: 'outbound' }, times: 2, fault: { status: 403 } }]);
    const fail = async ({ run_id: runId }: Run) => {
      const failure = { type: 'ScopeMissing', message: 'outbound: 403' };
      const result = await runActivity(() => activities.closeRun({ runId, state: 'failed', failure }));
      return (result as unknown as SelectionUpdateResult).metrics;
    };

    // Before it is planned, the ledger has nothing of an update but its run.
    await refuse('GET');
    const { run: unread } = await ledger.runs.open({
      ...{ runId: someId('run'), kind: 'selectionUpdate', target: campaignId, again: true },
      ...{ dryRun: false, requestedBy: null, input: { campaignId, ...ADD_M } },
    });
    await expect(plan(unread)).rejects.toMatchObject({ nonRetryable: true });
    const none = { averageLatency: null, successRate: null, totalOperations: 0 };
    expect(await ledger.selections.metrics(campaignId)).toMatchObject(none);
    const failedOnce = { averageLatency: null, successRate: 0, totalOperations: 1, failureCount: 1 };
    expect(await fail(unread)).toEqual({ ...failedOnce, successCount: 0 });
    await admin.clearFaults();

    const unwritten = await openAndPlan(ADD_M);
    await refuse('PATCH');
    await expect(writeOnce(unwritten)).rejects.toMatchObject({ nonRetryable: true });
    expect(await fail(unwritten)).toMatchObject({ ...failedOnce, totalOperations: 2, failureCount: 2 });
    await admin.clearFaults();

    const written = await openAndPlan({ change: { add: T } });
    await write(written);
    await runActivity(() =>
      activities.closeRun({ runId: written.run_id, state: 'completed', failure: null }),
    );
    const all = await ledger.selections.metrics(campaignId);
    expect(all).toMatchObject({ successRate: 33.33, totalOperations: 3, successCount: 1, failureCount: 2 });
    expect(all.averageLatency).toBeGreaterThan(0);

    await sql`update runs set finished_at = now() - interval '40 days', fence = 0
      where target = ${campaignId}`.execute(database.db);
    const before = new Date(Date.now() - 30 * 86_400_000);
    await ledger.purges.purge({
      before,
      withUndelivered: true,
      purgeId: someId('purge'),
      requestedBy: 'dana',
    });
    expect(await ledger.selections.find(written.run_no)).toBeUndefined();
    expect(await ledger.selections.metrics(campaignId)).toEqual(all);
  });

  it('count what was refused with 400 or left in conflict, and neither dry runs nor updates without a change', async () => {
    const { admin, activities, openAndPlan, write, writeOnce, campaignId } = await campaign();
    const close = ({ run_id: runId }: Run, state: 'completed' | 'failed') =>
      runActivity(() => activities.closeRun({ runId, state, failure: null }));
    const refused = await openAndPlan(ADD_M);
    await admin.setFaults([
      { match: { method: 'PATCH', family: 'outbound' }, times: 1, fault: { status: 400 } },
    ]);
    expect(await writeOnce(refused)).toMatchObject({ kind: 'refused' });
    await close(refused, 'failed');
    const unchanged = await openAndPlan({ change: { add: { targetListIds: ['L1'] } } });
    expect(await write(unchanged)).toMatchObject({ outcome: 'existing' });
    await close(unchanged, 'completed');
    expect(await opened().ledger.selections.metrics(campaignId)).toMatchObject({
      ...{ totalOperations: 1, successCount: 0, failureCount: 1, successRate: 0 },
      averageLatency: expect.any(Number) as number,
    });
    // Started again, it has not failed until it ends as failed once more.
    await sql`update runs set state = 'running' where run_no = ${refused.run_no}`.execute(
      opened().database.db,
    );
    expect(await opened().ledger.selections.metrics(campaignId)).toMatchObject({
      totalOperations: 0,
      failureCount: 0,
    });
  });
});
