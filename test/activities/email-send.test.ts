/** The one request that sends a batch, and what follows from its answer. */
import { describe, expect, it } from 'vitest';
import { EVENTS, emailStand, MESSAGE, MESSAGES, people, person } from './email-sends.ts';

const { opened, start, skipWaits } = emailStand();

describe('an accepted batch', () => {
  it.each([true, false])(
    'becomes one job with its recipients (ids in the answer: %s)',
    async (emailRecipientsInAnswer) => {
      const cxone = await start();
      await cxone.admin.change({ emailRecipientsInAnswer });
      const persons = people(3);
      const run = await cxone.sent(persons);
      expect(await cxone.jobs(run)).toMatchObject([{ recipients: 3, batch: 1, isFinal: false, polls: 0 }]);
      const [message] = await opened().ledger.emails.timeline(run.run_no, 2);
      const [, second] = await cxone.admin.acceptedEmails();
      expect(message?.messageId).toBe(emailRecipientsInAnswer ? second?.messageId : null);
      await cxone.track(run);
      const [followed] = await opened().ledger.emails.timeline(run.run_no, 2);
      expect(followed).toMatchObject({ messageId: second?.messageId, state: 'delivered' });
      expect(await cxone.end(run)).toMatchObject({
        state: 'completed',
        jobs: 1,
        counts: { sent: 3 },
        delivery: { delivered: 3 },
      });
    },
  );

  it('of several batches becomes several jobs, and the answers name nobody twice', async () => {
    const cxone = await start({ email: { recipientsPerRequest: 2 } });
    const persons = people(5);
    const run = await cxone.sent([...persons, persons[0] ?? {}]);
    expect(await cxone.jobs(run)).toHaveLength(3);
    expect(await cxone.counts(run)).toMatchObject({ sent: 5, duplicate: 1, pending: 0 });
    expect((await cxone.accepted()).toSorted()).toEqual(persons.map(({ email }) => email).toSorted());
  });
});

describe('a declared merge field without fallback', () => {
  const message = { ...MESSAGE, mergeFields: ['plan'] };

  it('that no row has fails the run before anything is planned', async () => {
    const cxone = await start();
    const rows = people(3).map((each, n) => ({ ...each, [n === 0 ? 'x' : 'plam']: 'gold' }));
    const problem =
      /^\{\{plan\}\} is in no row, but there is "plam"\. Correct the name, name the key that has it in the source's map, or give /;
    await expect(cxone.planned(rows, { message })).rejects.toMatchObject({
      type: 'SourceUnreadable',
      nonRetryable: true,
      message: expect.stringMatching(problem) as unknown,
    });
  });

  it.each([
    ['at its top', (plan: string) => ({ plan })],
    ['in its mergeFields', (plan: string) => ({ mergeFields: { plan } })],
  ])('that one row has %s makes the others invalid, also if it is blank', async (_where, field) => {
    const cxone = await start();
    const some = await cxone.planned([...people(2), { ...person(), ...field('gold') }], { message });
    expect(await cxone.outcomes(some)).toEqual({
      1: 'invalid merge_field_missing',
      2: 'invalid merge_field_missing',
      3: 'pending',
    });
    const none = await cxone.planned([...people(1), { ...person(), ...field(' ') }], { message });
    expect(await cxone.counts(none)).toMatchObject({ invalid: 2, pending: 0 });
  });
});

describe('a batch that CXone refuses', () => {
  it('is sent again without those whom CXone names', async () => {
    const cxone = await start();
    const persons = people(5);
    const blocked = [persons[1]?.email ?? '', persons[3]?.email ?? ''];
    await cxone.admin.change({ blockedAddresses: blocked });
    const run = await cxone.sent(persons);
    expect(await cxone.outcomes(run)).toMatchObject({
      2: 'rejected ADDRESS_BLOCKED',
      4: 'rejected ADDRESS_BLOCKED',
    });
    expect(await cxone.counts(run)).toMatchObject({ sent: 3, rejected: 2, pending: 0 });
    expect(await cxone.accepted()).toEqual(
      persons.map(({ email }) => email).filter((each) => !blocked.includes(each)),
    );
  });

  it('is divided until only those at fault are left, if CXone names nobody', async () => {
    const cxone = await start();
    const persons = people(8);
    await cxone.admin.change({ naming: 'none', blockedAddresses: [persons[5]?.email ?? ''] });
    const run = await cxone.sent(persons);
    expect(await cxone.outcomes(run)).toMatchObject({ 6: 'rejected refused' });
    expect(await cxone.counts(run)).toMatchObject({ sent: 7, rejected: 1, pending: 0 });
    expect(new Set(await cxone.accepted()).size).toBe(7);
  });

  it('and blames somebody twice: both reasons are kept', async () => {
    const cxone = await start();
    const [first, second] = [person(), person()];
    const of = (code: string) => ({ index: 0, code, field: 'toAddress', message: code });
    const body = { message: 'no', errors: [of('A'), of('B')] };
    await cxone.admin.setFaults([{ match: MESSAGES, times: 1, fault: { status: 400, body } }]);
    const run = await cxone.sent([first, second]);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'rejected A B', 2: 'sent' });
  });
});

