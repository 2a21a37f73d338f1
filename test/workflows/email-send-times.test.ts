/** An email send that waits: for the next day, for a retry, for a job, for late events, and for its moment. */
import { expect, it } from 'vitest';
import type { Tracked, TrackMessages } from '../../src/activities/email-send/tracking.ts';
import type { EmailSendInput } from '../../src/contract/email-send.ts';
import { startOfNextDay } from '../../src/domain/email-send/schedule.ts';
import { eventually } from '../harness/wait.ts';
import { ENDED, emailSendOn, jobsOpen, pages, tracking } from './email-sends.ts';
import {
  fatalFailure,
  getFailure,
  type StubOverrides,
  settledPage,
  stubActivities,
  useTimeSkippingServer,
  waitForPhase,
} from './harness.ts';

const server = useTimeSkippingServer();
const { send, inHours } = emailSendOn(server);

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const now = () => server().now();
const toIso = (ms: number): string => new Date(ms).toISOString();

const complete = (
  stubs: ReturnType<typeof stubActivities>,
  input: Partial<EmailSendInput> = {},
): Promise<void> =>
  send(stubs, input, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });

/** While the run writes there is nothing to do. `atEnd` answers afterwards. */
const trackingWith = (atEnd: () => Promise<Tracked>): StubOverrides => ({
  trackMessages: ({ beside }: TrackMessages) => {
    if (beside) throw jobsOpen('15 minutes');
    return atEnd();
  },
});

it('what exceeds the limit of a day leaves on the next ones: three days for three times as many', async () => {
  const begunAt: number[] = [];
  const stubs = stubActivities({
    ...tracking(),
    planned: { batches: 1, toWrite: 300 },
    writePage: async () => {
      const at = await now();
      begunAt.push(at);
      const pending = 300 - 100 * begunAt.length;
      const page = settledPage({ total: 300, pending, sent: 300 - pending });
      return pending === 0 ? page : { ...page, notBefore: toIso(startOfNextDay(at, 'Europe/Berlin')) };
    },
  });
  await complete(stubs);
  const days = begunAt.map((at) => startOfNextDay(at, 'Europe/Berlin'));
  const [first = 0, second = 0, third = 0] = days;
  expect(days).toHaveLength(3);
  expect(second).toBe(startOfNextDay(first, 'Europe/Berlin'));
  expect(third).toBe(startOfNextDay(second, 'Europe/Berlin'));
});

it('a retry leaves when its delay is over, and not before', async () => {
  const begunAt: number[] = [];
  const dueAt: number[] = [];
  const stubs = stubActivities({
    ...trackingWith(async () => {
      if (dueAt.length === 2) return ENDED;
      const due = (await now()) + 6 * HOUR_MS;
      dueAt.push(due);
      return { ...ENDED, counts: { total: 100, pending: 1, sent: 99 }, notBefore: toIso(due) };
    }),
    planned: { batches: 1, toWrite: 100 },
    writePage: async () => {
      begunAt.push(await now());
      return settledPage({ total: 100, pending: 0, sent: 100 });
    },
  });
  await complete(stubs);
  expect(pages(stubs)).toEqual([1, 1, 1]);
  expect(begunAt.slice(1).every((at, n) => at >= (dueAt[n] ?? Infinity))).toBe(true);
});

