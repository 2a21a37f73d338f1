/** The email send beside what all runs do: it pauses and follows jobs. Its waits: email-send-times. */
import { expect, it } from 'vitest';
import { eventually } from '../harness/wait.ts';
import { emailSendOn, jobsOpen, pages, pausedFor, tracking } from './email-sends.ts';
import { fatalFailure, getFailure, settledPage, stubActivities, useRealServer } from './harness.ts';

const server = useRealServer();
const { send, inSeconds } = emailSendOn(server);

it('sends, follows the jobs to their end, and completes', async () => {
  const stubs = stubActivities(tracking());
  const result: unknown = await send(stubs, {}, (handle) => handle.result());
  expect(result).toMatchObject({ state: 'completed' });
  expect(pages(stubs).toSorted()).toEqual([1, 2, 3]);
  const phases = (stubs.named('setPhase') as { phase: string }[]).map(({ phase }) => phase);
  expect(phases).toEqual(['staging', 'planning', 'writing', 'tracking']);
  expect(stubs.named('trackMessages').at(-1)).toMatchObject({ beside: false });
});

it('refuses a message with problems, and names all of them', async () => {
  const stubs = stubActivities(tracking());
  const message = { subject: 'a\nb', templateId: 'x', senderAddress: 'news' };
  await send(stubs, { message }, async (handle) => {
    const error = (await handle.result().catch((reason: unknown) => reason)) as { cause?: Error };
    for (const path of ['message.subject', 'message.templateId', 'message.senderAddress'])
      expect(error.cause?.message).toContain(path);
  });
  expect(stubs.calls).toEqual([]);
});

