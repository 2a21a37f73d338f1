/** Jobs of CXone and their messages. */
import { describe, expect, it } from 'vitest';
import {
  bounceAll,
  emailRun,
  event,
  expectAddsUp,
  mailbox,
  newJob,
  page,
  sendAll,
  sendWrite,
  sentRun,
} from './emails.harness.ts';
import { claimed, expireLease, group, ledgerOfFile, settlement, someId, writesOf } from './harness.ts';

const opened = ledgerOfFile();

describe('a job', () => {
  it('is stored with its messages in the transaction that settles its write, once', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 3);
    const [write] = await writesOf(ledger, run);
    if (!write) throw new Error('nothing was planned');
    const jobId = await sendWrite(ledger, run, write);
    await ledger.emails.recordJob(newJob(run, write.id, jobId, write.seqs));
    expect(await ledger.emails.jobs(run.run_no)).toMatchObject([
      {
        jobId,
        writeId: write.id,
        batch: 1,
        attempt: 1,
        recipients: 3,
        status: null,
        polls: 0,
        endedAt: null,
      },
    ]);
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({
      groups: [{ outcome: 'sent', state: 'accepted', bounceClass: null, n: 3 }],
      recipients: 3,
      attempts: [3],
    });
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 3, pending: 0, sent: 3 });
  });

  it('is not stored if its settlement is too late', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 1);
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    await expireLease(opened(), write?.id ?? '');
    await claimed(ledger, run, write?.id ?? '');
    const isSettled = await ledger.writes.settle({
      ...settlement(write?.id ?? '', fence, [group('sent', [1])]),
      inSettleTransaction: (tx) => ledger.emails.recordJob(newJob(run, write?.id ?? '', 'late', [1]), tx),
    });
    expect(isSettled).toBe(false);
    expect(await ledger.emails.jobs(run.run_no)).toEqual([]);
  });

  it('of a late answer is followed like others', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 2);
    const [write] = await writesOf(ledger, run);
    const id = write?.id ?? '';
    const old = await claimed(ledger, run, id);
    await expireLease(opened(), id);
    const { fence } = await claimed(ledger, run, id);
    const jobId = someId('job');
    await ledger.writes.settle({ ...settlement(id, old.fence, [group('sent', [1, 2])]), cxoneId: jobId });
    await ledger.writes.settle({ ...settlement(id, fence, [group('in_doubt', [1, 2])]), state: 'in_doubt' });
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null });
    expect(await ledger.emails.listDueJobs(run.run_no, 10)).toMatchObject([
      { jobId, writeId: id, attempt: 1, recipients: 2 },
    ]);
    await ledger.emails.saveEvents(run.run_no, jobId, page([event('delivery', { mailbox: mailbox(2) })]));
    expect((await ledger.emails.figures(run.run_no)).groups).toEqual([
      { outcome: 'sent', state: 'accepted', bounceClass: null, n: 1 },
      { outcome: 'sent', state: 'delivered', bounceClass: null, n: 1 },
    ]);
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 2, pending: 0, sent: 2 });
  });

  it('that two writes were answered with has the recipients of both', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 4, 2);
    const writes = await writesOf(ledger, run);
    for (const { id, seqs } of writes) await ledger.emails.recordJob(newJob(run, id, 'same', seqs));
    expect(await ledger.emails.jobs(run.run_no)).toMatchObject([{ jobId: 'same', recipients: 4 }]);
  });

  it('is due when its poll is, and no more once it has ended', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 2, 1);
    const [first = '', second = ''] = await sendAll(ledger, run);
    const due = async () => (await ledger.emails.listDueJobs(run.run_no, 10)).map(({ jobId }) => jobId);
    expect(await due()).toEqual([first, second]);
    const nextPollAt = new Date('9999-01-01T00:00:00Z');
    await ledger.emails.savePoll(run.run_no, first, { status: 'processing', nextPollAt, spamScore: 1.5 });
    expect(await due()).toEqual([second]);
    await ledger.emails.savePoll(run.run_no, first, { nextPollAt, isFinal: true });
    for (const how of ['completed', 'deadline']) await ledger.emails.endJob(run.run_no, second, how);
    expect(await ledger.emails.countOpenJobs(run.run_no)).toEqual({ open: 1, nextPollAt });
    expect(await ledger.emails.jobs(run.run_no)).toMatchObject([
      { status: 'processing', isFinal: true, spamScore: 1.5, polls: 2, nextPollAt, endedAt: null },
      { endedHow: 'completed', nextPollAt: null },
    ]);
    await expect(ledger.emails.savePoll(run.run_no, 'other', { nextPollAt })).rejects.toThrow('no job');
  });

  it('is announced when it says something new, and every time under the name that is due', async () => {
    const { ledger, database } = opened();
    const { run, jobId } = await sentRun(ledger, 1);
    const announce = (n: number) =>
      ledger.emails.announce(run.run_no, jobId, {
        first: 'completed',
        later: 'updated',
        hasSubscriber: true,
        describe: (job, messages) => ({
          auditEntry: { n },
          facts: { jobId: job.jobId },
          entries: { all: messages.map(({ seq }) => ({ seq })) },
        }),
      });
    for (const n of [1, 1, 2, 2, 1]) await announce(n);
    const events = await database.db
      .selectFrom('outbox')
      .selectAll()
      .where('content', 'is not', null)
      .execute();
    expect(events.map(({ event, content }) => [event, content])).toEqual(
      ['completed', 'updated', 'updated'].map((event) => [
        event,
        { facts: { jobId }, entries: { all: [{ seq: 1 }] } },
      ]),
    );
  });

  it('is announced under the same ids after a restore that gives the run another number', async () => {
    const { ledger, database } = opened();
    const jobId = someId('job');
    const ids = async () => {
      const run = await emailRun(ledger, 1);
      const [write] = await writesOf(ledger, run);
      await ledger.emails.recordJob(newJob(run, write?.id ?? '', jobId, [1]));
      for (const n of [1, 2])
        await ledger.emails.announce(run.run_no, jobId, {
          ...{ first: 'completed', later: 'updated', hasSubscriber: true },
          describe: () => ({ auditEntry: { n }, facts: {}, entries: {} }),
        });
      const ofRun = database.db.deleteFrom('outbox').where('run_no', '=', run.run_no);
      return (await ofRun.returning(['event', 'event_id']).execute()).sort((a, b) =>
        a.event < b.event ? -1 : 1,
      );
    };
    const before = await ids();
    expect(before).toHaveLength(2);
    expect(await ids()).toEqual(before);
  });

  it('that failed fails the messages without an event, until one arrives', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 3);
    await bounceAll(ledger, run, jobId, [1]);
    const fail = () => ledger.emails.failRemaining(run.run_no, jobId, 'failed', 'job_failed');
    expect([await fail(), await fail()]).toEqual([2, 0]);
    expect(await ledger.emails.timeline(run.run_no, 2)).toMatchObject([
      { state: 'failed', reason: 'job_failed' },
    ]);
    const late = page([event('delivery', { mailbox: mailbox(2) })]);
    expect(await ledger.emails.saveEvents(run.run_no, jobId, late)).toMatchObject([
      { seq: 2, before: { state: 'failed' }, after: { state: 'delivered' } },
    ]);
    expect((await ledger.emails.figures(run.run_no)).groups.map(({ state, n }) => [state, n])).toEqual([
      ['bounced', 1],
      ['delivered', 1],
      ['failed', 1],
    ]);
  });
});

