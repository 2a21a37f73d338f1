/** Workers of an email send are killed and suspended around its requests, and several share the limit of a day. */
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import {
  addressOf,
  EMAIL_ENV,
  expectNobodyTwice,
  startSend,
  timesAccepted,
  untilAccepted,
  untilInDoubt,
} from './emails.ts';
import { onStand, type Stand, until } from './stand.ts';

const ROWS = 30;
const BATCH = 10;
/** No event is awaited: these tests are about the sending. */
const BRIEFLY = { pollDeadline: '1s', retries: 0 } as const;
/** In the second of three batches. */
const SUSPENDED = { CXFLOW_CRASH_AT: 'stop/writePage/email.sendMessage:2' };

describe.concurrent('a worker that is suspended right before a message leaves', () => {
  const processes = useProcesses();

  it('sends it no more once another one has decided about it', async () => {
    await onStand(processes, { env: EMAIL_ENV }, async (stand) => {
      const first = await stand.readyWorker(SUSPENDED);
      await startSend(stand.client(), { name: 'frozen', rows: ROWS, input: BRIEFLY });
      await first.waitFor(/stopped at writePage/);
      const second = await stand.readyWorker();
      await untilInDoubt(stand, 'frozen');
      // Else an update may be handed to the suspended worker.
      await stand.client().temporal.workflow.getHandle('frozen').signal('resolve', { verdict: 'leave' });
      const result = await stand.ended('frozen');
      expect(result.counts).toMatchObject({ sent: ROWS - BATCH, in_doubt: BATCH });
      first.resume();
      await first.terminate();
      expect((await timesAccepted(stand, 'frozen')).size, 'accepted').toBe(ROWS - BATCH);
      await expectNobodyTwice(stand, 'frozen');
      await stand.conserved('frozen', { result });
      await second.terminate();
    });
  });
});

describe.concurrent('a worker that is suspended right before a message leaves', () => {
  const processes = useProcesses();

  it('does not send it beside another one that has sent it again on a decision', async () => {
    await onStand(processes, { env: EMAIL_ENV }, async (stand) => {
      const first = await stand.readyWorker(SUSPENDED);
      await startSend(stand.client(), { name: 'resent', rows: ROWS, input: BRIEFLY });
      await first.waitFor(/stopped at writePage/);
      await stand.readyWorker();
      await untilInDoubt(stand, 'resent');
      await stand.client().temporal.workflow.getHandle('resent').signal('resolve', { verdict: 'resend' });
      const result = await stand.ended('resent');
      expect(result.counts).toMatchObject({ sent: ROWS });
      first.resume();
      await first.terminate();
      const times = await timesAccepted(stand, 'resent');
      expect([times.size, Math.max(...times.values())], 'recipients, and messages to one').toEqual([ROWS, 1]);
      await stand.conserved('resent', { result });
    });
  });
});

describe.concurrent('two workers', () => {
  const processes = useProcesses();

  it('send to nobody twice, although each is killed again and again', async () => {
    const env = { ...EMAIL_ENV, CXFLOW_EMAIL_PER_REQUEST: '5', CXFLOW_MAX_IN_FLIGHT: '2' };
    await onStand(processes, { env, latencyMs: 100 }, async (stand) => {
      const input = { ...BRIEFLY, onInDoubt: 'leave' } as const;
      let workers = [await stand.readyWorker(), await stand.readyWorker()];
      await startSend(stand.client(), { name: 'killed', rows: 150, input });
      for (const accepted of [10, 30, 50, 80, 110]) {
        await Promise.race([resumed(stand, 'killed', accepted)]);
        const [oldest, ...others] = workers;
        await oldest?.kill();
        workers = [...others, await stand.readyWorker()];
      }
      await stand.admin.change({ latencyMs: 0 });
      await until(
        () => resumeIfPaused(stand, 'killed'),
        (state) => state !== 'running',
      );
      const result = await stand.ended('killed');
      const known = await expectNobodyTwice(stand, 'killed');
      const left = known.filter(({ outcome }) => outcome !== 'sent' && outcome !== 'in_doubt');
      expect(left, 'recipients who were skipped').toEqual([]);
      await stand.conserved('killed', { result });
    });
  });
});

/** Lost answers pause the run; people look at it and let it go on. */
async function resumeIfPaused(stand: Stand, runId: string): Promise<string> {
  const run = await stand.client().ledger.runs.find(runId);
  if (run?.phase === 'paused') await stand.client().temporal.workflow.getHandle(runId).signal('resume', {});
  return run?.state ?? 'running';
}

async function resumed(stand: Stand, runId: string, accepted: number): Promise<void> {
  await until(
    async () => {
      const state = await resumeIfPaused(stand, runId);
      return state !== 'running' || (await stand.admin.acceptedEmails()).length >= accepted;
    },
    (isMet) => isMet,
  );
}

