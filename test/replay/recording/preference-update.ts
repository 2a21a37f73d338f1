/** Scenarios of the preference update. */
import type { PreferenceUpdateInput } from '../../../src/contract/preference-update.ts';
import { type Stand, untilApplied, untilPhase } from '../../faults/stand.ts';
import { cancelInTemporal, end, type Scenario, signal, steerThrough } from './scenario.ts';

const POSTS = { method: 'POST', family: 'preferences' } as const;

function rowAt(n: number) {
  const optIn = n % 4 === 0;
  return {
    contactId: `0a1b2c3d-0000-4000-8000-${String(n).padStart(12, '0')}`,
    channel: 'email',
    optIn,
    consentTimestamp: '2025-02-01T00:00:00Z',
    withdrawalTimestamp: optIn ? null : '2025-03-01T00:00:00Z',
    regulatoryRegion: 'GDPR',
    source: 'replay',
  };
}

async function start(stand: Stand, count = 250, input: Partial<PreferenceUpdateInput> = {}): Promise<string> {
  const { source } = await stand.client().stageRows(Array.from({ length: count }, (_, n) => rowAt(n)));
  return (await stand.client().startPreferenceUpdate({ source, ...input })).runId;
}

async function startAndWrite(stand: Stand): Promise<string> {
  const runId = await start(stand, 4_000);
  await untilApplied(stand, 1);
  return runId;
}

export const PREFERENCE_UPDATES: readonly Scenario[] = [
  {
    name: 'preference-update-completed',
    // The answer to the second batch is lost once.
    faults: [{ match: POSTS, after: 1, times: 1, fault: { reset: 'after' } }],
    run: async (stand) => end(stand, await start(stand)),
  },
  {
    name: 'preference-update-steered',
    run: async (stand) => steerThrough(stand, await start(stand, 250, { approval: true })),
  },
  {
    name: 'preference-update-rejected',
    run: async (stand) => {
      const runId = await start(stand, 250, { approval: true });
      await untilPhase(stand, runId, 'awaiting_approval');
      await signal(stand, runId, 'reject');
      return end(stand, runId);
    },
  },
  {
    name: 'preference-update-cancelled',
    latencyMs: 200,
    run: async (stand) => {
      const runId = await startAndWrite(stand);
      await signal(stand, runId, 'cancel');
      return end(stand, runId);
    },
  },
  {
    name: 'preference-update-cancelled-in-temporal',
    latencyMs: 200,
    run: async (stand) => {
      const runId = await startAndWrite(stand);
      await cancelInTemporal(stand, runId);
      return end(stand, runId);
    },
  },
  {
    name: 'preference-update-failed',
    faults: [{ match: POSTS, after: 1, fault: { status: 403 } }],
    run: async (stand) => end(stand, await start(stand)),
  },
  {
    name: 'preference-update-continued-as-new',
    continuesAsNew: true,
    run: async (stand) => {
      const runId = await start(stand, 60_000, { guard: false });
      await untilApplied(stand, 1);
      await signal(stand, runId, 'pause');
      await signal(stand, runId, 'resume');
      return end(stand, runId);
    },
  },
];
