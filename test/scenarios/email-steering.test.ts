/** Email sends that wait for a person: approval, first share, pause, cancellation, answers that were lost. */
import { expect, it } from 'vitest';
import type { EmailSendResult } from '../../src/contract/email-send.ts';
import { toMailbox } from '../../src/domain/email-address.ts';
import {
  acceptedBy,
  addressOf,
  FAST_JOB,
  inPhase,
  messagesOf,
  outcomesOf,
  recipients,
  send,
  startSending,
} from './emails.ts';
import { answered, type Stand, type StandOptions, until, useStand } from './stand.ts';

const onStand = useStand();

/** One message after the other, each a request of its own. */
const ONE_BY_ONE = { CXFLOW_EMAIL_PER_REQUEST: '1', CXFLOW_MAX_IN_FLIGHT: '1' };
const instantly = ({ admin }: Stand) => admin.setEmailPlan({ jobs: [FAST_JOB] });
const countsAs = (result: EmailSendResult) => ({ state: result.state, ...result.counts });

it('an approval holds for the plan that was shown, and for no other', async () => {
  await onStand({}, async (stand) => {
    await instantly(stand);
    const { client } = stand;
    const runId = await startSending(stand, recipients(1, 3), { approval: true });
    await inPhase(stand, runId, 'awaiting_approval');
    const { planHash } = await answered(() => client.progress(runId));
    const other = client.decide(runId, { action: 'approve', by: 'dana', planHash: 'ffffffffffffffff' });
    await expect(other).rejects.toThrow(/plan/);
    expect(await acceptedBy(stand), 'nothing leaves before the approval').toEqual([]);
    await client.decide(runId, { action: 'approve', by: 'dana', ...(planHash && { planHash }) });
    const result = await client.result<EmailSendResult>(runId);
    expect(countsAs(result)).toEqual({ state: 'completed', total: 3, pending: 0, sent: 3 });
    await stand.conserved(runId, { result });
  });
});

it('a dry run asks CXone nothing and sends nothing', async () => {
  await onStand({}, async (stand) => {
    const result = await send(stand, [...recipients(1, 3), { email: 'nobody' }], {
      template: 2,
      dryRun: true,
    });
    expect(result).toMatchObject({
      ...{ state: 'completed', dryRun: true, jobs: 0 },
      counts: { total: 4, pending: 3, invalid: 1 },
    });
    expect((await stand.admin.stats()).requests).toEqual({});
    await stand.conserved(result.runId, { result });
  });
});

it('a first share is sent alone, and a person decides about the rest if it went badly', async () => {
  await onStand({ env: { CXFLOW_EMAIL_PER_REQUEST: '1' } }, async (stand) => {
    const { admin, client } = stand;
    await admin.setEmailPlan({ jobs: [FAST_JOB], recipients: [{ address: '^p1[0-9][0-9]@', does: 'hard' }] });
    const share = { canary: 50, canaryWait: '12s' };
    const isPaused = (runId: string) =>
      until(
        () => client.progress(runId),
        ({ phase }) => phase === 'paused',
      );
    const bad = await startSending(stand, recipients(101, 120), { template: 3, ...share });
    const small = await startSending(stand, recipients(21, 24), { template: 4, ...share });
    expect((await isPaused(bad)).waitingFor).toMatch(
      /the first share (went badly|shows too little): \d+ of 10 bounced/,
    );
    expect((await isPaused(small)).waitingFor).toMatch(/the first share shows too little/);
    expect([await acceptedBy(stand, 3), await acceptedBy(stand, 4)]).toMatchObject([
      { length: 10 },
      { length: 2 },
    ]);
    await client.decide(bad, { action: 'cancel', by: 'dana' });
    await client.decide(small, { action: 'resume', by: 'dana' });
    const cancelled = await client.result<EmailSendResult>(bad);
    expect(countsAs(cancelled)).toEqual({
      state: 'cancelled',
      total: 20,
      pending: 0,
      sent: 10,
      cancelled: 10,
    });
    const resumed = await client.result<EmailSendResult>(small);
    // Only now: what the other run has sent must be in the ledger, too.
    await stand.conserved(bad, { result: cancelled, state: 'cancelled' });
    expect(countsAs(resumed)).toEqual({ state: 'completed', total: 4, pending: 0, sent: 4 });
    await stand.conserved(small, { result: resumed });
  });
});

it('a run that is cancelled before a retry leaves its recipients sent', async () => {
  await onStand({}, async (stand) => {
    const { admin, client } = stand;
    await admin.setEmailPlan({ jobs: [FAST_JOB], recipients: [{ address: '^p32@', does: 'soft' }] });
    const runId = await startSending(stand, recipients(31, 33), { template: 5, retryAfter: '1h' });
    await until(
      () => client.progress(runId),
      ({ counts }) => counts.pending === 1 && counts.sent === 2,
    );
    await client.decide(runId, { action: 'cancel', by: 'dana' });
    const result = await client.result<EmailSendResult>(runId);
    expect(countsAs(result)).toEqual({ state: 'cancelled', total: 3, pending: 0, sent: 3 });
    expect(result.delivery).toMatchObject({ sent: 3, delivered: 2, bounced: { soft: 1 } });
    expect(await messagesOf(stand, runId, 2)).toEqual(['bounced soft']);
    await stand.conserved(runId, { result, state: 'cancelled' });
  });
});

