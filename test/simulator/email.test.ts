import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { readFlags } from '../../src/simulator/flags.ts';
import { captureError } from '../cxone/vendor.ts';
import { ENVELOPE, MESSAGES, NAMES, recipient, startEmail as start } from './email-stand.ts';

describe('suppressions', () => {
  it.each(['not-found', 'empty'] as const)('an address without one: %s', async (notSuppressedAs) => {
    const { email, api, admin } = await start({ notSuppressedAs });
    const path = '/v1/communications/email/suppressions?email=ada%40example.com&limit=1';
    const { status, body } = await api('GET', path);
    expect([status, body]).toEqual(
      notSuppressedAs === 'empty' ? [200, { results: [] }] : [404, { message: 'not suppressed' }],
    );
    expect(await email.getSuppression({ address: 'ada@example.com' })).toBeNull();
    await admin.seedEmailSuppressions({
      entries: [{ email: 'Ada@Example.com', reason: 'hard_bounce', addedDate: '2026-01-02' }],
    });
    expect(await email.getSuppression({ address: 'ada@example.com' })).toEqual({
      reason: 'hard_bounce',
      addedDate: '2026-01-02',
    });
  });

  it('a new tenant has one; others can be added, removed and replaced', async () => {
    const { admin } = await start();
    const all = async () => (await admin.emailSuppressions()).entries.map(({ email }) => email);
    expect(await all()).toEqual(['do-not-contact@example.com']);
    expect(await admin.seedEmailSuppressions({ entries: [{ email: 'a@example.com' }] })).toEqual({
      total: 2,
    });
    await admin.seedEmailSuppressions({ remove: ['DO-NOT-contact@example.com'] });
    expect(await all()).toEqual(['a@example.com']);
    await admin.seedEmailSuppressions({ replace: true, entries: [{ email: 'b@example.com' }] });
    expect(await all()).toEqual(['b@example.com']);
  });

  it.each(['limit=1', 'email=&limit=1', 'email=a%40example.com', 'email=a%40example.com&limit=0'])(
    'an incomplete query is refused: %s',
    async (query) => {
      const { api } = await start();
      expect((await api('GET', `/v1/communications/email/suppressions?${query}`)).status).toBe(400);
    },
  );
});

describe('jobs', () => {
  it('are queued, processing, and then completed', async () => {
    const { job, status, wait, email } = await start({
      email: { jobs: [{ queuedSeconds: 2, processingSeconds: 3, spamScore: 1.5 }] },
    });
    const jobId = await job();
    const seen: unknown[] = [];
    for (let s = 0; s < 6; s += 1) {
      seen.push(await status(jobId));
      wait(1);
    }
    expect(seen).toEqual(['queued', 'queued', 'processing', 'processing', 'processing', 'completed']);
    expect(await email.getJob({ jobId })).toEqual({
      status: 'completed',
      known: 'completed',
      spamScore: 1.5,
    });
  });

  it.each(['failed', 'cancelled'] as const)(
    'may end as %s, after events of a share of the recipients',
    async (ends) => {
      const { job, status, wait, events } = await start({ email: { jobs: [{ ends, reaches: 0.5 }] } });
      const jobId = await job(['ada', 'bob', 'cem', 'dan']);
      wait(2);
      expect(await status(jobId)).toBe(ends);
      expect((await events(jobId)).map(({ emailAddress }) => emailAddress).sort()).toEqual([
        'ada@example.com',
        'bob@example.com',
      ]);
    },
  );

  it('a job that failed has no events unless a rule says so', async () => {
    const { job, wait, events } = await start({ email: { jobs: [{ ends: 'failed' }] } });
    const jobId = await job();
    wait(60);
    expect(await events(jobId)).toEqual([]);
  });

  it('may be a 404 for a while, and have a status that nobody knows', async () => {
    const { job, email, wait, events } = await start({
      email: {
        jobs: [{ hiddenSeconds: 5, queuedSeconds: 0, processingSeconds: 5, processingAs: 'warming_up' }],
      },
    });
    const jobId = await job();
    expect(await email.getJob({ jobId })).toBeNull();
    expect(await events(jobId)).toEqual([]);
    wait(5);
    expect(await email.getJob({ jobId })).toMatchObject({ status: 'warming_up', known: 'unknown' });
    wait(5);
    expect(await email.getJob({ jobId })).toMatchObject({ known: 'completed' });
  });

  it('one that is stuck stays so until a test ends it', async () => {
    const { job, status, wait, admin } = await start({ email: { jobs: [{ job: 2, ends: 'stuck' }] } });
    const ids = [await job(['ada']), await job(['bob']), await job(['cem'])];
    wait(86_400);
    const statuses = () => Promise.all(ids.map(status));
    expect(await statuses()).toEqual(['completed', 'processing', 'completed']);
    await admin.changeEmailJob(ids[1] ?? '', { ends: 'completed' });
    expect(await statuses()).toEqual(['completed', 'completed', 'completed']);
    expect((await admin.emailJobs()).jobs[1]).toMatchObject({
      jobId: ids[1],
      number: 2,
      idempotencyKey: 'key-2',
      recipientCount: 1,
      status: 'completed',
    });
  });

  it('a job that nobody has is a 404, and so are its events', async () => {
    const { email, admin } = await start();
    expect(await email.getJob({ jobId: 'x' })).toBeNull();
    expect(await captureError(email.readEvents({ jobId: 'x', offset: 0 }))).toMatchObject({ status: 404 });
    await expect(admin.changeEmailJob('x', { ends: 'failed' })).rejects.toThrow('404');
    await expect(admin.addEmailEvents('x', [])).rejects.toThrow('404');
    await email.probe();
  });

  it('its clock can be moved from outside', async () => {
    const { job, status, admin } = await start();
    const jobId = await job();
    await admin.change({ clockOffsetSeconds: 3_600 });
    expect(await status(jobId)).toBe('completed');
  });
});