it('asks once before it sends what is late', async () => {
  const stubs = stubActivities({
    ...tracking(),
    planned: { openPages: 1 },
    writePage: ({ fromBatch }) =>
      settledPage({ total: 300, pending: 300 - 100 * fromBatch, sent: 100 * fromBatch }),
  });
  await send(stubs, { sendBefore: '2026-01-01T00:00Z' }, async (handle) => {
    await eventually(() => expect(pausedFor(stubs)).toEqual([expect.stringContaining('is over')]));
    expect(pages(stubs)).toEqual([]);
    await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(pausedFor(stubs)).toHaveLength(1);
  expect(pages(stubs)).toEqual([1, 2, 3]);
});

it('asks before it sends late what was held up in the middle of a page', async () => {
  const stubs = stubActivities({
    ...tracking(),
    planned: { openPages: 1 },
    // The worker finds that it is late; the run itself cannot know.
    writePage: ({ fromBatch, claimsUntil }) =>
      fromBatch === 2 && claimsUntil !== undefined
        ? { ...settledPage({ total: 300, pending: 200, sent: 100 }), halted: 'late', left: 1 }
        : settledPage({ total: 300, pending: 300 - 100 * fromBatch, sent: 100 * fromBatch }),
  });
  await send(stubs, { sendBefore: inSeconds(3_600) }, async (handle) => {
    await eventually(() => expect(pausedFor(stubs)).toEqual([expect.stringContaining('is over')]));
    expect(pages(stubs)).toEqual([1, 2]);
    await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(pausedFor(stubs)).toHaveLength(1);
  expect(pages(stubs)).toEqual([1, 2, 2, 3]);
});

it('pauses after two lost answers in a row, over pages, and goes on when a person says so', async () => {
  const lost = [1, 1, 0];
  const stubs = stubActivities({
    ...tracking(),
    planned: { openPages: 1 },
    writePage: ({ fromBatch }) => ({
      ...settledPage({ total: 300, pending: 300 - 100 * fromBatch, sent: 100 * fromBatch }),
      lost: { inARow: lost[fromBatch - 1] ?? 0, afterAnswer: false, limit: 2 },
    }),
  });
  await send(stubs, {}, async (handle) => {
    await eventually(() => expect(pausedFor(stubs)).toEqual([expect.stringContaining('2 writes in a row')]));
    expect(pages(stubs)).toEqual([1, 2]);
    expect(await handle.query('progress')).toMatchObject({
      phase: 'paused',
      waitingFor: expect.stringContaining('by cxflow') as string,
    });
    await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(pages(stubs)).toEqual([1, 2, 3]);
});

it('shows that it is paused if that was decided before it was approved', async () => {
  const stubs = stubActivities(tracking());
  await send(stubs, { approval: true }, async (handle) => {
    await eventually(async () =>
      expect(await handle.query('progress')).toMatchObject({ phase: 'awaiting_approval' }),
    );
    for (const action of ['pause', 'approve'])
      await handle.executeUpdate('decide', { args: [{ action, by: 'dana' }] });
    await eventually(async () => expect(await handle.query('progress')).toMatchObject({ phase: 'paused' }));
    expect(pages(stubs)).toEqual([]);
    await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
});

it('does not pause if CXone has answered in between', async () => {
  const stubs = stubActivities({
    ...tracking(),
    planned: { openPages: 1 },
    writePage: ({ fromBatch }) => ({
      ...settledPage({ total: 300, pending: 300 - 100 * fromBatch, sent: 100 * fromBatch }),
      lost: { inARow: 1, afterAnswer: true, limit: 2 },
    }),
  });
  await send(stubs, {}, (handle) => handle.result());
  expect(pausedFor(stubs)).toEqual([]);
});

it('pauses where CXone refuses one write after the other, and tries the page again', async () => {
  const halts = ['refused', null] as const;
  let calls = 0;
  const stubs = stubActivities({
    ...tracking(),
    planned: { batches: 1 },
    writePage: () => {
      const halted = halts[calls] ?? null;
      calls += 1;
      return { ...settledPage({ total: 100, pending: halted ? 100 : 0, sent: halted ? 0 : 100 }), halted };
    },
  });
  await send(stubs, {}, async (handle) => {
    await eventually(() => expect(pausedFor(stubs)).toEqual([expect.stringContaining('refuses')]));
    await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
    await handle.result();
  });
  expect(pages(stubs)).toEqual([1, 1]);
});

it('pauses for bounces about the sender while there is something left to send', async () => {
  const stubs = stubActivities({
    ...tracking([], [{ policyBounces: 3 }]),
    planned: { openPages: 1 },
    writePage: async ({ fromBatch }) => {
      if (fromBatch === 1) await eventually(() => expect(pausedFor(stubs)).toHaveLength(1));
      return settledPage({ total: 300, pending: 300 - 100 * fromBatch, sent: 100 * fromBatch });
    },
  });
  await send(stubs, {}, async (handle) => {
    await eventually(() => expect(pausedFor(stubs)).toEqual([expect.stringContaining('3 messages')]));
    await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
    await handle.result();
  });
  expect(pausedFor(stubs)).toHaveLength(1);
});

it('is cancelled while it follows jobs', async () => {
  const stubs = stubActivities({
    trackMessages: () => {
      throw jobsOpen();
    },
  });
  await send(stubs, {}, async (handle) => {
    await eventually(async () => expect(await handle.query('progress')).toMatchObject({ phase: 'tracking' }));
    await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'cancelled' });
  });
});

it('ends with the cause if its jobs cannot be followed any more while it writes', async () => {
  const refused = fatalFailure('CredentialsRefused', 'the credentials were refused');
  const stubs = stubActivities({
    planned: { batches: 1 },
    trackMessages: () => {
      throw refused;
    },
    // Until the claims are stopped, as pages do.
    writePage: async () => {
      await eventually(() => expect(stubs.named('steerRun')).toHaveLength(1));
      return { ...settledPage({ total: 300, pending: 300 }), halted: 'stopped' };
    },
    // The run hears of the page first.
    steerRun: ({ runId }) =>
      eventually(async () => {
        const { raw } = await server().client.workflow.getHandle(runId).describe();
        expect(raw.pendingActivities?.map(({ activityType }) => activityType?.name)).toEqual(['steerRun']);
        expect(raw.pendingWorkflowTask ?? null).toBeNull();
      }),
  });
  const failure = await send(stubs, {}, getFailure);
  expect(failure).toMatchObject({ type: 'CredentialsRefused', message: refused.message });
  expect(stubs.named('steerRun')).toMatchObject([{ steering: 'stopped' }]);
  expect(stubs.named('listInDoubt')).toEqual([]);
  expect(stubs.named('closeRun')).toMatchObject([
    { state: 'failed', failure: { type: 'CredentialsRefused' } },
  ]);
});