/** Waits until so many were accepted, and pauses the run. Returns when no request is under way any more. */
async function pauseAfter(stand: Stand, runId: string, n: number): Promise<void> {
  await until(
    () => acceptedBy(stand),
    ({ length }) => length >= n,
  );
  await stand.client.decide(runId, { action: 'pause', by: 'dana' });
  const { run_no } = await stand.client.ledger.runs.get(runId);
  await until(
    () => stand.client.ledger.writes.listOpen(run_no, 1, 1_000),
    (writes) => writes.every(({ state }) => state === 'planned'),
  );
}

it('an objection in mid-run stops the message to that person, and to nobody else', async () => {
  await onStand({ ownLedger: true, latencyMs: 100, env: ONE_BY_ONE }, async (stand) => {
    await instantly(stand);
    const { client } = stand;
    const runId = await startSending(stand, recipients(1, 12));
    await pauseAfter(stand, runId, 2);
    const outcomes = await outcomesOf(stand, runId);
    const objector = outcomes.lastIndexOf('pending') + 1;
    expect(objector, 'somebody is still to be sent the message').toBeGreaterThan(0);
    const mailbox = toMailbox(addressOf(objector)) ?? '';
    const since = new Date().toISOString();
    const entry = { mailbox, channel: 'email', reason: 'complaint', since } as const;
    await client.ledger.suppressions.addAddresses([entry], null);
    await client.decide(runId, { action: 'resume', by: 'dana' });
    const result = await client.result<EmailSendResult>(runId);
    expect(countsAs(result)).toEqual({ state: 'completed', total: 12, pending: 0, sent: 11, suppressed: 1 });
    expect((await outcomesOf(stand, runId))[objector - 1]).toBe('suppressed suppressed');
    await stand.conserved(runId, { result });
  });
});

/** The answer to the n-th message is lost, and CXone has accepted it. */
const losing = (n: number): Pick<StandOptions, 'faults'> => ({
  faults: [{ match: { method: 'POST', family: 'email' }, after: n - 1, times: 1, fault: { reset: 'after' } }],
});

it('a run that was paused, and then lost an answer, goes on where it was: everybody is sent one message', async () => {
  await onStand({ ownLedger: true, latencyMs: 50, env: ONE_BY_ONE, ...losing(9) }, async (stand) => {
    await instantly(stand);
    const { client } = stand;
    const runId = await startSending(stand, recipients(1, 12));
    await pauseAfter(stand, runId, 5);
    await client.decide(runId, { action: 'resume', by: 'dana' });
    await inPhase(stand, runId, 'in_doubt');
    await client.decide(runId, { action: 'resolve', verdict: 'leave', by: 'dana' });
    const result = await client.result<EmailSendResult>(runId);
    expect(countsAs(result)).toEqual({ state: 'completed', total: 12, pending: 0, sent: 11, in_doubt: 1 });
    const accepted = await acceptedBy(stand);
    expect(accepted.toSorted()).toEqual(
      recipients(1, 12)
        .map(({ email }) => email)
        .toSorted(),
    );
    await stand.conserved(runId, { result });
    expect((await stand.cxflow(['watch', runId])).code).toBe(3);
    const steered: string[] = [];
    for await (const { action } of client.ledger.audit.list(runId)) steered.push(action);
    for (const action of ['pause', 'resume', 'resolve']) expect(steered).toContain(action);
  });
});

it.each([
  ['leave', { sent: 2, in_doubt: 1 }, 3, 0],
  ['resend', { sent: 3 }, 4, 1],
] as const)('a message whose answer was lost is sent again by nobody but a person: %s', async (...row) => {
  const [verdict, counts, accepted, heldTwice] = row;
  await onStand({ ownLedger: true, env: ONE_BY_ONE, ...losing(2) }, async (stand) => {
    await instantly(stand);
    const { client } = stand;
    const runId = await startSending(stand, recipients(1, 3));
    await inPhase(stand, runId, 'in_doubt');
    expect(await acceptedBy(stand), 'one message each so far').toHaveLength(3);
    await client.decide(runId, { action: 'resolve', verdict, by: 'dana' });
    const result = await client.result<EmailSendResult>(runId);
    expect(countsAs(result)).toEqual({ state: 'completed', total: 3, pending: 0, ...counts });
    expect(await acceptedBy(stand)).toHaveLength(accepted);
    await stand.conserved(runId, { result, heldTwice });
  });
});

it('where CXone honours the key, the repeat is settled by the first job', async () => {
  const tenant = {
    simulatorArgs: ['--email-idempotent'],
    env: { ...ONE_BY_ONE, CXONE_EMAIL_IDEMPOTENT: 'true' },
  };
  await onStand({ ownLedger: true, ...tenant, ...losing(2) }, async (stand) => {
    await instantly(stand);
    const result = await send(stand, recipients(1, 3));
    expect(countsAs(result)).toEqual({ state: 'completed', total: 3, pending: 0, sent: 3 });
    expect(await acceptedBy(stand)).toHaveLength(3);
    await stand.conserved(result.runId, { result });
  });
});
