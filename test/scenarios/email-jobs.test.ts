/** Jobs of an email send that do not end well, or never; and the figures that add up (two levels). */
import { expect, it } from 'vitest';
import type { EmailSendResult } from '../../src/contract/email-send.ts';
import {
  acceptedBy,
  FAST_JOB,
  guid,
  outcomesOf,
  recipients,
  type Sending,
  send,
  startSending,
} from './emails.ts';
import { CRM, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const ENV = { CRM_WEBHOOK_URL: 'CRM', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };

/** One after the other, so that the numbers of the jobs are those of the templates. */
async function startAll(stand: Stand, inputs: readonly Sending[]): Promise<string[]> {
  const runIds: string[] = [];
  for (const [i, input] of inputs.entries()) {
    const template = i + 1;
    const rows = recipients(10 * template + 1, 10 * template + 4);
    runIds.push(await startSending(stand, rows, { template, ...input }));
    await until(
      () => acceptedBy(stand, template),
      (accepted) => accepted.length === 4,
    );
  }
  return runIds;
}

it('jobs that fail, are cancelled, are unknown or never end: every recipient has a state that says so', async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    const { admin, client } = stand;
    await admin.setEmailPlan({
      jobs: [
        { job: 1, ...FAST_JOB, ends: 'failed', reaches: 0.5 },
        { job: 2, ...FAST_JOB, ends: 'cancelled' },
        { job: 3, queuedSeconds: 0, processingSeconds: 3, processingAs: 'digesting' },
        { job: 4, ...FAST_JOB, hiddenSeconds: 3 },
        { job: 5, ends: 'stuck' },
        { job: 6, hiddenSeconds: 3_600 },
      ],
      recipients: [{ address: '^p5', does: 'nothing' }],
    });
    const soon = { pollDeadline: '3s' };
    const runIds = await startAll(stand, [{}, {}, {}, {}, soon, soon]);
    const results = await Promise.all(runIds.map((runId) => client.result<EmailSendResult>(runId)));
    const states = results.map(({ state, counts, delivery }) => {
      const { delivered, failed, accepted, inDoubt } = delivery;
      return { state, sent: counts.sent, delivered, failed, accepted, inDoubt };
    });
    const completed = { state: 'completed', sent: 4, delivered: 0, failed: 0, accepted: 0, inDoubt: 0 };
    expect(states).toEqual([
      { ...completed, delivered: 2, failed: 2 },
      { ...completed, failed: 4 },
      { ...completed, delivered: 4 },
      { ...completed, delivered: 4 },
      { ...completed, accepted: 4 },
      { ...completed, inDoubt: 4 },
    ]);
    for (const [i, runId] of runIds.entries()) {
      await stand.conserved(runId, { result: results[i] as EmailSendResult, isListShared: true });
      const { run_no } = await client.ledger.runs.get(runId);
      const reason = (await client.ledger.emails.timeline(run_no, 4))[0]?.reason;
      expect(reason, `of job ${i + 1}`).toBe(
        ['job_failed', 'job_cancelled', null, null, null, 'job_not_found'][i],
      );
    }
    const events = (await admin.webhooks(CRM)).map(
      ({ body }) => body as { event: string; data: { status: string } },
    );
    expect(events.map(({ event, data }) => `${event} ${data.status}`).toSorted()).toEqual(
      ['failed', 'cancelled', 'completed', 'completed', 'processing', 'not_found']
        .map((status) => `email_job_completed ${status}`)
        .toSorted(),
    );
  });
});

it('events that come late update what was said about their job, each once', async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    const { admin, client } = stand;
    await admin.setEmailPlan({ jobs: [FAST_JOB] });
    const runId = await startSending(stand, recipients(1, 2), { watchEvents: '20s' });
    const received = () => admin.webhooks(CRM);
    await until(received, ({ length }) => length === 1);
    const [first] = await admin.acceptedEmails();
    const { jobId = '', messageId, recipientId } = first ?? {};
    const late = { messageId, recipientId, timestamp: new Date().toISOString(), eventId: 'late-1' };
    const bounce = { ...late, eventType: 'bounce', bounceCode: '5.1.1', emailAddress: 'alias@example.org' };
    await admin.addEmailEvents(jobId, [
      bounce,
      bounce,
      { ...late, eventType: 'amp_open', eventId: 'late-2' },
    ]);
    await admin.addEmailEvents(jobId, [
      { ...bounce, messageId: 'of-nobody', recipientId: null, eventId: 'x' },
    ]);
    const result = await client.result<EmailSendResult>(runId);
    expect(result.delivery).toMatchObject({ delivered: 1, bounced: { hard: 1 }, unknownEvents: 1 });
    await stand.conserved(runId, { result });
    const [completed, updated, ...others] = (await received()).map(
      ({ body }) => body as Record<string, unknown>,
    );
    expect(others).toEqual([]);
    expect(completed).toMatchObject({ event: 'email_job_completed', data: { permanentFailures: [] } });
    expect(updated).toMatchObject({
      event: 'email_job_updated',
      data: { permanentFailures: [{ email: first?.toAddress, code: '5.1.1' }] },
    });
    expect(updated?.id).not.toBe(completed?.id);
  });
});

it('every recipient is in one part of the first level, and every message in one of the second', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const { admin, client } = stand;
    const emails = [1, 2, 3, 4, 5].map((n) => `g${n}@example.com`);
    emails.push('g6@@example.com', '', 'G1@example.com', 'suppressed@example.com', 'g10@example.com');
    const rows = emails.map((email, i) => ({ contactId: guid(i + 1), email }));
    await admin.seedEmailSuppressions({ entries: [{ email: 'suppressed@example.com' }] });
    await admin.seedPreferences(
      rows.slice(0, 9).map(({ contactId }, i) => ({
        ...{ contactId, channel: 'email', optIn: true, consentTimestamp: '2025-01-01T00:00:00.000Z' },
        ...{ withdrawalTimestamp: null, regulatoryRegion: 'TCPA', source: 'crm' },
        ...{ idempotencyKey: guid(100 + i), updatedAt: '2025-01-01T00:00:00.000Z' },
      })),
    );
    await admin.setEmailPlan({
      jobs: [FAST_JOB],
      recipients: [
        { address: '^g4@', does: 'hard' },
        { address: '^g5@', does: 'nothing', events: [{ eventType: 'deferred' }] },
        { address: '^g1@', does: 'open' },
      ],
    });
    const result = await send(stand, rows, { channelConsent: 'require', pollDeadline: '5s' });
    expect(result.counts).toEqual({
      ...{ total: 10, pending: 0, sent: 5, invalid: 2, duplicate: 1, suppressed: 1, ineligible: 1 },
    });
    expect(result.delivery).toMatchObject({
      ...{ sent: 5, delivered: 3, bouncedTotal: 1, failed: 0, accepted: 1, inDoubt: 0, deferred: 1 },
      rates: { bounce: 20, delivery: 60, open: 33.33 },
    });
    await stand.conserved(result.runId, { result });
    expect((await outcomesOf(stand, result.runId)).map((each) => each.split(' ')[0])).toEqual([
      ...['sent', 'sent', 'sent', 'sent', 'sent', 'invalid', 'invalid', 'duplicate'],
      ...['suppressed', 'ineligible'],
    ]);
    const listed = await stand.cxflow(['records', result.runId, '--outcome', 'sent']);
    for (const n of [1, 2, 3, 4, 5]) expect(listed.stdout).toContain(`g${n}@example.com`);
    expect(await client.ledger.suppressions.findAddresses(['g4@example.com'])).toHaveLength(1);
  });
});
