/** Scenarios of the selection update. */
import type { SelectionUpdateInput } from '../../../src/contract/selection-update.ts';
import { type Stand, until, untilPhase } from '../../faults/stand.ts';
import { cancelInTemporal, end, type Scenario, signal, steerThrough } from './scenario.ts';

const CAMPAIGN = 'C1';
const OURS = { targetListIds: ['M'] };
const AFTER_GET = { when: 'after-get', after: 1 } as const;

async function start(stand: Stand, input: Partial<SelectionUpdateInput> = {}): Promise<string> {
  const { runId } = await stand
    .client()
    .startSelectionUpdate({ campaignId: CAMPAIGN, change: { add: OURS }, ...input });
  return runId;
}

/** The run waits for its lost answer to be settled: CXone answers no read. */
const NO_READS = { match: { method: 'GET', family: 'outbound' }, after: 1, fault: { status: 503 } } as const;

async function startAndStall(stand: Stand): Promise<string> {
  const runId = await start(stand);
  await until(
    () => stand.admin.faults(),
    ([rule]) => (rule?.injected ?? 0) > 0,
  );
  return runId;
}

export const SELECTION_UPDATES: readonly Scenario[] = [
  {
    name: 'selection-update-completed',
    run: async (stand) => end(stand, await start(stand)),
  },
  {
    name: 'selection-update-steered',
    run: async (stand) => steerThrough(stand, await start(stand, { approval: true })),
  },
  {
    name: 'selection-update-lost-answer',
    faults: [{ match: { method: 'PATCH', family: 'outbound' }, times: 1, fault: { reset: 'after' } }],
    run: async (stand) => end(stand, await start(stand)),
  },
  {
    name: 'selection-update-collided',
    run: async (stand) => {
      await stand.admin.editCampaign(CAMPAIGN, { ...AFTER_GET, times: 3, add: { targetListIds: ['T#'] } });
      return end(stand, await start(stand));
    },
  },
  {
    name: 'selection-update-conflict-resolved',
    run: async (stand) => {
      await stand.admin.editCampaign(CAMPAIGN, { when: 'after-get', add: { exclusionListIds: ['M'] } });
      const runId = await start(stand, { onConflict: 'ask', conflictDeadline: '3 days' });
      await untilPhase(stand, runId, 'conflict');
      await signal(stand, runId, 'resolve', { answers: 'mine' });
      return end(stand, runId);
    },
  },
  {
    name: 'selection-update-failed',
    run: async (stand) => {
      await stand.admin.editCampaign(CAMPAIGN, { when: 'after-get', add: { exclusionListIds: ['M'] } });
      return end(stand, await start(stand));
    },
  },
  {
    name: 'selection-update-rejected',
    run: async (stand) => {
      const runId = await start(stand, { approval: true });
      await untilPhase(stand, runId, 'awaiting_approval');
      await signal(stand, runId, 'reject');
      return end(stand, runId);
    },
  },
  {
    name: 'selection-update-cancelled',
    faults: [NO_READS],
    run: async (stand) => {
      const runId = await startAndStall(stand);
      await signal(stand, runId, 'cancel');
      return end(stand, runId);
    },
  },
  {
    name: 'selection-update-cancelled-in-temporal',
    faults: [NO_READS],
    run: async (stand) => {
      const runId = await startAndStall(stand);
      await cancelInTemporal(stand, runId);
      return end(stand, runId);
    },
  },
];