describe('a recipient', () => {
  it('has a timeline', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 2);
    await ledger.emails.saveEvents(
      run.run_no,
      jobId,
      page([event('open', { mailbox: mailbox(2), messageId: 'm2', data: { n: 1 } })]),
    );
    expect(await ledger.emails.timeline(run.run_no, 2)).toMatchObject([
      {
        ...{ attempt: 1, messageId: 'm2', recipientId: null, opened: true, job: { jobId } },
        events: [{ type: 'open', at: new Date('2026-11-29T10:05:00Z'), data: { n: 1 } }],
      },
    ]);
  });
});

describe('opt-outs', () => {
  it('are listed with contact and time until they are synced', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 3);
    const at = '2026-11-29T11:00:00.000Z';
    const events = [
      event('complaint', { mailbox: mailbox(1) }),
      event('unsubscribe', { mailbox: mailbox(3), at }),
      event('open', { mailbox: mailbox(2) }),
    ];
    await ledger.emails.saveEvents(run.run_no, jobId, page(events));
    const list = (afterSeq: number) => ledger.emails.listOptOuts(run.run_no, { afterSeq, limit: 10 });
    expect(await list(1)).toEqual([
      { seq: 3, attempt: 1, contactId: 'c3', complained: false, unsubscribed: true, at: new Date(at) },
    ]);
    const counted = async () => (await ledger.emails.figures(run.run_no)).optOuts;
    expect(await counted()).toEqual({ handedOver: 0, waiting: 2 });
    for (let i = 0; i < 2; i += 1)
      await ledger.emails.markOptOutsSynced(run.run_no, [{ seq: 1, attempt: 1 }]);
    expect((await list(0)).map(({ seq }) => seq)).toEqual([3]);
    expect(await counted()).toEqual({ handedOver: 1, waiting: 1 });
  });
});