describe.concurrent('the limit of a day', () => {
  const processes = useProcesses();

  it('counts the messages of all runs and workers, and what exceeds it waits', async () => {
    const [limit, rows] = [25, 20];
    // Noon: the day does not end during the test.
    const env = { ...EMAIL_ENV, CXFLOW_EMAIL_DAILY_LIMIT: String(limit), CXFLOW_TIME_ZONE: zoneAtNoon() };
    await onStand(processes, { env, latencyMs: 50 }, async (stand) => {
      const workers = [await stand.readyWorker(), await stand.readyWorker()];
      const names = ['one', 'two'] as const;
      for (const name of names) await startSend(stand.client(), { name, rows, input: BRIEFLY });
      await untilAccepted(stand, BATCH);
      await workers[0]?.kill();
      await stand.readyWorker();
      const waits = await Promise.all(names.map((name) => untilWaiting(stand, name)));
      expect(
        waits.some((waiting) => waiting !== null),
        'runs that wait for tomorrow',
      ).toBe(true);
      const inDoubt = await countInDoubt(stand, names);
      const accepted = (await stand.admin.acceptedEmails()).length;
      expect(accepted, 'messages today').toBeLessThanOrEqual(limit);
      expect(accepted + inDoubt, 'what may be sent today').toBeGreaterThanOrEqual(limit);
      for (const name of names) {
        const { state } = await stand.client().ledger.runs.get(name);
        if (state === 'running') await stand.client().decide(name, { action: 'cancel', by: 'dana' });
        const result = await stand.ended(name);
        await expectNobodyTwice(stand, name);
        await stand.conserved(name, { result, state: result.state, isListShared: true });
      }
    });
  });
});

/** Resolves once the run waits for the next day (what for), or has ended (null). */
async function untilWaiting(stand: Stand, runId: string): Promise<string | null> {
  const look = async () => {
    const { ledger, temporal } = stand.client();
    const run = await ledger.runs.find(runId);
    if (run?.phase === 'in_doubt')
      await temporal.workflow.getHandle(runId).signal('resolve', { verdict: 'leave' });
    return { hasEnded: run !== undefined && run.state !== 'running', waitingFor: run?.waiting_for ?? '' };
  };
  const { hasEnded, waitingFor } = await until(
    look,
    (seen) => seen.hasEnded || /may be written/.test(seen.waitingFor),
  );
  return hasEnded ? null : waitingFor;
}

async function countInDoubt(stand: Stand, names: readonly string[]): Promise<number> {
  const runs = await Promise.all(names.map((name) => stand.client().ledger.runs.get(name)));
  const counts = await Promise.all(runs.map(({ run_no: no }) => stand.client().ledger.runs.exactCounts(no)));
  return counts.reduce((sum, { in_doubt: n = 0 }) => sum + n, 0);
}

/** A fixed offset in which it is about noon. The sign of these names is the other way round. */
function zoneAtNoon(): string {
  const hours = 12 - new Date().getUTCHours();
  return `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`;
}

describe.concurrent('the events of jobs', () => {
  const processes = useProcesses();

  it('count once, however late, often and out of order, and although the worker is killed while it reads them', async () => {
    await onStand(processes, { env: EMAIL_ENV }, async (stand) => {
      await stand.admin.setEmailPlan({
        jobs: [{ queuedSeconds: 1, processingSeconds: 1 }],
        recipients: [
          { address: '[.]1[0-4]@', does: 'soft', times: 1, copies: 3, outOfOrder: true },
          { address: '[.]2[0-1]@', does: 'hard', copies: 2, withoutEventId: true },
          { address: '[.]22@', does: 'complaint', followUpSeconds: 1, copies: 2, outOfOrder: true },
          { address: '[.]23@', does: 'unsubscribe', followUpSeconds: 1, lateSeconds: 2 },
          { address: '[.]2[4-9]@', does: 'click', copies: 2, outOfOrder: true, lateSeconds: 3 },
        ],
      });
      const input = { retryAfter: '1s', retries: 1, pollDeadline: '60s', watchEvents: '8s' };
      let worker = await stand.readyWorker({ CXFLOW_CRASH_AT: 'trackMessages/emails.saveEvents.commit:2' });
      await startSend(stand.client(), { name: 'tracked', rows: ROWS, input });
      for (const next of [
        'trackMessages/emails.saveEvents.commit:3',
        'trackMessages/emails.planRetries.commit:1',
      ]) {
        await worker.exited;
        worker = await stand.readyWorker({ CXFLOW_CRASH_AT: next });
      }
      await worker.exited;
      await stand.readyWorker();
      const result = await stand.ended('tracked');
      expect(result.counts).toMatchObject({ sent: ROWS });
      const known = await expectNobodyTwice(stand, 'tracked');
      const states = (wanted: string) =>
        known.filter(({ state }) => state === wanted).map(({ address }) => address);
      expect(states('bounced')).toEqual([addressOf('tracked', 20), addressOf('tracked', 21)]);
      expect(states('delivered').length).toBe(ROWS - 2);
      expect(known.filter(({ messages }) => messages === 2).map(({ address }) => address)).toEqual(
        [10, 11, 12, 13, 14].map((n) => addressOf('tracked', n)),
      );
      await stand.conserved('tracked', { result });
    });
  });
});

describe.concurrent('a message that is delivered although it bounced first', () => {
  const processes = useProcesses();

  it('is not sent again, even if that becomes known only after its retry was planned', async () => {
    await onStand(processes, { env: EMAIL_ENV }, async (stand) => {
      const late = { eventType: 'delivery', seconds: 8 };
      await stand.admin.setEmailPlan({
        recipients: [
          { address: '[.]3@', does: 'soft', times: 1, events: [late] },
          { address: '[.]4@', does: 'soft', times: 1 },
        ],
      });
      await stand.readyWorker();
      const input = { retryAfter: '40s', retries: 1, watchEvents: '30s' };
      await startSend(stand.client(), { name: 'late', rows: 5, input });
      const result = await stand.ended('late');
      expect(result.counts).toMatchObject({ sent: 5 });
      const known = await expectNobodyTwice(stand, 'late');
      expect(known.map(({ messages }) => messages)).toEqual([1, 1, 1, 1, 2]);
      expect(known.map(({ state }) => state)).toEqual(known.map(() => 'delivered'));
      await stand.conserved('late', { result });
    });
  });
});
