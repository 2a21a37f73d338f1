/**
 * An email send that waits for hours and days, on a server that skips them. Each run stops following its jobs only while that
 * activity rests between two attempts, because this server cannot cancel it at any other time (harness.ts).
 */
import { expect, it } from 'vitest';
import type { Tracked, TrackMessages } from '../../src/activities/email-send/tracking.ts';
import type { EmailSendInput } from '../../src/contract/email-send.ts';
import { startOfNextDay } from '../../src/domain/email-send/schedule.ts';
import { ENDED, emailSendOn, jobsOpen, stopTrackingBetweenAttempts } from './email-sends.ts';
import { type StubOverrides, settledPage, stubActivities, useTimeSkippingServer } from './harness.ts';

const server = useTimeSkippingServer('test');
const { send } = emailSendOn(server);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ZONE = 'Europe/Berlin';
/** For what a run does after a wait, during which the server's clock goes at its usual speed. */
const SOON_MS = 10 * MINUTE_MS;

const now = () => server().now();
const toIso = (ms: number): string => new Date(ms).toISOString();

/** While the run writes there is nothing to do, for longer than any test. `atEnd` answers afterwards. */
const trackingWith = (atEnd: () => Promise<Tracked> | Tracked = () => ENDED): StubOverrides => ({
  trackMessages: ({ beside }: TrackMessages) => {
    if (beside) throw jobsOpen('1000 days');
    return atEnd();
  },
  ...stopTrackingBetweenAttempts(server),
});

/** When the run was started and ended, in epoch ms, and how many activities followed its jobs. */
async function complete(
  stubs: ReturnType<typeof stubActivities>,
  input: Partial<EmailSendInput> = {},
): Promise<{ readonly startedAt: number; readonly endedAt: number; readonly tracked: number }> {
  return send(stubs, input, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    const { startTime, closeTime } = await handle.describe();
    const events = (await handle.fetchHistory()).events ?? [];
    const begun = events.map(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'trackMessages',
    );
    return {
      startedAt: startTime.getTime(),
      endedAt: Number(closeTime),
      tracked: begun.filter(Boolean).length,
    };
  });
}

/** A share of each day, 100 recipients each, until all are sent. Returns when they were written, in epoch ms. */
async function sendOverDays(days: number): Promise<readonly number[]> {
  const begunAt: number[] = [];
  const total = 100 * days;
  const stubs = stubActivities({
    ...trackingWith(),
    planned: { batches: 1, toWrite: total },
    async writePage() {
      const at = await now();
      begunAt.push(at);
      const pending = total - 100 * begunAt.length;
      const page = settledPage({ total, pending, sent: total - pending });
      return pending === 0 ? page : { ...page, notBefore: toIso(startOfNextDay(at, ZONE)) };
    },
  });
  await complete(stubs);
  return begunAt;
}

/** Each is written when the one before says that it may be, and soon after. */
function expectAtMidnight(begunAt: readonly number[]): void {
  for (const [n, at] of begunAt.slice(1).entries()) {
    const midnight = startOfNextDay(begunAt[n] ?? 0, ZONE);
    expect(at).toBeGreaterThanOrEqual(midnight);
    expect(at - midnight).toBeLessThan(SOON_MS);
  }
}

it('what exceeds the limit of a day leaves on the next ones: three days for three times as many', async () => {
  const begunAt = await sendOverDays(3);
  expect(begunAt).toHaveLength(3);
  expectAtMidnight(begunAt);
});

it('a retry leaves when its six hours are over, and not before', async () => {
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
    async writePage() {
      begunAt.push(await now());
      return settledPage({ total: 100, pending: 0, sent: 100 });
    },
  });
  await complete(stubs);
  expect(begunAt).toHaveLength(3);
  for (const [n, due] of dueAt.entries()) {
    const at = begunAt[n + 1] ?? 0;
    expect(at).toBeGreaterThanOrEqual(due);
    expect(at - due).toBeLessThan(SOON_MS);
  }
});

it.each([
  ['a job that takes six hours', 6, {}],
  ['events that are watched for 72 hours', 72, { watchEvents: '72h' }],
])('%s: one activity follows it, and its polls leave nothing in the history', async (_, hours, input) => {
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
  const { startedAt, endedAt, tracked } = await complete(stubs, input);
  expect(polls).toBeGreaterThan(4 * hours);
  expect(endedAt - startedAt).toBeGreaterThanOrEqual(hours * HOUR_MS);
  // Each poll may come a little later than it is due.
  expect(endedAt - startedAt).toBeLessThan((hours + 1) * HOUR_MS);
  // One beside the writes, and one after them.
  expect(tracked).toBe(2);
});

/** Midnight UTC of the last Sunday of the month, from 0, on which the clocks change in Berlin: the first one that is yet to come. */
async function nextChange(month: number): Promise<number> {
  const at = await now();
  const year = new Date(at).getUTCFullYear();
  const sundays = [year, year + 1].map((each) => {
    const last = new Date(Date.UTC(each, month + 1, 0));
    return last.getTime() - last.getUTCDay() * DAY_MS;
  });
  // Not the one of tomorrow, because its eve is over.
  return sundays.find((sunday) => sunday - DAY_MS > at) ?? 0;
}

it.each([
  ['23 hours', 2, 23],
  ['25 hours', 9, 25],
])('a day of %s is as long for the daily limit', async (_, month, hours) => {
  const change = await nextChange(month);
  await server().skip(change - DAY_MS / 2 - (await now()));
  const [, sunday = 0, monday = 0] = await sendOverDays(3);
  expectAtMidnight([sunday, monday]);
  expect(toIso(sunday).slice(0, 10)).toBe(toIso(change - DAY_MS).slice(0, 10));
  expect(startOfNextDay(sunday, ZONE) - startOfNextDay(sunday - DAY_MS, ZONE)).toBe(hours * HOUR_MS);
  expect(Math.abs(monday - sunday - hours * HOUR_MS)).toBeLessThan(SOON_MS);
});

it.each([
  ['does not exist, as much later as the clocks are put forward', 2, '01:30:00.000Z'],
  ['exists twice, at the first of the two', 9, '00:30:00.000Z'],
])('sends at a local time that %s', async (_, month, expected) => {
  const date = toIso(await nextChange(month)).slice(0, 10);
  const begunAt: number[] = [];
  const stubs = stubActivities({
    ...trackingWith(),
    planned: { batches: 1, toWrite: 100 },
    async writePage() {
      begunAt.push(await now());
      return settledPage({ total: 100, pending: 0, sent: 100 });
    },
  });
  await complete(stubs, { sendAt: `${date}T02:30 ${ZONE}` });
  const moment = Date.parse(`${date}T${expected}`);
  expect(begunAt).toHaveLength(1);
  expect(begunAt[0]).toBeGreaterThanOrEqual(moment);
  expect((begunAt[0] ?? 0) - moment).toBeLessThan(SOON_MS);
});
