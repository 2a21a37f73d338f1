/** Governance metrics end to end, with the samples of the preferences and the selection tutorial. */
import { expect, it } from 'vitest';
import type { GovernanceMetrics } from '../../src/queries/metrics.ts';
import { RAW_PREFERENCES } from '../harness/tutorial-samples.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();

const CAMPAIGN = 'campaign_xyz789';

it('terminal, show, report and metrics count one violation in the three preferences of the tutorial', async () => {
  await onStand({}, async (stand) => {
    const { cxflow, json, file } = stand;
    expect((await cxflow(['metrics'])).stdout).toMatch(/^no runs yet/);
    file('raw.json', JSON.stringify(RAW_PREFERENCES));
    const update = ['preferences', 'update', 'raw.json'];
    expect((await cxflow([...update, '--dry-run'])).stdout).toContain(
      '1 of 3 records, compliance rate 66.67 %',
    );
    const ended = await cxflow(update);
    expect(ended.code).toBe(3);
    const shown = /violations +1 of 3 records, compliance rate 66\.67 %\n +suppressions +0\n/;
    expect(ended.stdout).toMatch(shown);
    const [, runId = ''] = /\brun (preference-update:\S+)/.exec(ended.stdout) ?? [];
    await stand.conserved(runId);
    expect((await cxflow(['show', runId])).stdout).toMatch(shown);
    const report = await json<object>(['report', runId]);
    expect(report.document).toMatchObject({
      rules: { checked: 3, violations: 1, complianceRatePercent: 66.67 },
      allRuns: { runs: 1, violations: 1 },
    });

    // The dry run does not count, because it would count the same violation twice.
    const { document } = await json<GovernanceMetrics>(['metrics', '--operation', 'preference-update']);
    expect(document).toMatchObject({
      total: { runs: 1, records: 3, successes: 2, violations: 1, complianceRatePercent: 66.67, requests: 1 },
      log: [{ runId, state: 'completed', records: 3, violations: 1 }],
    });
    expect(document.total.averageLatencyMs).toBeGreaterThan(0);
    expect(document.total.averageLatencyMs).toBe(document.log[0]?.averageLatencyMs);
    expect((await cxflow(['metrics'])).stdout).toMatch(/preference update +1 +0 +3 +66\.67 % +1 +66\.67 %/);
  });
});

async function updateCampaign({ cxflow, file }: Stand, n: number): Promise<number | null> {
  file('change.json', JSON.stringify({ add: { targetListIds: [`L-${n}`] } }));
  return (await cxflow(['selection', 'update', CAMPAIGN, 'change.json'])).code;
}

it('updates of a campaign that end in 401, 403 or 404 count as failures in its metrics', async () => {
  await onStand({}, async (stand) => {
    const { admin, json, cxflow } = stand;
    await admin.seedCampaign(CAMPAIGN, { contactSelection: { targetListIds: ['L1'] } });
    expect(await updateCampaign(stand, 200)).toBe(0);
    for (const status of [401, 403, 404]) {
      await admin.setFaults([{ match: { method: 'GET', family: 'outbound' }, times: 2, fault: { status } }]);
      expect(await updateCampaign(stand, status)).toBe(1);
      await admin.clearFaults();
    }
    const { document } = await json<{ metrics: object }>(['selection', 'history', CAMPAIGN]);
    expect(document.metrics).toMatchObject({
      ...{ totalOperations: 4, successCount: 1, failureCount: 3, successRate: 25 },
      averageLatency: expect.any(Number) as number,
    });
    expect((await cxflow(['selection', 'history', CAMPAIGN])).stdout).toMatch(
      /^4 updates, 3 failed, success rate 25\.00 %, \S+ m?s on average$/m,
    );
    const all = await json<GovernanceMetrics>(['metrics', '--operation', 'selection-update']);
    expect(all.document.total).toMatchObject({ runs: 4, failed: 3, records: 1, requests: 1 });
    expect(all.document.log.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed', 'completed']);
  });
});
