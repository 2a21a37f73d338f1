/** A long run continues as new in the middle of the writing, and no signal is lost (docs/adr/0002-pages.md). */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TemporalServer } from '../../src/stack/temporal-server.ts';
import { useProcesses } from '../harness/processes.ts';
import { type OwnServer, startOwnTemporal } from '../harness/servers.ts';
import { countActions } from './observe.ts';
import { chooseSeed, createRandom, onStand, type Stand, until, untilApplied } from './stand.ts';

/** So low that every execution continues as new after its first three pages. */
const LOWERED = ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=15'];
const NAMESPACES = ['signals', 'cancel'] as const;

let temporal: OwnServer<TemporalServer>;
beforeAll(async () => {
  temporal = await startOwnTemporal({ extraArgs: LOWERED, namespaces: NAMESPACES });
});
afterAll(() => temporal.remove());

const options = (namespace: (typeof NAMESPACES)[number], ratePerMinute: number) => ({
  temporalAddress: temporal.current().address,
  namespace,
  env: { CXFLOW_RATE_PER_MINUTE: String(ratePerMinute) },
});

describe.concurrent('a run that continues as new', () => {
  const processes = useProcesses();
  it('processes every decision that arrives meanwhile, and continues writing where it was', async () => {
    const random = createRandom(chooseSeed(20268));
    await onStand(processes, options('signals', 4_000), async (stand) => {
      await stand.readyWorker();
      const runId = await stand.startImport(20_000);
      await untilApplied(stand, 1);
      const signals = pauseAndResumeRepeatedly(stand, runId, random);
      const executions = new Set<string>();
      const handle = stand.client().temporal.workflow.getHandle(runId);
      await until(
        async () => executions.add((await handle.describe()).runId).size,
        (count) => count >= 6,
      ).finally(() => signals.stop());
      const sent = await signals.stop();
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      const { pause = 0, resume = 0, steering_refused = 0, ...rest } = await countActions(stand, runId);
      expect({ pause, resume, steering_refused }, JSON.stringify(rest)).toEqual({
        pause: sent / 2,
        resume: sent / 2,
        steering_refused: 0,
      });
    });
  });
});

describe.concurrent('a run that continues as new', () => {
  const processes = useProcesses();
  it('ends on a cancel that arrives at the same time', async () => {
    await onStand(processes, options('cancel', 4_000), async (stand) => {
      await stand.readyWorker();
      const runId = await stand.startImport(60_000);
      const handle = stand.client().temporal.workflow.getHandle(runId);
      await untilApplied(stand, 1);
      const before = (await handle.describe()).runId;
      await until(
        () => handle.describe(),
        (now) => now.runId !== before,
      );
      await handle.signal('cancel', { by: 'dana' });
      const result = await stand.ended(runId);
      const counts = await stand.conserved(runId, { result, state: 'cancelled' });
      expect([(counts.created ?? 0) > 0, (counts.cancelled ?? 0) > 0]).toEqual([true, true]);
    });
  });
});

/** The most signals that may be unprocessed at a time, because those left when the run ends come too late. */
const MAX_UNPROCESSED = 6;

/** Signals pause and resume alternately until stopped, ending with a resume. `stop` returns the number of signals. */
function pauseAndResumeRepeatedly(
  stand: Stand,
  runId: string,
  random: (least: number, most: number) => number,
) {
  const handle = stand.client().temporal.workflow.getHandle(runId);
  let stopped = false;
  let sent = 0;
  const sending = (async () => {
    while (!stopped || sent % 2 === 1) {
      await handle.signal(sent % 2 === 0 ? 'pause' : 'resume', { by: `operator ${sent}` });
      sent += 1;
      await delay(random(100, 500));
      await until(
        () => countActions(stand, runId),
        ({ pause = 0, resume = 0, steering_refused = 0 }) =>
          sent - pause - resume - steering_refused <= MAX_UNPROCESSED,
      );
    }
  })();
  return {
    async stop(): Promise<number> {
      stopped = true;
      await sending;
      return sent;
    },
  };
}
