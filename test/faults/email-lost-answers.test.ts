/** Answers to messages are lost in every way: what may have been sent is in doubt, and is repeated by nobody but a person. */
import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import {
  addressOf,
  EMAIL_ENV,
  expectNobodyTwice,
  knownRecipients,
  MESSAGES,
  startSend,
  timesAccepted,
  untilInDoubt,
  withoutAnswer,
} from './emails.ts';
import { onStand, type Stand, until } from './stand.ts';

/** Each with how often CXone has accepted the messages whose answer it loses. */
const LOST: readonly (readonly [name: string, fault: FaultRule['fault'], accepted: 0 | 1])[] = [
  ['reset-after', { reset: 'after' }, 1],
  ['reset-before', { reset: 'before' }, 0],
  ['answer-lost', { answerLost: true }, 1],
  ['unavailable', { status: 503, when: 'after' }, 1],
  ['truncated', { truncate: true }, 1],
  ['cut', { truncate: 'cut' }, 1],
  ['no-job', { raw: '{}', when: 'after' }, 1],
  ['empty', { raw: '', when: 'after' }, 1],
  ['html', { html: true, when: 'after' }, 1],
];
const ROWS = 30;
const BATCH = 10;
/** No event is awaited: these tests are about the sending. */
const BRIEFLY = { pollDeadline: '1s', retries: 0 } as const;
const IDEMPOTENT_ENV = { ...EMAIL_ENV, CXONE_EMAIL_IDEMPOTENT: 'true' };
const IDEMPOTENT_ARGS = ['--email-idempotent'];
const TWO_LOST = [withoutAnswer({ reset: 'after' }, { after: 1, times: 2 })];

const decide = (stand: Stand, runId: string, verdict: 'leave' | 'resend') =>
  stand.client().decide(runId, { action: 'resolve', verdict, by: 'dana' });

const addresses = (name: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => addressOf(name, from + i));

describe.concurrent('answers to messages', () => {
  const processes = useProcesses();

  it('that are lost in any way leave their batch in doubt, until a person leaves it or sends it again', async () => {
    await onStand(processes, { env: EMAIL_ENV }, async (stand) => {
      await stand.readyWorker();
      for (const [name, fault, accepted] of LOST) {
        await stand.admin.setFaults([withoutAnswer(fault, { after: 1 })]);
        await startSend(stand.client(), { name, rows: ROWS, input: BRIEFLY });
        await untilInDoubt(stand, name);
        const times = await timesAccepted(stand, name);
        const doubtful = addresses(name, BATCH, 2 * BATCH).map((address) => times.get(address) ?? 0);
        expect(doubtful, `${name}: accepted`).toEqual(doubtful.map(() => accepted));
      }
      for (const [i, [name, , accepted]] of LOST.entries()) {
        const verdict = i % 2 === 0 ? 'leave' : 'resend';
        await decide(stand, name, verdict);
        const result = await stand.ended(name);
        const inDoubt = verdict === 'leave' ? BATCH : 0;
        expect(result.counts, name).toMatchObject({ sent: ROWS - inDoubt });
        expect(result.counts.in_doubt ?? 0, name).toBe(inDoubt);
        const heldTwice = verdict === 'resend' ? BATCH * accepted : 0;
        await stand.conserved(name, { result, heldTwice, isListShared: true });
        const times = await timesAccepted(stand, name);
        const most = verdict === 'resend' ? 1 + accepted : 1;
        expect(Math.max(...times.values()), `${name}: the most messages to one address`).toBe(most);
      }
    });
  });
});

describe.concurrent('answers to messages', () => {
  const processes = useProcesses();

  it('that are lost twice in a row pause the run, which asks before it sends more', async () => {
    await onStand(processes, { env: EMAIL_ENV }, async (stand) => {
      await stand.admin.setFaults([withoutAnswer({ reset: 'after' }, { after: 1, times: 2 })]);
      await stand.readyWorker();
      await startSend(stand.client(), { name: 'twice', rows: 60, input: BRIEFLY });
      const paused = await until(
        () => stand.client().progress('twice'),
        ({ phase }) => phase === 'paused',
      );
      expect(paused.waitingFor).toMatch(/2 writes in a row/);
      expect((await timesAccepted(stand, 'twice')).size, 'the first batch, and those in doubt').toBe(
        3 * BATCH,
      );
      await stand.client().decide('twice', { action: 'resume', by: 'dana' });
      await untilInDoubt(stand, 'twice');
      await decide(stand, 'twice', 'leave');
      const result = await stand.ended('twice');
      expect(result.counts).toMatchObject({ sent: 40, in_doubt: 20 });
      await expectNobodyTwice(stand, 'twice');
      await stand.conserved('twice', { result });
    });
  });
});

