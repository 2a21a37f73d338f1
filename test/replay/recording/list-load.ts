/** Scenarios of the list load. */
import type { ListLoadInput } from '../../../src/contract/list-load.ts';
import { findZone, hoursFrom, nextMinute } from '../../faults/calling-hours.ts';
import { type Stand, until, untilPhase } from '../../faults/stand.ts';
import { cancelInTemporal, end, type Scenario, signal, steerThrough } from './scenario.ts';

const LIST = 'L1';
const CAMPAIGN = 'C1';
const ITEMS = { method: 'POST', family: 'lists' } as const;

const contactOf = (n: number): string => `0a1b2c3d-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Every tenth row has the number of the row before it. Fictitious numbers, without a plus sign in any input or result. */
const rowAt = (n: number) => ({
  contact_id: contactOf(n),
  phone_number: `+1312555${String(1_000 + (n % 10 === 9 ? n - 1 : n))}`,
  engagement_rating: n % 2 === 0 ? 'high' : 'low',
});

async function start(stand: Stand, input: Partial<ListLoadInput> = {}, rows = 1_200): Promise<string> {
  const { source } = await stand.client().stageRows(Array.from({ length: rows }, (_, n) => rowAt(n)));
  return (await stand.client().startListLoad({ listId: LIST, campaignId: CAMPAIGN, source, ...input })).runId;
}

async function startAndWrite(stand: Stand): Promise<string> {
  const runId = await start(stand, {}, 6_000);
  await untilPhase(stand, runId, 'writing');
  return runId;
}

async function object(stand: Stand, contactId: string): Promise<void> {
  const objection = {
    contactId,
    channel: 'voice',
    reason: 'objected',
    since: new Date().toISOString(),
  } as const;
  await stand.client().ledger.suppressions.add([objection], null);
}

/** The last of three people may be called from the minute after the next one on: the run must be waiting before. */
async function startOutsideHours(stand: Stand): Promise<string> {
  const { zone, timeAt } = findZone(Date.now());
  const callingHours = hoursFrom(timeAt(nextMinute() + 60_000));
  const others = [rowAt(1), rowAt(2)];
  const later = { contact_id: contactOf(3), phone_number: '+14155551003', time_zone: zone };
  const { source } = await stand.client().stageRows([...others, later]);
  const input = { listId: LIST, campaignId: CAMPAIGN, source, callingHours };
  return (await stand.client().startListLoad(input)).runId;
}

export const LIST_LOADS: readonly Scenario[] = [
  {
    name: 'list-load-completed',
    // The answer to the second batch is lost once.
    faults: [{ match: ITEMS, after: 1, times: 1, fault: { reset: 'after' } }],
    run: async (stand) => end(stand, await start(stand)),
  },
  {
    name: 'list-load-dry-run',
    run: async (stand) => end(stand, await start(stand, { dryRun: true })),
  },
  {
    name: 'list-load-steered',
    run: async (stand) => {
      await stand.admin.seedCapacity(CAMPAIGN, { maxListSize: 700 });
      return steerThrough(stand, await start(stand, { approval: true, fit: true }));
    },
  },
  {
    name: 'list-load-approval-void',
    run: async (stand) => {
      const runId = await start(stand, { approval: true });
      await untilPhase(stand, runId, 'awaiting_approval');
      const { planHash } = await stand.client().progress(runId);
      await object(stand, contactOf(0));
      await signal(stand, runId, 'approve');
      await until(
        () => stand.client().progress(runId),
        (progress) => progress.phase === 'awaiting_approval' && progress.planHash !== planHash,
      );
      await signal(stand, runId, 'approve');
      return end(stand, runId);
    },
  },
  {
    name: 'list-load-rejected',
    run: async (stand) => {
      const runId = await start(stand, { approval: true });
      await untilPhase(stand, runId, 'awaiting_approval');
      await signal(stand, runId, 'reject');
      return end(stand, runId);
    },
  },
  {
    name: 'list-load-cancelled',
    latencyMs: 200,
    run: async (stand) => {
      const runId = await startAndWrite(stand);
      await signal(stand, runId, 'cancel');
      return end(stand, runId);
    },
  },
  {
    name: 'list-load-cancelled-in-temporal',
    latencyMs: 200,
    run: async (stand) => {
      const runId = await startAndWrite(stand);
      await cancelInTemporal(stand, runId);
      return end(stand, runId);
    },
  },
  {
    name: 'list-load-hours',
    run: async (stand) => {
      const runId = await startOutsideHours(stand);
      await until(
        () => stand.client().progress(runId),
        ({ waitingFor }) => waitingFor !== null,
      );
      return end(stand, runId);
    },
  },
  {
    // CXone accepts duplicates, so a batch whose answer was lost is not sent again.
    name: 'list-load-in-doubt',
    duplicatesAccepted: true,
    faults: [{ match: ITEMS, times: 1, fault: { reset: 'after' } }],
    run: async (stand) => {
      const runId = await start(stand);
      await untilPhase(stand, runId, 'in_doubt');
      await signal(stand, runId, 'resolve', { verdict: 'leave' });
      return end(stand, runId);
    },
  },
  {
    name: 'list-load-failed',
    run: async (stand) => {
      await stand.admin.seedCapacity(CAMPAIGN, { maxListSize: 700 });
      return end(stand, await start(stand));
    },
  },
];
