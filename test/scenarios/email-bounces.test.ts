/** What follows from the events of an email send: retries, suppressions, opt-outs, pauses. */
import { expect, it } from 'vitest';
import { toMailbox } from '../../src/domain/email-address.ts';
import type { Suppressions } from '../../src/ledger/consent/suppressions.ts';
import {
  acceptedBy,
  addressOf,
  FAST_JOB,
  guid,
  messagesOf,
  outcomesOf,
  recipients,
  send,
  startSending,
} from './emails.ts';
import { type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const SUPPRESSED = 'suppressed suppressed';

function suppressedAddresses(
  { client }: Stand,
  ...people: number[]
): ReturnType<Suppressions['findAddresses']> {
  return client.ledger.suppressions.findAddresses(people.map((n) => toMailbox(addressOf(n)) ?? ''));
}

it('a soft bounce is sent again until it is delivered, or often enough', async () => {
  await onStand({}, async (stand) => {
    await stand.admin.setEmailPlan({
      jobs: [FAST_JOB],
      recipients: [
        { address: '^p2@', does: 'soft', times: 1 },
        { address: '^p3@', does: 'soft' },
        { address: '^p4@', does: 'hard' },
      ],
    });
    const result = await send(stand, recipients(1, 4), { retryAfter: '1s', retries: 1 });
    expect(result).toMatchObject({
      counts: { total: 4, pending: 0, sent: 4 },
      jobs: 2,
      delivery: { sent: 4, delivered: 2, bounced: { soft: 1, hard: 1 } },
    });
    const messages = await Promise.all([1, 2, 3, 4].map((seq) => messagesOf(stand, result.runId, seq)));
    expect(messages).toEqual([
      ['delivered'],
      ['bounced soft', 'delivered'],
      ['bounced soft', 'bounced soft'],
      ['bounced hard'],
    ]);
    expect((await acceptedBy(stand)).slice(4)).toEqual([addressOf(2), addressOf(3)]);
    await stand.conserved(result.runId, { result });
  });
});

it('an address that does not exist enters our list with code and date, and the next run withholds it', async () => {
  await onStand({}, async (stand) => {
    await stand.admin.setEmailPlan({ jobs: [FAST_JOB], recipients: [{ address: '^p12@', does: 'hard' }] });
    const first = await send(stand, recipients(11, 13), { template: 2 });
    expect(first.delivery).toMatchObject({ delivered: 2, bounced: { hard: 1 } });
    expect(await suppressedAddresses(stand, 11, 12, 13)).toMatchObject([
      { mailbox: addressOf(12), reason: 'hard_bounce', code: '5.1.1', since: expect.any(Date) as Date },
    ]);
    await stand.conserved(first.runId, { result: first });

    const next = await send(stand, recipients(11, 13), { template: 3 });
    expect(await outcomesOf(stand, next.runId)).toEqual(['sent', SUPPRESSED, 'sent']);
    expect(await acceptedBy(stand, 3)).toEqual([addressOf(11), addressOf(13)]);
    await stand.conserved(next.runId, { result: next });
    // A bounce is no objection of the person.
    expect((await stand.admin.preferences({ contactId: guid(12) })).total).toBe(0);
  });
});

it('whoever complains or unsubscribes is suppressed, and opted out of email in CXone', async () => {
  await onStand({}, async (stand) => {
    const { admin, client } = stand;
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    await admin.setEmailPlan({
      jobs: [FAST_JOB],
      recipients: [
        { address: '^p2[13]@', does: 'complaint' },
        // The clock of the provider is ahead.
        { address: '^p22@', events: [{ eventType: 'unsubscribe', method: 'POST', timestamp: inAnHour }] },
      ],
    });
    const rows = [...recipients(21, 22), { email: addressOf(23) }, ...recipients(24, 24)];
    const first = await send(stand, rows, { template: 4 });
    expect(first.delivery).toMatchObject({ delivered: 4, complained: 2, unsubscribed: 1 });
    const reasons = (await suppressedAddresses(stand, 21, 22, 23, 24)).map(({ reason }) => reason);
    expect(reasons.toSorted()).toEqual(['complaint', 'complaint', 'unsubscribed']);
    await stand.conserved(first.runId, { result: first });

    const preferences = () => admin.preferences();
    const { preferences: stored } = await until(preferences, ({ total }) => total >= 2);
    expect(
      stored.map(({ contactId, channel, optIn }) => ({ contactId, channel, optIn })),
      'the one without a contact id cannot be among them',
    ).toEqual([21, 22].map((n) => ({ contactId: guid(n), channel: 'email', optIn: false })));
    for (const { run_id: runId, kind } of await client.ledger.runs.list(100)) {
      if (kind !== 'preferenceUpdate') continue;
      const result = await client.result(runId);
      expect(result.counts).toEqual({ total: 2, pending: 0, updated: 2 });
      await stand.conserved(runId, { result });
    }

    const next = await send(stand, rows, { template: 5 });
    expect(await outcomesOf(stand, next.runId)).toEqual([SUPPRESSED, SUPPRESSED, SUPPRESSED, 'sent']);
    await stand.conserved(next.runId, { result: next });
  });
});

it('a bounce because of the sender pauses what is left to send, and suppresses nobody', async () => {
  await onStand({}, async (stand) => {
    await stand.admin.setEmailPlan({
      jobs: [FAST_JOB],
      recipients: [
        { address: '^p31@', does: 'policy' },
        { address: '^p32@', does: 'soft', times: 1 },
      ],
    });
    const runId = await startSending(stand, recipients(31, 33), { template: 6, retryAfter: '1s' });
    const { waitingFor } = await until(
      () => stand.client.progress(runId),
      ({ phase }) => phase === 'paused',
    );
    expect(waitingFor).toMatch(/1 message was refused because of the sender \(5\.7\.x\)/);
    expect(await suppressedAddresses(stand, 31, 32, 33)).toEqual([]);
    expect(await acceptedBy(stand, 6)).toHaveLength(3);
    await stand.client.decide(runId, { action: 'resume', by: 'dana' });
    const result = await stand.client.result(runId);
    expect(result).toMatchObject({ state: 'completed', delivery: { delivered: 2, bounced: { policy: 1 } } });
    await stand.conserved(runId, { result });

    // With nothing left to send there is nothing to decide.
    const alone = await send(stand, recipients(31, 31), { template: 7 });
    expect(alone).toMatchObject({ state: 'completed', delivery: { sent: 1, bounced: { policy: 1 } } });
    await stand.conserved(alone.runId, { result: alone });
  });
});

it('an objection between a bounce and its retry is respected, and the recipient stays sent', async () => {
  await onStand({}, async (stand) => {
    const { admin, client } = stand;
    await admin.setEmailPlan({
      jobs: [FAST_JOB],
      recipients: [{ address: '^p42@', does: 'soft', times: 1 }],
    });
    const runId = await startSending(stand, recipients(41, 42), { template: 8, retryAfter: '15s' });
    // It waits for the moment of the retry.
    await until(
      () => client.ledger.runs.find(runId),
      (run) => run?.phase === 'writing' && run.waiting_for !== null,
    );
    const mailbox = toMailbox(addressOf(42)) ?? '';
    const since = new Date().toISOString();
    await client.ledger.suppressions.addAddresses(
      [{ mailbox, channel: 'email', reason: 'complaint', since }],
      null,
    );
    const result = await client.result(runId);
    expect(await outcomesOf(stand, runId)).toEqual(['sent', 'sent not_sent_again suppressed']);
    expect(await messagesOf(stand, runId, 2)).toEqual(['bounced soft']);
    expect(result).toMatchObject({ counts: { sent: 2 }, delivery: { delivered: 1, bounced: { soft: 1 } } });
    await stand.conserved(runId, { result });
  });
});

it('a retry whose answer was lost leaves its recipient in doubt, and out of the figures of those who were sent', async () => {
  const lost = { match: { method: 'POST', family: 'email' }, after: 1, fault: { reset: 'after' } } as const;
  await onStand({ ownLedger: true, faults: [lost] }, async (stand) => {
    const recipient = { address: '^p2@', does: 'soft' } as const;
    await stand.admin.setEmailPlan({ jobs: [FAST_JOB], recipients: [recipient] });
    const result = await send(stand, recipients(1, 2), { retryAfter: '1s', retries: 1, onInDoubt: 'leave' });
    expect(result.counts).toEqual({ total: 2, pending: 0, sent: 1, in_doubt: 1 });
    expect(result.delivery).toMatchObject({ sent: 1, delivered: 1, bouncedTotal: 0 });
    expect(await acceptedBy(stand)).toEqual([addressOf(1), addressOf(2), addressOf(2)]);
    await stand.conserved(result.runId, { result });
  });
});