describe.concurrent('answers to messages', () => {
  const processes = useProcesses();

  it('with 429, and requests with expired tokens, are repeated: CXone certainly did nothing', async () => {
    await onStand(processes, { env: EMAIL_ENV, latencyMs: 50 }, async (stand) => {
      await stand.admin.setFaults([
        { match: MESSAGES, after: 1, times: 2, fault: { status: 429, retryAfter: 1 } },
        {
          match: { path: '/email/suppressions$' },
          after: 15,
          times: 1,
          fault: { status: 429, retryAfter: 1 },
        },
        { match: MESSAGES, after: 3, times: 1, fault: { status: 401 } },
        { match: { path: '/email/(jobs|events)' }, times: 2, fault: { status: 503, retryAfter: 1 } },
      ]);
      await stand.readyWorker();
      await startSend(stand.client(), { name: 'limited', rows: 60, input: { retries: 0 } });
      for (const sent of [10, 30]) {
        await until(
          () => timesAccepted(stand, 'limited'),
          ({ size }) => size >= sent,
        );
        await stand.admin.revokeTokens();
      }
      const result = await stand.ended('limited');
      expect(result.counts).toMatchObject({ total: 60, sent: 60 });
      await expectNobodyTwice(stand, 'limited');
      await stand.conserved('limited', { result });
    });
  });
});

describe.concurrent('a tenant that drops repeats under the same key', () => {
  const processes = useProcesses();

  it('is sent the same bytes under the same key after a lost answer', async () => {
    await onStand(
      processes,
      { env: IDEMPOTENT_ENV, simulatorArgs: IDEMPOTENT_ARGS, faults: TWO_LOST },
      async (stand) => {
        await stand.readyWorker();
        await startSend(stand.client(), { name: 'repeated', rows: ROWS, input: BRIEFLY });
        const result = await stand.ended('repeated');
        expect(result.counts).toMatchObject({ total: ROWS, sent: ROWS });
        const known = await expectNobodyTwice(stand, 'repeated');
        expect(known.every(({ outcome }) => outcome === 'sent')).toBe(true);
        await stand.conserved('repeated', { result });
        const posts = (await stand.admin.requests(1_000)).filter(({ path }) =>
          path.endsWith('/email/messages'),
        );
        // Another body under the same key would be a 422.
        expect(posts.map(({ status }) => status).filter((status) => status === 422)).toEqual([]);
        expect(posts.length, 'requests, two of them repeated').toBe(ROWS / BATCH + 2);
      },
    );
  });
});

describe.concurrent('a tenant that drops repeats under the same key', () => {
  const processes = useProcesses();

  it('is not sent it again once it may have forgotten the key', async () => {
    const forgets = { ...IDEMPOTENT_ENV, CXONE_IDEMPOTENCY_HOURS: '0' };
    await onStand(
      processes,
      { env: forgets, simulatorArgs: IDEMPOTENT_ARGS, faults: TWO_LOST },
      async (stand) => {
        await stand.readyWorker();
        await startSend(stand.client(), { name: 'forgotten', rows: ROWS, input: BRIEFLY });
        await untilInDoubt(stand, 'forgotten');
        await decide(stand, 'forgotten', 'leave');
        const result = await stand.ended('forgotten');
        expect(result.counts.in_doubt, 'recipients in doubt').toBeGreaterThanOrEqual(BATCH);
        await expectNobodyTwice(stand, 'forgotten');
        await stand.conserved('forgotten', { result });
        expect((await knownRecipients(stand, 'forgotten')).some(({ outcome }) => outcome === 'pending')).toBe(
          false,
        );
      },
    );
  });
});

describe.concurrent('a tenant that drops repeats under the same key', () => {
  const processes = useProcesses();

  it('is sent the same once more if the worker is killed before it has settled the answer', async () => {
    const options = { env: IDEMPOTENT_ENV, simulatorArgs: IDEMPOTENT_ARGS };
    await onStand(processes, options, async (stand) => {
      // The first three settle the lookups of the batches.
      const settling = await stand.readyWorker({ CXFLOW_CRASH_AT: 'writePage/writes.settle:4' });
      await startSend(stand.client(), { name: 'killed', rows: ROWS, input: BRIEFLY });
      await settling.exited;
      expect((await timesAccepted(stand, 'killed')).size, 'accepted and not settled').toBe(BATCH);
      const repeating = await stand.readyWorker({ CXFLOW_CRASH_AT: 'writePage/email.sendMessage:1' });
      await repeating.exited;
      await stand.readyWorker();
      const result = await stand.ended('killed');
      expect(result.counts).toMatchObject({ total: ROWS, sent: ROWS });
      await expectNobodyTwice(stand, 'killed');
      await stand.conserved('killed', { result });
    });
  });
});
