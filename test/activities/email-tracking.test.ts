/** Jobs and their events, until it is known what became of the messages. */
import { describe, expect, it } from 'vitest';
import { EVENTS, emailStand, JOBS, people, person } from './email-sends.ts';
import { createEnvironment, runActivity } from './harness.ts';

const { opened, start, ageJobs } = emailStand();

type Cxone = Awaited<ReturnType<typeof start>>;
type Run = Awaited<ReturnType<Cxone['sent']>>;

const statesOf = async (run: Run) =>
  Object.fromEntries(
    (await opened().ledger.emails.figures(run.run_no)).groups.map(({ state, bounceClass, n }) => [
      bounceClass ?? state,
      n,
    ]),
  );

const endsOf = async (cxone: Cxone, run: Run) => (await cxone.jobs(run)).map(({ endedHow }) => endedHow);

describe('the status of a job', () => {
  it.each(['failed', 'cancelled'] as const)('%s: whoever has no event has failed', async (ends) => {
    const cxone = await start();
    await cxone.admin.setEmailPlan({
      jobs: [{ queuedSeconds: 0, processingSeconds: 0, ends, reaches: 0.5 }],
    });
    const run = await cxone.sent(people(4));
    await cxone.track(run);
    expect(await statesOf(run)).toEqual({ delivered: 2, failed: 2 });
    expect(await endsOf(cxone, run)).toEqual(['completed']);
  });

  it('a word that nobody knows is asked for again, and reported', async () => {
    const cxone = await start();
    const job = { queuedSeconds: 0, processingSeconds: 3_600, processingAs: 'Throttled' };
    await cxone.admin.setEmailPlan({ jobs: [job] });
    const run = await cxone.sent(people(1));
    expect(await cxone.trackOnce(run)).toBeNull();
    expect(await cxone.jobs(run)).toMatchObject([{ status: 'Throttled', isFinal: false, polls: 1 }]);
    await cxone.admin.change({ clockOffsetSeconds: 3_601 });
    expect(await cxone.track(run)).toMatchObject({ isEnded: true });
    expect(await statesOf(run)).toEqual({ delivered: 1 });
  });

  it('a job that stays unknown (404) is in doubt after the deadline, whatever is said about its events', async () => {
    const cxone = await start();
    const run = await cxone.sent(people(2), { pollDeadline: '1h' });
    await cxone.admin.setFaults([
      { match: JOBS, fault: { status: 404 } },
      { match: EVENTS, fault: { status: 404 } },
    ]);
    expect(await cxone.trackOnce(run)).toBeNull();
    expect(await cxone.jobs(run)).toMatchObject([{ status: 'not_found', endedHow: null }]);
    await ageJobs(run, 1);
    expect(await cxone.track(run)).toMatchObject({ isEnded: true });
    expect(await statesOf(run)).toEqual({ in_doubt: 2 });
    expect(await cxone.end(run)).toMatchObject({ counts: { sent: 2 }, delivery: { inDoubt: 2 } });
  });

  it('a job that never ends is given up at the deadline, with the events it has', async () => {
    const cxone = await start();
    await cxone.admin.setEmailPlan({
      jobs: [{ queuedSeconds: 0, processingSeconds: 0, ends: 'stuck', reaches: 0.5 }],
    });
    const run = await cxone.sent(people(2), { pollDeadline: '1h' });
    expect(await cxone.trackOnce(run)).toBeNull();
    await ageJobs(run, 1);
    await cxone.track(run);
    expect(await statesOf(run)).toEqual({ delivered: 1, accepted: 1 });
    expect(await endsOf(cxone, run)).toEqual(['deadline']);
  });
});

