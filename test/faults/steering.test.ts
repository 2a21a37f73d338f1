/** A cancel in the middle of the writing; that nothing is sent after it is proved by steering-under-load.test.ts. */
import { expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { onStand, untilApplied } from './stand.ts';

const processes = useProcesses();

const SLOW = { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '4' } } as const;

it('cancelled while paused, with a request whose answer was lost: in doubt, not pending and not cancelled', async () => {
  const faults = [
    { match: { family: 'contactlists' as const }, after: 6, times: 1, fault: { reset: 'after' as const } },
  ];
  await onStand(processes, { ...SLOW, faults }, async (stand) => {
    await stand.readyWorker();
    const runId = await stand.startImport(5_000);
    await untilApplied(stand, 700);
    await stand.client().decide(runId, { action: 'pause' });
    await stand.client().decide(runId, { action: 'cancel' });
    const result = await stand.ended(runId);
    const counts = await stand.conserved(runId, { result, state: 'cancelled' });
    expect(counts.in_doubt ?? 0, 'CXone has it, and nobody may ask again').toBe(100);
  });
});