it('twenty refusals in a row that blame nobody halt the page; it goes on once CXone accepts again', async () => {
  const cxone = await start({ email: { recipientsPerRequest: 1 }, worker: { maxInFlight: 1 } });
  await cxone.admin.setFaults([
    { match: MESSAGES, fault: { status: 400, body: { message: 'no template' } } },
  ]);
  const run = await cxone.planned(people(30));
  expect(await cxone.page(run)).toMatchObject({ halted: 'refused' });
  expect(await cxone.counts(run)).toMatchObject({ rejected: 20, pending: 10 });
  await cxone.admin.setFaults([]);
  await cxone.writeAll(run);
  expect(await cxone.counts(run)).toMatchObject({ rejected: 20, sent: 10, pending: 0 });
});

describe('a lost answer', () => {
  it('leaves the batch in doubt, is never repeated, and stops the page', async () => {
    const cxone = await start({ email: { recipientsPerRequest: 2 }, worker: { maxInFlight: 1 } });
    await cxone.admin.setFaults([{ match: MESSAGES, fault: { reset: 'after' } }]);
    const run = await cxone.planned(people(6));
    const { lost } = await cxone.page(run);
    expect(lost).toMatchObject({ inARow: 1, limit: 2 });
    expect(await cxone.inDoubt(run)).toHaveLength(1);
    expect(await cxone.accepted()).toHaveLength(2);
    await cxone.resolve(run, 'leave');
    await cxone.admin.setFaults([]);
    await cxone.writeAll(run);
    expect(await cxone.counts(run)).toMatchObject({ in_doubt: 2, sent: 4, pending: 0 });
    expect(new Set(await cxone.accepted()).size).toBe(6);
    expect(await cxone.accepted()).toHaveLength(6);
  });
});

describe.each([false, true])('an answer that is not part of the contract (repeats dropped: %s)', (drops) => {
  async function redirected(status: number) {
    const cxone = await start({
      email: { recipientsPerRequest: 1, isIdempotent: drops },
      simulator: { emailIdempotent: drops },
    });
    const redirect = { status, location: '/elsewhere', when: 'after' } as const;
    await cxone.admin.setFaults([{ match: MESSAGES, fault: redirect }]);
    const run = await cxone.planned(people(12));
    const { halted, lost } = await cxone.page(run);
    expect(halted).toBeNull();
    const inDoubt = await cxone.inDoubt(run);
    expect(inDoubt.length).toBeGreaterThan(0);
    expect(lost).toMatchObject({ inARow: inDoubt.length, limit: 2 });
    expect(await cxone.accepted()).toHaveLength(inDoubt.length);
    await cxone.admin.setFaults([]);
    return { cxone, run, inDoubt: inDoubt.length };
  }

  it.each([302, 418])('leaves its batch in doubt, and does not fail the run (%i)', async (status) => {
    const { cxone, run, inDoubt } = await redirected(status);
    await cxone.resolve(run, 'leave');
    await cxone.writeAll(run);
    expect(await cxone.counts(run)).toMatchObject({ in_doubt: inDoubt, sent: 12 - inDoubt, pending: 0 });
    expect(await cxone.accepted()).toHaveLength(12);
  });

  it('is asked for again only on a decision', async () => {
    const { cxone, run, inDoubt } = await redirected(307);
    await cxone.resolve(run, 'resend');
    await cxone.writeAll(run);
    expect(await cxone.counts(run)).toMatchObject({ sent: 12, pending: 0 });
    expect(await cxone.accepted()).toHaveLength(drops ? 12 : 12 + inDoubt);
  });
});

