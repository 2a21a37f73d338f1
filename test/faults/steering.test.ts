/** A cancel in the middle of the writing. steering-under-load.test.ts shows that nothing is sent after it. */
import { expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { onStand, untilApplied } from './stand.ts';

const processes = useProcesses();

const SLOW = { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '4' } } as const;

it('a batch whose answer was lost ends in doubt, not cancelled, if the run is cancelled while paused', async () => {
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
    expect(counts.in_doubt ?? 0, 'records of the batch, which must not be sent again').toBe(100);
  });
});
