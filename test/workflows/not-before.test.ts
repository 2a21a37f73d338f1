/** Writes that may not be tried before a moment: a run waits for it once everything else is settled. */
import { expect, it } from 'vitest';
import { LATEST_TIMESTAMP } from '../../src/domain/timestamps.ts';
import { eventually } from '../harness/wait.ts';
import {
  oneInDoubt,
  runImport,
  type StubOverrides,
  settledPage,
  stubActivities,
  useTimeSkippingServer,
} from './harness.ts';

const server = useTimeSkippingServer();

/** On the server's clock, which earlier tests of the file have moved on. */
const inDays = async (days: number) =>
  new Date((await server().now()) + days * 24 * 60 * 60_000).toISOString();

/** The last of three pages leaves 100 records for later, once for each moment. */
function leaveForLater(moments: readonly string[], overrides: StubOverrides = {}) {
  const rest = [...moments];
  return stubActivities({
    ...overrides,
    writePage: ({ fromBatch }) => {
      if (fromBatch < 3)
        return settledPage({ total: 300, pending: 300 - 100 * fromBatch, created: 100 * fromBatch });
      const notBefore = rest.shift();
      const pending = notBefore === undefined ? 0 : 100;
      return {
        ...settledPage({ total: 300, pending, created: 300 - pending }),
        ...(notBefore && { notBefore }),
      };
    },
  });
}

const waits = (stubs: ReturnType<typeof stubActivities>) =>
  (stubs.named('setPhase') as { phase: string; waitingFor: string | null }[])
    .filter(({ waitingFor }) => waitingFor !== null)
    .map(({ phase, waitingFor }) => `${phase}: ${waitingFor}`);

it('waits for the first moment on a timer, writes again, and waits again if need be', async () => {
  const [first, second] = [await inDays(2), await inDays(5)];
  const stubs = leaveForLater([first, second]);
  await runImport(server(), stubs, {}, async (handle) => {
    await eventually(() => expect(waits(stubs)).toHaveLength(1));
    expect(stubs.named('writePage')).toHaveLength(3);
    expect(await handle.query('progress')).toMatchObject({ phase: 'writing', estimatedEnd: null });
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    const { closeTime } = await handle.describe();
    expect((closeTime?.toISOString() ?? '') > second).toBe(true);
  });
  expect(stubs.named('writePage')).toHaveLength(9);
  expect(waits(stubs)).toEqual([
    expect.stringContaining(`writing: ${first}`),
    expect.stringContaining(second),
  ]);
});

it('asks about writes in doubt before it waits', async () => {
  const stubs = leaveForLater([await inDays(2)], oneInDoubt());
  await runImport(server(), stubs, { onInDoubt: 'leave' }, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  const order = stubs.calls.map(({ name }) => name).filter((name) => /resolve|writePage/.test(name));
  expect(order).toEqual([
    ...Array<string>(3).fill('writePage'),
    'resolveInDoubt',
    ...Array<string>(3).fill('writePage'),
  ]);
});

it('can be paused and cancelled while it waits, also without a moment to wait for', async () => {
  for (const moment of [await inDays(2), LATEST_TIMESTAMP]) {
    const stubs = leaveForLater([moment]);
    const result = await runImport(server(), stubs, {}, async (handle) => {
      await eventually(() => expect(waits(stubs)).toHaveLength(1));
      await handle.executeUpdate('decide', { args: [{ action: 'pause', by: 'dana' }] });
      await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
      return (await handle.result()) as unknown;
    });
    expect(result).toMatchObject({ state: 'cancelled' });
    expect(stubs.named('writePage')).toHaveLength(3);
  }
});