describe('events', () => {
  it('that come late are read for as long as the input says', async () => {
    const cxone = await start();
    const run = await cxone.sent(people(1), { watchEvents: '72h' });
    expect(await cxone.trackOnce(run)).toBeNull();
    expect(await cxone.trackOnce(run)).toBeNull();
    expect(await statesOf(run)).toEqual({ delivered: 1 });
    const [job] = await cxone.jobs(run);
    const [email] = await cxone.admin.acceptedEmails();
    const late = {
      eventType: 'bounce',
      messageId: email?.messageId,
      bounceCode: '5.1.1',
      timestamp: new Date(),
    };
    await cxone.admin.addEmailEvents(job?.jobId ?? '', [late]);
    expect(await cxone.trackOnce(run)).toBeNull();
    expect(await statesOf(run)).toEqual({ hard: 1 });
    await ageJobs(run, 72);
    expect(await cxone.track(run)).toMatchObject({ isEnded: true });
  });

  it('of all pages are read', async () => {
    const cxone = await start();
    const run = await cxone.sent(people(2), { watchEvents: '1h' });
    await cxone.trackOnce(run);
    const [job] = await cxone.jobs(run);
    const [, second] = await cxone.admin.acceptedEmails();
    const opens = Array.from({ length: 1_200 }, (_, n) => ({
      eventType: 'open',
      messageId: second?.messageId,
      timestamp: new Date(Date.now() + 10_000 + n).toISOString(),
    }));
    const complaint = { eventType: 'complaint', messageId: second?.messageId, timestamp: new Date() };
    await cxone.admin.addEmailEvents(job?.jobId ?? '', [...opens, complaint]);
    expect(await cxone.trackOnce(run)).toMatchObject({ optOuts: 1 });
    expect((await opened().ledger.emails.figures(run.run_no)).events).toBe(1_203);
  });

  it('of all pages are read, although an event is first on two of them', async () => {
    const cxone = await start();
    const run = await cxone.sent(people(1));
    const [job] = await cxone.jobs(run);
    const [email] = await cxone.admin.acceptedEmails();
    const entry = { ...EVENT, jobId: job?.jobId ?? null, emailAddress: email?.toAddress ?? null };
    const opens = Array.from({ length: 1_000 }, (_, n) => ({ ...entry, eventId: `e${n}` }));
    const feed = [...opens, ...opens.slice(0, 1), { ...entry, eventType: 'complaint', eventId: 'last' }];
    cxone.cxone.email.readEvents = ({ offset = 0 }) => {
      const events = feed.slice(offset, offset + 1_000);
      return Promise.resolve({ events, count: events.length });
    };
    expect(await cxone.trackOnce(run, { beside: true })).toBeNull();
    expect(await cxone.trackOnce(run, { beside: true })).toMatchObject({ optOuts: 1 });
  });

  it.each(['their own', 'other'])(
    'of a tenant that ignores offset are read once, if the page has %s events',
    async (whose) => {
      const cxone = await start();
      const run = await cxone.sent(people(1));
      const [job] = await cxone.jobs(run);
      const { email } = cxone.cxone;
      const jobId = whose === 'other' ? 'another-job' : (job?.jobId ?? null);
      const page = Array.from({ length: 1_000 }, (_, n) => ({ ...EVENT, jobId, eventId: `e${n}` }));
      let requests = 0;
      email.readEvents = () => {
        requests += 1;
        if (requests > 5) throw new Error('the same page is asked for again and again');
        return Promise.resolve({ events: page, count: page.length });
      };
      expect(await cxone.trackOnce(run, { beside: true })).toBeNull();
      expect(await cxone.trackOnce(run, { beside: true })).toBeNull();
      expect(requests).toBe(2);
    },
  );
});

/** An event as the client returns it. */
const EVENT = {
  ...{ eventType: 'open', eventId: null, timestamp: '2026-11-29T10:00:00Z', isPartial: false },
  ...{ jobId: null, messageId: null, recipientId: null, emailAddress: null },
  ...{
    bounceCode: null,
    bounceDescription: null,
    bounceType: null,
    linkUrl: null,
    method: null,
    machine: null,
  },
};