describe('a message that is to be sent again after a bounce', () => {
  async function bounced(rows: readonly object[]) {
    const cxone = await start({ plan: { recipients: [{ does: 'soft', times: 1 }] } });
    const run = await cxone.sent(rows);
    const { notBefore, counts, isEnded } = await cxone.track(run);
    expect(isEnded).toBe(true);
    expect(Date.parse(notBefore ?? '')).toBeGreaterThan(Date.now() + 5 * 3_600_000);
    expect(counts).toMatchObject({ pending: rows.length });
    await skipWaits(run);
    return { cxone, run };
  }

  it('is sent once more, and delivered', async () => {
    const persons = people(2);
    const { cxone, run } = await bounced(persons);
    await cxone.writeAll(run);
    expect(await cxone.track(run)).toMatchObject({ isEnded: true, notBefore: null });
    expect(await cxone.accepted()).toHaveLength(4);
    expect(await cxone.end(run)).toMatchObject({ counts: { sent: 2 }, delivery: { delivered: 2 }, jobs: 2 });
  });

  it('stays sent, with the reason, if somebody has objected or CXone refuses it', async () => {
    const [objector, refused, other] = [person(), person(), person()];
    const { cxone, run } = await bounced([objector, refused, other]);
    await cxone.object(objector);
    await cxone.admin.change({ blockedAddresses: [refused.email] });
    await cxone.writeAll(run);
    expect(await cxone.outcomes(run)).toEqual({
      1: 'sent not_sent_again suppressed',
      2: 'sent not_sent_again ADDRESS_BLOCKED',
      3: 'sent',
    });
    await cxone.track(run);
    const { counts, delivery } = await cxone.end(run);
    expect(counts).toMatchObject({ sent: 3, pending: 0 });
    expect(delivery).toMatchObject({ delivered: 1, bounced: { soft: 2 } });
  });

  it('is not sent again once CXone says that it was delivered after all', async () => {
    const { cxone, run } = await bounced(people(2));
    const [late] = await cxone.admin.acceptedEmails();
    expect(await cxone.jobs(run)).toMatchObject([{ endedHow: 'completed' }]);
    const { jobId = '', messageId, recipientId } = late ?? {};
    const event = { eventType: 'delivered', timestamp: new Date().toISOString(), eventId: 'late' };
    await cxone.admin.addEmailEvents(jobId, [
      { ...event, messageId, recipientId },
      { ...event, messageId: 'of-nobody', emailAddress: 'stranger@example.com', eventId: 'other' },
    ]);
    await cxone.admin.setFaults([{ match: EVENTS, times: 1, fault: { status: 503 } }]);
    // The run is taken over in between, because its jobs are followed at the same time.
    const { email } = cxone.cxone;
    const read = email.readEvents.bind(email);
    email.readEvents = async (request) => {
      email.readEvents = read;
      await cxone.trackOnce(run, { beside: true });
      return read(request);
    };
    await cxone.writeAll(run);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'sent delivered_after_all', 2: 'sent' });
    expect(await cxone.accepted()).toHaveLength(3);
    await cxone.track(run);
    expect(await cxone.end(run)).toMatchObject({ counts: { sent: 2 }, delivery: { delivered: 2 } });
  });

  it.each([400, 404, 422])(
    'is not sent again, and no run fails, if CXone refuses its events (%i)',
    async (status) => {
      const { cxone, run } = await bounced(people(2));
      await cxone.admin.setFaults([{ match: EVENTS, fault: { status } }]);
      await cxone.writeAll(run);
      const unread = 'sent not_sent_again events_unreadable';
      expect(await cxone.outcomes(run)).toEqual({ 1: unread, 2: unread });
      expect(await cxone.accepted()).toHaveLength(2);
    },
  );

  it('stays sent if its events can never be read', async () => {
    const { cxone, run } = await bounced(people(2));
    await cxone.admin.setFaults([{ match: EVENTS, fault: { status: 500 } }]);
    for (let pass = 1; pass <= 30 && (await cxone.counts(run)).pending > 0; pass += 1)
      await cxone.page(run).catch(() => undefined);
    const given = 'sent not_sent_again always_fails';
    expect(await cxone.outcomes(run)).toEqual({ 1: given, 2: given });
    expect(await cxone.accepted()).toHaveLength(2);
  });

  it('keeps its outcome if the run ends before', async () => {
    const { cxone, run } = await bounced(people(2));
    const { state, counts, delivery } = await cxone.end(run, 'cancelled');
    expect({ state, counts }).toMatchObject({ state: 'cancelled', counts: { sent: 2, pending: 0 } });
    expect(delivery).toMatchObject({ bounced: { soft: 2 } });
  });

  it('is not sent as a first message by a retry of the run, if that fails before', async () => {
    const { cxone, run } = await bounced(people(2));
    await cxone.end(run, 'failed');
    expect(await cxone.counts(run)).toMatchObject({ pending: 2 });
    const retryOf = { source: { retryOf: run.run_id } };
    await expect(cxone.planned([], retryOf)).rejects.toThrow(/left nothing to retry/);
    const [blocked] = [person()];
    await cxone.admin.change({ blockedAddresses: [blocked.email] });
    const other = await cxone.sent([blocked, ...people(1)]);
    await cxone.setPlan({ recipients: [{ does: 'soft' }] });
    await cxone.track(other);
    await cxone.end(other, 'failed');
    await cxone.admin.change({ blockedAddresses: [] });
    const retry = await cxone.sent([], { source: { retryOf: other.run_id } });
    expect(await cxone.outcomes(retry)).toEqual({ 1: 'sent' });
    expect((await cxone.accepted()).slice(-1)).toEqual([blocked.email]);
  });

  it('is sent no more than as often as the input says', async () => {
    const cxone = await start({ plan: { recipients: [{ does: 'soft' }] } });
    const run = await cxone.sent(people(1), { retries: 1 });
    expect((await cxone.track(run)).notBefore).not.toBeNull();
    await skipWaits(run);
    await cxone.writeAll(run);
    expect(await cxone.track(run)).toMatchObject({ isEnded: true, notBefore: null });
    expect(await cxone.accepted()).toHaveLength(2);
    expect(await cxone.counts(run)).toMatchObject({ sent: 1, pending: 0 });
  });
});
