/** An email send whose history becomes too long: what it remembers beside the ledger goes with it. */
import { expect, it } from 'vitest';
import type { TrackMessages } from '../../src/activities/email-send/tracking.ts';
import { eventually } from '../harness/wait.ts';
import { ENDED, emailSendOn, jobsOpen, pages } from './email-sends.ts';
import { settledPage, stubActivities, useShortHistories } from './harness.ts';

const server = useShortHistories(25);

const { send } = emailSendOn(server);

it('follows its jobs in the next history; nothing is sent or judged again', async () => {
  const PASSES = 12;
  let passes = 0;
  let staged = 0;
  const stubs = stubActivities({
    planned: { batches: 10 },
    trackMessages: ({ beside }: TrackMessages) => {
      if (beside) throw jobsOpen('1 second');
      passes += 1;
      return passes <= PASSES ? { ...ENDED, isEnded: false, optOuts: 1 } : ENDED;
    },
    stageOptOuts: () =>
      staged < passes && staged < PASSES
        ? { dataset: null, rows: 0, messages: [[(staged += 1), 1] as const] }
        : null,
  });
  await send(stubs, { canary: 20, canaryWait: '1s' }, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    expect((await handle.describe()).historyLength).toBeLessThan(5 * PASSES);
  });
  expect(pages(stubs).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(stubs.named('judgeCanary')).toHaveLength(1);
  const marked = stubs.named('markOptOutsSynced') as { messages: [number, number][] }[];
  expect(marked.flatMap(({ messages }) => messages.map(([seq]) => seq))).toEqual(
    Array.from({ length: PASSES }, (_, n) => n + 1),
  );
});

it('does not pause again for what it has paused for', async () => {
  const stubs = stubActivities({
    planned: { batches: 1 },
    writePage: () => settledPage({ total: 100, pending: 0, sent: 100 }),
    trackMessages: ({ beside, policyBounces }: TrackMessages) => {
      if (beside && policyBounces === 2) throw jobsOpen('1 second');
      return { ...ENDED, isEnded: !beside, policyBounces: 2 };
    },
    // So that it cannot end before it has paused.
    listInDoubt: async () => {
      await eventually(() => expect(stubs.named('steerRun')).not.toEqual([]));
      return [];
    },
  });
  await send(stubs, { retries: 0 }, async (handle) => {
    await eventually(() => expect(stubs.named('steerRun')).toHaveLength(1));
    const first = (await handle.describe()).runId;
    // Decisions that change nothing, to fill the history.
    await eventually(async () => {
      await handle.signal('approve', { by: 'dana' });
      expect((await handle.describe()).runId).not.toBe(first);
    });
    await eventually(() => handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] }));
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  const steered = stubs.named('steerRun') as { decision: { action: string } | null }[];
  expect(steered.map(({ decision }) => decision?.action)).toEqual(['pause', 'resume']);
});