describe('failures', () => {
  const jobOf = (jobId: string) => ({ method: 'GET', family: 'email', path: `/jobs/${jobId}$` }) as const;

  it.each([500, 422])(
    'of one job (%i) do not keep others from their end, and are not waited for without end',
    async (status) => {
      const cxone = await start({ email: { recipientsPerRequest: 1 } });
      const run = await cxone.sent(people(4), { pollDeadline: '1h' });
      const [first] = await cxone.jobs(run);
      await cxone.admin.setFaults([{ match: jobOf(first?.jobId ?? ''), fault: { status } }]);
      for (let pass = 1; pass <= 3; pass += 1) expect(await cxone.trackOnce(run)).toBeNull();
      expect(await endsOf(cxone, run)).toEqual([null, 'completed', 'completed', 'completed']);
      expect(await statesOf(run)).toEqual({ accepted: 1, delivered: 3 });
      await ageJobs(run, 3);
      expect(await cxone.track(run)).toMatchObject({ isEnded: true });
      expect(await endsOf(cxone, run)).toEqual(['deadline', 'completed', 'completed', 'completed']);
    },
  );

  it.each([
    ['status', JOBS],
    ['events', EVENTS],
  ])('the %s of one job is not asked for again before Retry-After', async (_, match) => {
    const cxone = await start();
    const run = await cxone.sent(people(1));
    await cxone.admin.setFaults([{ match, fault: { status: 503, retryAfter: 600 } }]);
    const before = Date.now();
    for (let pass = 1; pass <= 2; pass += 1) expect(await cxone.trackOnce(run)).toBeNull();
    const [job] = await cxone.jobs(run);
    expect(job?.nextPollAt?.getTime()).toBeGreaterThanOrEqual(before + 600_000);
  });

  it('of all jobs are an outage, and no job is given up in it', async () => {
    const cxone = await start({ email: { recipientsPerRequest: 1 } });
    const run = await cxone.sent(people(8));
    await cxone.admin.setFaults([{ match: { family: 'email' }, fault: { status: 503 } }]);
    await expect(cxone.trackOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    await cxone.admin.setFaults([]);
    expect(await cxone.track(run)).toMatchObject({ isEnded: true });
    expect(await statesOf(run)).toEqual({ delivered: 8 });
  });
});

describe('a run that is cancelled', () => {
  it('reads once more what became of its messages, so that objections are obeyed', async () => {
    const complainer = person();
    const cxone = await start({ plan: { recipients: [{ does: 'complaint' }] } });
    const run = await cxone.sent([complainer]);
    expect(await cxone.end(run, 'cancelled')).toMatchObject({ state: 'cancelled', counts: { sent: 1 } });
    expect(await endsOf(cxone, run)).toEqual(['run_ended']);
    expect(await cxone.outcomes(await cxone.sent([complainer]))).toEqual({ 1: 'suppressed suppressed' });
  });

  it('ends although CXone does not answer', async () => {
    const cxone = await start();
    const run = await cxone.sent(people(1));
    await cxone.admin.setFaults([{ match: EVENTS, fault: { status: 503 } }]);
    expect(await cxone.end(run, 'cancelled')).toMatchObject({ state: 'cancelled', counts: { sent: 1 } });
    expect(await endsOf(cxone, run)).toEqual(['run_ended']);
  });
});

it('bounces about the sender are reported to the run once', async () => {
  const cxone = await start({ plan: { recipients: [{ does: 'policy' }] } });
  const run = await cxone.sent(people(1), { watchEvents: '72h' });
  await cxone.trackOnce(run);
  await cxone.trackOnce(run);
  expect(await cxone.trackOnce(run, { beside: true })).toMatchObject({ policyBounces: 1, isEnded: false });
  expect(await cxone.trackOnce(run, { beside: true, policyBounces: 1 })).toBeNull();
});

describe('what is announced about a job', () => {
  const announced = async (run: Run) => {
    const rows = await opened()
      .database.db.selectFrom('outbox')
      .select(['event', 'event_id as id'])
      .where('run_no', '=', run.run_no)
      .orderBy('outbox.id')
      .execute();
    return rows.map(({ event }) => event);
  };

  it('is announced once, and again only if something new is known', async () => {
    const crm = { url: 'https://crm.test/events' };
    const cxone = await start({ worker: { webhooks: { crm: crm as never, marketing: null } } });
    const run = await cxone.sent(people(2), { watchEvents: '1h' });
    for (let pass = 1; pass <= 4; pass += 1) await cxone.trackOnce(run);
    expect(await announced(run)).toEqual(['email_job_completed']);
    const [job] = await cxone.jobs(run);
    const [email] = await cxone.admin.acceptedEmails();
    const open = { eventType: 'open', messageId: email?.messageId, timestamp: new Date(Date.now() + 60_000) };
    await cxone.admin.addEmailEvents(job?.jobId ?? '', [open]);
    for (let pass = 1; pass <= 2; pass += 1) await cxone.trackOnce(run);
    expect(await announced(run)).toEqual(['email_job_completed', 'email_job_updated']);
  });
});

describe('the first share', () => {
  const judge = (cxone: Cxone, run: Run) => runActivity(() => cxone.activities.judgeCanary(run.run_id));

  it('went badly if people complain after its jobs are done, while it is waited for', async () => {
    const cxone = await start();
    const run = await cxone.sent(people(20));
    const watched = { beside: true, unjudgedBatches: 1 };
    for (let pass = 1; pass <= 3; pass += 1) expect(await cxone.trackOnce(run, watched)).toBeNull();
    expect(await statesOf(run)).toEqual({ delivered: 20 });
    const [job] = await cxone.jobs(run);
    const complaints = (await cxone.admin.acceptedEmails()).map(({ messageId }) => ({
      ...{ eventType: 'complaint', messageId, timestamp: new Date() },
    }));
    await cxone.admin.addEmailEvents(job?.jobId ?? '', complaints);
    expect(await cxone.trackOnce(run, watched)).toMatchObject({ optOuts: 20 });
    expect(await judge(cxone, run)).toMatchObject({
      passes: false,
      why: expect.stringContaining('20 of 20 were complained about') as string,
    });
    // Once it has been judged, its jobs end as all others do.
    expect(await cxone.track(run)).toMatchObject({ isEnded: true });
  });

  it('shows too little if it is small, and went badly if many bounced', async () => {
    const fine = await start();
    const good = await fine.sent(people(5));
    await fine.track(good);
    expect(await judge(fine, good)).toMatchObject({
      passes: false,
      why: expect.stringContaining('too little') as string,
    });
    const bad = await start({ plan: { recipients: [{ does: 'hard' }] } });
    const run = await bad.sent(people(20));
    await bad.track(run);
    expect(await judge(bad, run)).toMatchObject({
      passes: false,
      why: expect.stringContaining('20 of 20 bounced') as string,
    });
  });
});

it('a run that shows too few pending records gets the counts, but at most once in a minute', async () => {
  const cxone = await start({ plan: { recipients: [{ does: 'soft' }] } });
  const run = await cxone.sent(people(2));
  const track = (pending: number, scheduledSeconds: number) => {
    const env = createEnvironment({ scheduledTimestampMs: Date.now() - scheduledSeconds * 1_000 });
    const asked = { runId: run.run_id, beside: true, policyBounces: 0, pending };
    return runActivity(() => cxone.activities.trackMessages(asked), env);
  };
  // Two passes: the status of the job, then its events.
  for (let pass = 1; pass <= 2; pass += 1) await cxone.trackOnce(run, { beside: true });
  const waits = expect.objectContaining({ type: 'JobsOpen' }) as unknown;
  await expect(track(0, 30)).rejects.toEqual(waits);
  await expect(track(2, 90)).rejects.toEqual(waits);
  expect(await track(1, 90)).toMatchObject({ counts: { pending: 2 } });
});
