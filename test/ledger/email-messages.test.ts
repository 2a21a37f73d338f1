/** What reports and receipts read of emails. */
import { describe, expect, it } from 'vitest';
import { countDeliveries } from '../../src/ledger/emails/counts.ts';
import type { CountedMessage } from '../../src/ledger/emails/messages.ts';
import {
  bounceAll,
  emailRun,
  event,
  mailbox,
  page,
  retry,
  sendAll,
  sendWrite,
  sentRun,
} from './emails.harness.ts';
import { ledgerOfFile, record, settlement, upTo, writesOf } from './harness.ts';

const opened = ledgerOfFile();
const PAST = '2026-11-01T00:00:00.000Z';

async function listed(runNo: number): Promise<CountedMessage[]> {
  const messages: CountedMessage[] = [];
  for await (const message of opened().ledger.emails.listMessages(runNo)) messages.push(message);
  return messages;
}

/** The first message bounced, and another one was sent. */
async function sentTwice() {
  const { ledger } = opened();
  const { run, jobId } = await sentRun(ledger, 2);
  await bounceAll(ledger, run, jobId, [1]);
  await ledger.emails.planRetries(run.run_no, [retry(1, 1, PAST)]);
  const [write] = await writesOf(ledger, run);
  if (!write) throw new Error('no retry');
  return { run, jobId, second: await sendWrite(ledger, run, write) };
}

describe('the messages that count', () => {
  it('are one for each recipient who was sent any, in the order of the source', async () => {
    const { ledger } = opened();
    // More than are read at once, in several jobs.
    const run = await emailRun(ledger, 1_203, 401);
    const jobs = await sendAll(ledger, run);
    const [first = ''] = jobs;
    await ledger.emails.saveEvents(
      run.run_no,
      first,
      page([event('delivery', { mailbox: mailbox(3) }), event('open', { mailbox: mailbox(3) })]),
    );
    const messages = await listed(run.run_no);
    expect(messages.map(({ seq }) => seq)).toEqual(upTo(1_203));
    expect(messages[2]).toEqual({
      ...{ seq: 3, state: 'delivered', bounceClass: null, bounceCode: null, opened: true, clicked: false },
      ...{ complained: false, unsubscribed: false, attempts: 1, jobId: first },
      deliveredAt: new Date('2026-11-29T10:05:00Z'),
    });
    expect(new Set(messages.map(({ jobId }) => jobId))).toEqual(new Set(jobs));
    expect(await listed((await emailRun(ledger, 2)).run_no)).toEqual([]);
  });

  it('are the newest, but a delivered one counts before a later one', async () => {
    const { ledger } = opened();
    const { run, jobId, second } = await sentTwice();
    expect(await listed(run.run_no)).toMatchObject([
      { seq: 1, state: 'accepted', attempts: 2, jobId: second },
      { seq: 2, attempts: 1, jobId },
    ]);
    await ledger.emails.saveEvents(run.run_no, jobId, page([event('delivery', { mailbox: mailbox(1) })]));
    expect((await listed(run.run_no))[0]).toMatchObject({ seq: 1, state: 'delivered', attempts: 2, jobId });
  });

  it('have a complaint, whichever of the messages it is about', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentTwice();
    await ledger.emails.saveEvents(run.run_no, jobId, page([event('complaint', { mailbox: mailbox(1) })]));
    expect((await listed(run.run_no)).map(({ complained }) => complained)).toEqual([true, false]);
  });

  it('add up to the figures', async () => {
    const { ledger } = opened();
    const { run } = await sentTwice();
    const { accepted } = await countDeliveries(ledger, run.run_no);
    expect(accepted).toBe((await listed(run.run_no)).length);
  });
});

describe('events over time', () => {
  it('are counted by type, and what lies outside of the period in its first and last bucket', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 5);
    const at = (time: string | null, type = 'delivery') => event(type, { at: time, mailbox: mailbox(1) });
    const events = [
      ...['2020-01-01T00:00:00Z', '2026-11-29T10:00:00Z', '2026-11-29T10:00:59.9Z'].map((time) => at(time)),
      ...[
        at('2026-11-29T10:01:00Z'),
        at('2026-11-29T10:01:30Z', 'bounce'),
        at('2030-01-01T00:00:00Z', 'open'),
      ],
      at(null),
    ];
    await ledger.emails.saveEvents(run.run_no, jobId, page(events));
    const period = { from: new Date('2026-11-29T10:00:00Z'), widthMs: 60_000, buckets: 3 };
    expect(await ledger.emails.eventTimeline(run.run_no, period)).toEqual([
      { index: 0, type: 'delivery', n: 3 },
      { index: 1, type: 'bounce', n: 1 },
      { index: 1, type: 'delivery', n: 1 },
      { index: 2, type: 'open', n: 1 },
    ]);
  });
});

describe('the records with a key', () => {
  it('are all that have it, with what was to be written and what became of it', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 3);
    const [write] = await writesOf(ledger, run);
    if (!write) throw new Error('no write');
    await sendWrite(ledger, run, write);
    expect(await ledger.records.listByKey(run.run_no, mailbox(2))).toEqual([
      expect.objectContaining({
        ...{ seq: 2, line: record(2).line, outcome: 'sent', reasons: [], evidence: null },
        record: expect.objectContaining({ toAddress: mailbox(2) }) as unknown,
      }),
    ]);
    expect(await ledger.records.listByKey(run.run_no, 'nobody@example.com')).toEqual([]);
    const other = await emailRun(ledger, 2);
    expect((await ledger.records.listByKey(other.run_no, mailbox(2)))[0]).toMatchObject({
      outcome: 'pending',
    });
  });
});

describe('the writes of a record', () => {
  it('are those that had it, in their order', async () => {
    const { ledger } = opened();
    const { run } = await sentTwice();
    const ofFirst = await ledger.writes.listOfRecord(run.run_no, 1);
    expect(ofFirst).toMatchObject([
      { kind: 'send', state: 'settled', records: 2, httpStatus: 202, attempts: 1, lostAnswers: 0 },
      { kind: 'check', state: 'settled', records: 1, httpStatus: 202 },
    ]);
    expect(ofFirst[0]?.sentAt).toBeInstanceOf(Date);
    expect(ofFirst[0]?.requestId).toBe(settlement('1', 1, []).requestId);
    expect((await ledger.writes.listOfRecord(run.run_no, 2)).map(({ id }) => id)).toEqual([ofFirst[0]?.id]);
  });
});
