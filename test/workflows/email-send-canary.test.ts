/** A first share is sent alone, and judged before the rest is sent. */
import { expect, it } from 'vitest';
import { eventually } from '../harness/wait.ts';
import { emailSendOn, pages, pausedFor, tracking } from './email-sends.ts';
import { PLAN, settledPage, stubActivities, useTimeSkippingServer } from './harness.ts';

const server = useTimeSkippingServer();
const { send, inHours } = emailSendOn(server);

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
