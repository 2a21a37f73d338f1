/** An email send whose history becomes too long: what it remembers beside the ledger goes with it. */
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { Tracked, TrackMessages } from '../../src/activities/email-send/tracking.ts';
import { eventually } from '../harness/wait.ts';
import { runWorkflow, settledPage, stubActivities, useShortHistories } from './harness.ts';

const server = useShortHistories(25);

const MESSAGE = {
  subject: 'News',
  templateId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  senderAddress: 'news@example.com',
};
const ENDED: Tracked = {
  counts: { total: 300, pending: 0, sent: 300 },
  isEnded: true,
  notBefore: null,
  policyBounces: 0,
  optOuts: 0,
};

const jobsOpen = () =>
  ApplicationFailure.create({ type: 'JobsOpen', message: '1 job is open', nextRetryDelay: '1 second' });

const start = (
  stubs: ReturnType<typeof stubActivities>,
  input: object,
  interact: Parameters<typeof runWorkflow>[3],
) =>
  runWorkflow(
    server(),
    stubs,
    { type: 'emailSend', args: { message: MESSAGE, source: { dataset: 'ds' }, ...input } },
    interact,
  );

it('follows its jobs in the next history; nothing is sent or judged again', async () => {
  const PASSES = 12;
  let passes = 0;
  let staged = 0;
  const stubs = stubActivities({
    planned: { batches: 10 },
    trackMessages: ({ beside }: TrackMessages) => {
      if (beside) throw jobsOpen();
      passes += 1;
      return passes <= PASSES ? { ...ENDED, isEnded: false, optOuts: 1 } : ENDED;
    },
    stageOptOuts: () =>
      staged < passes && staged < PASSES
        ? { dataset: null, rows: 0, messages: [[(staged += 1), 1] as const] }
        : null,
  });
  await start(stubs, { canary: 20, canaryWait: '1s' }, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    expect((await handle.describe()).historyLength).toBeLessThan(5 * PASSES);
  });
  const pages = (stubs.named('writePage') as { fromBatch: number }[]).map(({ fromBatch }) => fromBatch);
  expect(pages.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
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
      if (beside && policyBounces === 2) throw jobsOpen();
      return { ...ENDED, isEnded: !beside, policyBounces: 2 };
    },
    // So that it cannot end before it has paused.
    listInDoubt: async () => {
      await eventually(() => expect(stubs.named('steerRun')).not.toEqual([]));
      return [];
    },
  });
  await start(stubs, { retries: 0 }, async (handle) => {
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
