/** A first share is sent alone, and judged before the rest is sent. */
import { expect, it } from 'vitest';
import { eventually } from '../harness/wait.ts';
import { emailSendOn, pages, pausedFor, tracking } from './email-sends.ts';
import { PLAN, settledPage, stubActivities, useRealServer } from './harness.ts';

const server = useRealServer();
const { send, inSeconds } = emailSendOn(server);

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
    await send(stubs, { canary: 20, canaryWait: '1s' }, async (handle) => {
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
  const notBefore = inSeconds(24 * 3_600);
  const stubs = stubActivities({
    ...tracking(),
    planned: { batches: 10, openPages: 1, toWrite: 1_000 },
    writePage: ({ fromBatch }) => {
      // Half of the first batch.
      const left = fromBatch === 1 ? 50 : 0;
      return {
        ...settledPage({ total: 1_000, pending: 1_050 - 100 * fromBatch, sent: 100 * fromBatch - left }),
        ...(fromBatch === 1 && { notBefore }),
      };
    },
    judgeCanary: () => {
      expect(pages(stubs)).toEqual([1]);
      return { passes: true, why: 'the first share was fine' };
    },
  });
  await send(stubs, { canary: 10, canaryWait: '1s' }, async (handle) => {
    await eventually(() => expect(pages(stubs)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    await eventually(async () =>
      expect(await handle.query('progress')).toMatchObject({
        waitingFor: expect.stringContaining(notBefore) as unknown,
      }),
    );
    await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'cancelled' });
  });
  expect(stubs.named('judgeCanary')).toHaveLength(1);
});
