/** Pause, resume and cancel in the middle of the writing: nothing leaves after the word was taken (decisions.md 10). */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { writesOf } from './looking.ts';
import { onStand, type Stand, untilApplied } from './stand.ts';

const processes = useProcesses();

/** A claim that was committed just before the word may still leave. */
const MOMENT_MS = 300;
const SLOW = { latencyMs: 200, env: { CXFLOW_MAX_IN_FLIGHT: '4' } } as const;

/** The requests that began after the decision was answered, and a moment. */
async function startedAfter(stand: Stand, decidedAt: number): Promise<readonly string[]> {
  await delay(1_500);
  return (await writesOf(stand)).map(({ at }) => at).filter((at) => Date.parse(at) > decidedAt + MOMENT_MS);
}

it('nothing leaves after a pause; resumed, the run goes on and finishes', async () => {
  await onStand(processes, SLOW, async (stand) => {
    await Promise.all([stand.readyWorker(), stand.readyWorker()]);
    const runId = await stand.startImport(5_000);
    await untilApplied(stand, 1_000);
    const paused = await stand.client().decide(runId, { action: 'pause', by: 'dana' });
    expect(await startedAfter(stand, Date.now())).toEqual([]);
    expect(paused).toMatchObject({ phase: 'paused', waitingFor: 'resume (paused by dana)' });
    await expect(stand.client().decide(runId, { action: 'pause' })).rejects.toThrow(/already paused by dana/);
    await stand.client().decide(runId, { action: 'resume', by: 'dana' });
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
  });
});

it('nothing leaves after a cancel; what was in flight is settled, the rest is cancelled', async () => {
  await onStand(processes, SLOW, async (stand) => {
    await Promise.all([stand.readyWorker(), stand.readyWorker()]);
    const runId = await stand.startImport(5_000);
    await untilApplied(stand, 1_000);
    await stand.client().decide(runId, { action: 'cancel', by: 'dana', reason: 'wrong list' });
    expect(await startedAfter(stand, Date.now())).toEqual([]);
    const result = await stand.ended(runId, 30_000);
    const counts = await stand.conserved(runId, { result, state: 'cancelled' });
    expect(result.state).toBe('cancelled');
    expect(counts.created).toBeGreaterThanOrEqual(1_000);
    expect(counts.cancelled).toBeGreaterThan(1_000);
  });
});

it("Temporal's own cancel settles, counts and closes all the same", async () => {
  await onStand(processes, SLOW, async (stand) => {
    await stand.readyWorker();
    const runId = await stand.startImport(5_000);
    await untilApplied(stand, 1_000);
    await stand.client().temporal.workflow.getHandle(runId).cancel();
    const result = await stand.ended(runId, 30_000);
    const counts = await stand.conserved(runId, { result, state: 'cancelled' });
    expect(counts.cancelled).toBeGreaterThan(1_000);
  });
});

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
    const result = await stand.ended(runId, 30_000);
    const counts = await stand.conserved(runId, { result, state: 'cancelled' });
    expect(counts.in_doubt ?? 0, 'CXone has it, and nobody may ask again').toBe(100);
  });
});