describe('faults and access', () => {
  const cases: [string, Fault, object, number][] = [
    ['a lost answer', { answerLost: true }, { reason: 'timeout', applied: 'unknown' }, 3],
    ['a reset after it was applied', { reset: 'after' }, { reason: 'connection', applied: 'unknown' }, 3],
    ['a reset before', { reset: 'before' }, { reason: 'connection', applied: 'unknown' }, 0],
    ['a 503 after it was applied', { status: 503, when: 'after' }, { status: 503, applied: 'unknown' }, 3],
    ['a 503 before', { status: 503 }, { status: 503, applied: 'unknown' }, 0],
    ['no answer', { hang: true }, { reason: 'timeout', applied: 'unknown' }, 0],
    ['half an answer', { truncate: true }, { name: 'CxoneUnreadable', applied: 'unknown' }, 3],
    ['an answer cut off', { truncate: 'cut' }, { name: 'CxoneUnreadable', applied: 'unknown' }, 3],
    ['a login page', { html: true }, { name: 'CxoneUnreadable', applied: 'unknown' }, 0],
    ['429', { status: 429, retryAfter: 9 }, { retryAfterMs: 9_000, applied: 'no' }, 0],
  ];
  it.each(cases)('%s', async (_, fault, expected, sent) => {
    const faults = [{ match: { method: 'POST', family: 'email' as const }, times: 1, fault }];
    const { impatient, cxone, accepted, job } = await start({ faults });
    const recipients = { count: 3, json: JSON.stringify(NAMES.map((name) => recipient(name))) };
    const isSlow = fault.hang === true || fault.answerLost === true;
    const sending = (isSlow ? impatient : cxone).email.sendMessage({
      envelope: ENVELOPE,
      recipients,
      idempotencyKey: 'k',
    });
    expect(await captureError(sending)).toMatchObject(expected);
    expect(await accepted()).toHaveLength(sent);
    await job(['dan']);
    expect((await accepted()).at(-1)).toBe('dan');
  });

  it('the probe uses up no fault', async () => {
    const faults = [{ match: { family: 'email' as const }, times: 1, fault: { status: 503 } }];
    const { email, admin } = await start({ faults });
    await email.probe();
    expect(await captureError(email.getJob({ jobId: 'job-1' }))).toMatchObject({ status: 503 });
    expect((await admin.stats()).requests).toMatchObject({
      'GET /v1/communications/email/jobs/:jobId (without records)': { 404: 1 },
      'GET /v1/communications/email/jobs/:jobId': { 503: 1 },
    });
    await admin.setFaults([{ fault: { status: 503 } }]);
    expect(await captureError(email.probe())).toMatchObject({ status: 503 });
  });

  it('recipients may be dropped in silence', async () => {
    const { send, accepted } = await start({ faults: [{ fault: { dropRecords: 1 } }] });
    expect(await send()).toMatchObject({ kind: 'accepted' });
    expect(await accepted()).toEqual(['ada', 'bob']);
  });

  it('faults strike reads too, one person by the query', async () => {
    const faults = [{ match: { query: 'email=bob%40' }, fault: { status: 500 } }];
    const { email } = await start({ faults });
    expect(await email.getSuppression({ address: 'ada@example.com' })).toBeNull();
    expect(await captureError(email.getSuppression({ address: 'bob@example.com' }))).toMatchObject({
      status: 500,
    });
  });

  it.each([
    ['send', 'POST', MESSAGES],
    ['read', 'GET', '/v1/communications/email/jobs/job-1'],
    ['read', 'GET', '/v1/communications/email/suppressions?email=do-not-contact%40example.com&limit=1'],
    ['analytics', 'GET', '/v1/communications/email/events?jobId=job-1'],
  ])('needs the scope communications:email:%s for %s %s', async (scope, method, path) => {
    const { api, job, admin } = await start();
    await job();
    const body = method === 'POST' ? { ...ENVELOPE, recipients: [recipient('ada')] } : undefined;
    expect((await api(method, path, body)).status).toBeLessThan(300);
    await admin.change({ withheldScopes: [`communications:email:${scope}`] });
    expect((await api(method, path, body)).status).toBe(403);
  });

  it('a request line has the first address of a message', async () => {
    const { job, admin } = await start();
    await job();
    expect((await admin.requests()).at(-1)).toMatchObject({ path: MESSAGES, firstRecord: 'ada@example.com' });
  });

  it('flags set what the tenant does', () => {
    const flags =
      '--not-suppressed-as empty --blocked-address a@example.com --email-recipients-in-answer --email-idempotent';
    expect(readFlags(flags.split(' '))).toMatchObject({
      notSuppressedAs: 'empty',
      blockedAddresses: ['a@example.com'],
      emailRecipientsInAnswer: true,
      emailIdempotent: true,
    });
  });
});