it('while retries wait, messages that bounce too are shown as pending', async () => {
  const first = { ...ENDED, counts: { total: 300, pending: 1, sent: 299 } };
  const more = { ...ENDED, counts: { total: 300, pending: 3, sent: 297 } };
  const [atEnd, beside] = [[first], [more]];
  const stubs = stubActivities({
    trackMessages: async (request: TrackMessages) => {
      if (!request.beside) {
        const next = atEnd.shift();
        return next ? { ...next, notBefore: toIso((await now()) + 6 * HOUR_MS) } : ENDED;
      }
      const next = request.pending === 1 ? beside.shift() : undefined;
      if (!next) throw jobsOpen();
      return next;
    },
  });
  await send(stubs, {}, async (handle) => {
    await eventually(async () =>
      expect(await handle.query('progress')).toMatchObject({
        phase: 'writing',
        waitingFor: expect.stringContaining('first time') as unknown,
        counts: more.counts,
      }),
    );
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
});

it('sends nothing before its moment', async () => {
  const sendAt = await inHours(5);
  const begunAt: number[] = [];
  const stubs = stubActivities({
    ...tracking(),
    writePage: async ({ fromBatch }) => {
      begunAt.push(await now());
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

it('ends with the cause if its jobs cannot be followed any more while retries wait', async () => {
  let areRetriesPlanned = false;
  const stubs = stubActivities({
    trackMessages: async ({ beside }: TrackMessages) => {
      if (beside)
        throw areRetriesPlanned ? fatalFailure('CredentialsRefused', 'they were refused') : jobsOpen();
      areRetriesPlanned = true;
      return { ...ENDED, notBefore: toIso((await now()) + 6 * HOUR_MS) };
    },
  });
  expect(await send(stubs, {}, getFailure)).toMatchObject({ type: 'CredentialsRefused' });
  expect(stubs.named('writePage')).toHaveLength(3);
});

it.each([
  ['a job that takes six hours', 6, {}],
  ['events that are watched for 72 hours', 72, { watchEvents: '72h' }],
])(
  '%s is followed to its end in one activity, whose polls leave nothing in the history',
  async (_, hours, input) => {
    let [begins, polls] = [0, 0];
    const stubs = stubActivities(
      trackingWith(async () => {
        const at = await now();
        begins ||= at;
        polls += 1;
        if (at < begins + hours * HOUR_MS) throw jobsOpen('15 minutes');
        return ENDED;
      }),
    );
    const historyLength = await send(stubs, input, async (handle) => {
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      return (await handle.describe()).historyLength;
    });
    expect(polls).toBeGreaterThan(hours);
    expect((await now()) - begins).toBeGreaterThanOrEqual(hours * HOUR_MS);
    expect(historyLength).toBeLessThan(100);
  },
);

/** The last Sunday of the month, from 0, on which the clocks change in Berlin: the first one that is yet to come. */
async function nextChange(month: number): Promise<string> {
  const at = await now();
  const year = new Date(at).getUTCFullYear();
  const sundays = [year, year + 1].map((each) => {
    const last = new Date(Date.UTC(each, month + 1, 0));
    return last.getTime() - last.getUTCDay() * DAY_MS;
  });
  return toIso(sundays.find((sunday) => sunday > at) ?? 0).slice(0, 10);
}

it.each([
  ['does not exist, as much later as the clocks are put forward', 2, '01:30:00.000Z'],
  ['exists twice, at the first of the two', 9, '00:30:00.000Z'],
])('sends at a local time that %s', async (_, month, expected) => {
  const date = await nextChange(month);
  const begunAt: number[] = [];
  const stubs = stubActivities({
    ...tracking(),
    planned: { batches: 1, toWrite: 100 },
    writePage: async () => {
      begunAt.push(await now());
      return settledPage({ total: 100, pending: 0, sent: 100 });
    },
  });
  await complete(stubs, { sendAt: `${date}T02:30 Europe/Berlin` });
  const waits = stubs.named('setPhase') as { waitingFor: string | null }[];
  const moment = `${date}T${expected}`;
  expect(waits.some(({ waitingFor }) => waitingFor?.includes(moment))).toBe(true);
  expect(begunAt).toHaveLength(1);
  expect(begunAt[0]).toBeGreaterThanOrEqual(Date.parse(moment));
});

it('does not wait for ever for its opt-outs to be handed over when it is cancelled', async () => {
  const stubs = stubActivities({
    trackMessages: () => {
      throw jobsOpen();
    },
    stageOptOuts: () => {
      throw new Error('the ledger is away');
    },
  });
  await send(stubs, {}, async (handle) => {
    await waitForPhase(stubs, 'tracking');
    const before = await now();
    await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'cancelled' });
    expect((await now()) - before).toBeGreaterThanOrEqual(600_000);
  });
});
