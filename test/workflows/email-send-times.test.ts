/** An email send that waits: for another day, for a retry, for a job, and for its moment. */
import type { WorkflowHandle } from '@temporalio/client';
import { requiredTsToMs } from '@temporalio/common/lib/time.js';
import { expect, it } from 'vitest';
import type { Tracked, TrackMessages } from '../../src/activities/email-send/tracking.ts';
import { eventually } from '../harness/wait.ts';
import { ENDED, emailSendOn, jobsOpen, pages, tracking } from './email-sends.ts';
import {
  fatalFailure,
  getFailure,
  type StubOverrides,
  settledPage,
  stubActivities,
  useRealServer,
} from './harness.ts';

const server = useRealServer();
const { send, inSeconds } = emailSendOn(server);

const HOUR_S = 3_600;
const DAY_MS = 24 * HOUR_S * 1_000;

const toIso = (ms: number): string => new Date(ms).toISOString();

/** While the run writes there is nothing to do. `atEnd` answers afterwards. */
const trackingWith = (atEnd: () => Tracked): StubOverrides => ({
  trackMessages: ({ beside }: TrackMessages) => {
    if (beside) throw jobsOpen();
    return atEnd();
  },
});

it('what has to wait for another day leaves then, and what is left over on the one after', async () => {
  const begunAt: number[] = [];
  const nextDays: string[] = [];
  const stubs = stubActivities({
    ...tracking(),
    planned: { batches: 1, toWrite: 300 },
    writePage: () => {
      begunAt.push(Date.now());
      const pending = 300 - 100 * begunAt.length;
      const page = settledPage({ total: 300, pending, sent: 300 - pending });
      if (pending === 0) return page;
      const notBefore = inSeconds(1);
      nextDays.push(notBefore);
      return { ...page, notBefore };
    },
  });
  await send(stubs, {}, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(begunAt).toHaveLength(3);
  expect(begunAt.slice(1).every((at, n) => toIso(at) >= (nextDays[n] ?? ''))).toBe(true);
});

it('a retry leaves when its delay is over, and not before', async () => {
  const begunAt: number[] = [];
  const dueAt: string[] = [];
  const stubs = stubActivities({
    ...trackingWith(() => {
      if (dueAt.length === 2) return ENDED;
      const notBefore = inSeconds(1);
      dueAt.push(notBefore);
      return { ...ENDED, counts: { total: 100, pending: 1, sent: 99 }, notBefore };
    }),
    planned: { batches: 1, toWrite: 100 },
    writePage: () => {
      begunAt.push(Date.now());
      return settledPage({ total: 100, pending: 0, sent: 100 });
    },
  });
  await send(stubs, {}, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(pages(stubs)).toEqual([1, 1, 1]);
  expect(begunAt.slice(1).every((at, n) => toIso(at) >= (dueAt[n] ?? ''))).toBe(true);
});

it('while retries wait, messages that bounce too are shown as pending', async () => {
  const first = { ...ENDED, counts: { total: 300, pending: 1, sent: 299 } };
  const more = { ...ENDED, counts: { total: 300, pending: 3, sent: 297 } };
  const beside = [more];
  const stubs = stubActivities({
    trackMessages: (request: TrackMessages) => {
      if (!request.beside) return { ...first, notBefore: inSeconds(6 * HOUR_S) };
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
    await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'cancelled' });
  });
});

it('sends nothing before its moment', async () => {
  const sendAt = inSeconds(5);
  const begunAt: number[] = [];
  const stubs = stubActivities({
    ...tracking(),
    writePage: ({ fromBatch }) => {
      begunAt.push(Date.now());
      return settledPage({ total: 300, pending: 300 - 100 * fromBatch, sent: 100 * fromBatch });
    },
  });
  await send(stubs, { sendAt }, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  expect(begunAt).toHaveLength(3);
  expect(begunAt.every((at) => at >= Date.parse(sendAt))).toBe(true);
});

it('ends with the cause if its jobs cannot be followed any more while retries wait', async () => {
  let areRetriesPlanned = false;
  const stubs = stubActivities({
    trackMessages: ({ beside }: TrackMessages) => {
      if (beside)
        throw areRetriesPlanned ? fatalFailure('CredentialsRefused', 'they were refused') : jobsOpen();
      areRetriesPlanned = true;
      return { ...ENDED, notBefore: inSeconds(6 * HOUR_S) };
    },
  });
  expect(await send(stubs, {}, getFailure)).toMatchObject({ type: 'CredentialsRefused' });
  expect(stubs.named('writePage')).toHaveLength(3);
});

it('a job is followed to its end in one activity, whose polls leave nothing in the history', async () => {
  let polls = 0;
  const stubs = stubActivities(
    trackingWith(() => {
      polls += 1;
      if (polls < 5) throw jobsOpen('1 second');
      return ENDED;
    }),
  );
  const begun = await send(stubs, {}, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    const events = (await handle.fetchHistory()).events ?? [];
    return events.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
  });
  expect(polls).toBe(5);
  // One beside the writes, and one after them.
  expect(begun.filter((name) => name === 'trackMessages')).toHaveLength(2);
});

/** The last Sunday of the month, from 0, on which the clocks change in Berlin: the first one that is yet to come. */
function nextChange(month: number): string {
  const year = new Date().getUTCFullYear();
  const sundays = [year, year + 1].map((each) => {
    const last = new Date(Date.UTC(each, month + 1, 0));
    return last.getTime() - last.getUTCDay() * DAY_MS;
  });
  return toIso(sundays.find((sunday) => sunday > Date.now()) ?? 0).slice(0, 10);
}

/** Epoch ms: when the timers that the run has started end. Its clock stands still while it carries out a workflow task. */
async function endsOfTimers(handle: WorkflowHandle): Promise<readonly number[]> {
  const events = (await handle.fetchHistory()).events ?? [];
  const at = (id: Parameters<typeof Number>[0]) => events[Number(id) - 1];
  return events.flatMap(({ timerStartedEventAttributes: timer }) => {
    if (!timer) return [];
    const completed = at(timer.workflowTaskCompletedEventId)?.workflowTaskCompletedEventAttributes;
    return [
      requiredTsToMs(at(completed?.startedEventId)?.eventTime, 'eventTime') +
        requiredTsToMs(timer.startToFireTimeout, 'startToFireTimeout'),
    ];
  });
}

it.each([
  ['does not exist, as much later as the clocks are put forward', 2, '01:30:00.000Z'],
  ['exists twice, at the first of the two', 9, '00:30:00.000Z'],
])('waits for a local time that %s', async (_, month, expected) => {
  const date = nextChange(month);
  const moment = `${date}T${expected}`;
  const stubs = stubActivities(tracking());
  await send(stubs, { sendAt: `${date}T02:30 Europe/Berlin` }, async (handle) => {
    await eventually(async () =>
      expect(await handle.query('progress')).toMatchObject({
        phase: 'writing',
        waitingFor: expect.stringContaining(moment) as unknown,
      }),
    );
    await eventually(async () => expect((await endsOfTimers(handle)).map(toIso)).toContain(moment));
    await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
    expect(await handle.result()).toMatchObject({ state: 'cancelled' });
  });
  expect(stubs.named('writePage')).toEqual([]);
});