describe('a restarted one', () => {
  it('continues with its jobs, events, keys and suppressions', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cxflow-email-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const options = { journalPath: join(folder, 'journal.ndjson'), emailIdempotent: true };
    const soft = {
      recipients: [{ address: '^ada', does: 'soft' as const, times: 2 }],
      jobs: [{ job: 1, spamScore: 2 }],
    };
    const first = await start({ ...options, email: soft });
    const jobId = await first.job(NAMES, 'k');
    await first.job(['ada'], 'k2');
    await first.admin.seedEmailSuppressions({
      replace: true,
      entries: [{ email: 'x@example.com', reason: 'r' }],
    });
    await first.admin.addEmailEvents(jobId, [{ eventType: 'amp_open' }]);
    await first.admin.changeEmailJob(jobId, { ends: 'failed', reaches: 1 });
    first.wait(60);
    const read = async ({ admin, events, email }: typeof first) => ({
      accepted: await admin.acceptedEmails(),
      jobs: await admin.emailJobs(),
      events: await events(jobId),
      job: await email.getJob({ jobId }),
      suppressions: await admin.emailSuppressions(),
    });
    const before = await read(first);
    expect(before.events).toHaveLength(4);
    expect(before.job).toMatchObject({ status: 'failed', spamScore: 2 });
    await first.simulator.close();

    const second = await start({ ...options, email: soft });
    second.wait(60);
    expect(await read(second)).toEqual(before);
    expect(await second.job(NAMES, 'k')).toBe(jobId);
    const third = await second.job(['ada'], 'k3');
    second.wait(60);
    expect(await second.events(third)).toMatchObject([{ eventType: 'delivery' }]);
    expect((await second.admin.emailJobs()).jobs.at(-1)).toMatchObject({ number: 3 });
  });
});
