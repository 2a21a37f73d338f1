/** The email send beside what all runs do: it waits for its moment, judges a first share, pauses, follows jobs, and retries. */
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { Tracked, TrackMessages } from '../../src/activities/email-send/tracking.ts';
import type { EmailSendInput } from '../../src/contract/email-send.ts';
import { eventually } from '../harness/wait.ts';
import {
  PLAN,
  runWorkflow,
  type StubOverrides,
  settledPage,
  stubActivities,
  useTimeSkippingServer,
} from './harness.ts';

const server = useTimeSkippingServer();

const MESSAGE = {
  subject: 'News',
  templateId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  senderAddress: 'news@example.com',
};
const HOUR_MS = 3_600_000;

const send = (
  stubs: ReturnType<typeof stubActivities>,
  input: Partial<EmailSendInput>,
  interact: Parameters<typeof runWorkflow>[3],
) =>
  runWorkflow(
    server(),
    stubs,
    { type: 'emailSend', args: { message: MESSAGE, source: { dataset: 'ds' }, ...input } },
    interact,
  );

const inHours = async (hours: number) => new Date((await server().now()) + hours * HOUR_MS).toISOString();

const counts = { total: 350, pending: 0, invalid: 40, duplicate: 10, sent: 300 };
const ended: Tracked = { counts, isEnded: true, notBefore: null, policyBounces: 0, optOuts: 0 };

/** As the activity fails while jobs are open. */
const jobsOpen = () =>
  ApplicationFailure.create({ type: 'JobsOpen', message: '3 jobs are open', nextRetryDelay: '1 hour' });

/** While the run writes there is nothing to do, until `beside` says something else. */
function tracking(
  atEnd: readonly Partial<Tracked>[] = [],
  beside: readonly Partial<Tracked>[] = [],
): StubOverrides {
  const [besides, ends] = [[...beside], [...atEnd]];
  return {
    trackMessages: (request: TrackMessages) => {
      const next = (request.beside ? besides : ends).shift();
      if (request.beside && next === undefined) throw jobsOpen();
      return { ...ended, ...next };
    },
  };
}

const pausedFor = (stubs: ReturnType<typeof stubActivities>) =>
  (stubs.named('steerRun') as { decision: { action: string; reason?: string } | null }[])
    .filter(({ decision }) => decision?.action === 'pause')
    .map(({ decision }) => decision?.reason);

const pages = (stubs: ReturnType<typeof stubActivities>) =>
  (stubs.named('writePage') as { fromBatch: number }[]).map(({ fromBatch }) => fromBatch);

it('sends, follows the jobs to their end, and completes', async () => {
  const stubs = stubActivities(tracking());
  const result = await send(stubs, {}, (handle) => handle.result());
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

it('sends nothing before its moment', async () => {
  const sendAt = await inHours(5);
  const begunAt: number[] = [];
  const stubs = stubActivities({
    ...tracking(),
    writePage: async ({ fromBatch }) => {
      begunAt.push(await server().now());
      return settledPage({ total: 300, pending: 300 - 100 * fromBatch, sent: 100 * fromBatch });
    },
  });
  await send(stubs, { sendAt }, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(begunAt).toHaveLength(3);
  expect(begunAt.every((at) => at >= Date.parse(sendAt))).toBe(true);
  const waits = stubs.named('setPhase') as { phase: string; waitingFor: string | null }[];
  expect(waits).toContainEqual(
    expect.objectContaining({ phase: 'writing', waitingFor: expect.stringContaining(sendAt) as string }),
  );
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
  await send(stubs, { sendBefore: await inHours(1) }, async (handle) => {
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

it('judges a first share before it sends the rest', async () => {
  for (const passes of [true, false]) {
    const stubs = stubActivities({
      ...tracking(),
      planned: { batches: 10 },
      judgeCanary: () => {
        expect(pages(stubs).toSorted()).toEqual([1, 2]);
        return { passes, why: 'the first share went badly' };
      },
    });
    await send(stubs, { canary: 20, canaryWait: passes ? '2h' : '1s' }, async (handle) => {
      if (!passes) {
        await eventually(() => expect(pausedFor(stubs)).toEqual(['the first share went badly']));
        expect(pages(stubs)).toHaveLength(2);
        await handle.executeUpdate('decide', { args: [{ action: 'resume', by: 'dana' }] });
      }
      expect(await handle.result()).toMatchObject({ state: 'completed' });
    });
    expect(stubs.named('judgeCanary')).toHaveLength(1);
    expect(pages(stubs).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  }
  expect(PLAN.batches).toBe(3);
});

it('judges a first share by what has left, although some of it has to wait for another day', async () => {
  const notBefore = await inHours(24);
  const stubs = stubActivities({
    ...tracking(),
    planned: { batches: 10, openPages: 1, toWrite: 1_000 },
    writePage: ({ fromBatch }) => {
      // Half of the first batch, and the rest of it once everything else has left.
      const isAgain = pages(stubs).length > 10;
      const left = isAgain || fromBatch === 1 ? 50 : 0;
      return {
        ...settledPage({
          total: 1_000,
          pending: isAgain ? 0 : 1_050 - 100 * fromBatch,
          sent: 100 * fromBatch - left,
        }),
        ...(fromBatch === 1 && !isAgain && { notBefore }),
      };
    },
    judgeCanary: async () => {
      expect(await server().now()).toBeLessThan(Date.parse(notBefore));
      expect(pages(stubs)).toEqual([1]);
      return { passes: true, why: 'the first share was fine' };
    },
  });
  await send(stubs, { canary: 10, canaryWait: '2h' }, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(stubs.named('judgeCanary')).toHaveLength(1);
  expect(pages(stubs)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

it('writes again when messages that bounced temporarily are due, and follows them too', async () => {
  const notBefore = await inHours(6);
  const stubs = stubActivities(tracking([{ notBefore, isEnded: false }, {}]));
  await send(stubs, {}, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    const { closeTime } = await handle.describe();
    expect((closeTime?.toISOString() ?? '') >= notBefore).toBe(true);
  });
  expect(pages(stubs).toSorted()).toEqual([1, 1, 2, 2, 3, 3]);
});

it('brings opt-outs to CXone through a preference update of its own, which outlives the run', async () => {
  const staged = [
    {
      dataset: 'ds_optouts',
      rows: 2,
      messages: [
        [4, 1],
        [9, 1],
      ] as const,
    },
  ];
  const stubs = stubActivities({
    ...tracking([{ optOuts: 2, isEnded: false }, {}]),
    stageOptOuts: () => staged.shift() ?? null,
  });
  await send(stubs, {}, async (handle) => {
    await handle.result();
    const update = server().client.workflow.getHandle(`${handle.workflowId}.opt-outs-ds_optouts`);
    expect(await update.result()).toMatchObject({ state: 'completed' });
  });
  expect(stubs.named('markOptOutsSynced')).toEqual([
    {
      runId: expect.any(String) as string,
      messages: [
        [4, 1],
        [9, 1],
      ],
    },
  ]);
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
