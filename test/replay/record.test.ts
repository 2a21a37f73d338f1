/**
 * Records the histories that replay.test.ts replays: `npm run record-histories`, or only some of them with
 * `npm run record-histories -- -t contact-import-steered`. The runs are real: worker, Temporal, PostgreSQL and simulator.
 * When a workflow changes, keep the histories of released versions, because runs that they started may still be open.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { TemporalServer } from '../../src/stack/temporal-server.ts';
import { onStand, type StandOptions } from '../faults/stand.ts';
import { useProcesses } from '../harness/processes.ts';
import { type OwnServer, startOwnTemporal } from '../harness/servers.ts';
import { saveHistories } from './recording/histories.ts';
import type { Scenario } from './recording/scenario.ts';
import { SCENARIOS } from './recording/scenarios.ts';

const LOWERED = ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=15'];
const continuing = SCENARIOS.filter(({ continuesAsNew }) => continuesAsNew === true);

describe.runIf(process.env.CXFLOW_HISTORIES === 'write')('histories', () => {
  const processes = useProcesses();
  let temporal: OwnServer<TemporalServer>;
  beforeAll(async () => {
    const namespaces = continuing.map(({ name }) => name);
    temporal = await startOwnTemporal({ extraArgs: LOWERED, namespaces });
  });
  afterAll(() => temporal.remove());

  it.each(SCENARIOS)('$name', async (scenario) => {
    await onStand(processes, toOptions(scenario, temporal.current().address), async (stand) => {
      await stand.readyWorker({ CRM_WEBHOOK_URL: stand.admin.webhookUrl('crm') });
      const workflowId = await scenario.run(stand);
      await saveHistories(stand.client().temporal, workflowId, scenario.name);
    });
  });
});

function toOptions(scenario: Scenario, ownTemporal: string): StandOptions {
  const { name, continuesAsNew, duplicatesAccepted, latencyMs, faults } = scenario;
  return {
    ...(continuesAsNew === true && { temporalAddress: ownTemporal, namespace: name }),
    ...(duplicatesAccepted === true && { simulatorArgs: ['--accept-duplicates'] }),
    ...(latencyMs !== undefined && { latencyMs }),
    ...(faults && { faults }),
    env: {
      CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
      ...(duplicatesAccepted === true && {
        CXONE_DUPLICATES_REFUSED: 'false',
        CXONE_LISTS_STRICT_UNIQUENESS: 'false',
      }),
    },
  };
}
