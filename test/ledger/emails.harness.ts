/** Runs whose first writes were sent as emails. */
import { sql } from 'kysely';
import { expect } from 'vitest';
import { NO_DELIVERY_COUNTS } from '../../src/domain/email-send/figures.ts';
import type { EventPage, MessageState, NewEvent, StoredEvent } from '../../src/ledger/emails/events.ts';
import type { NewJob } from '../../src/ledger/emails/jobs.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import {
  claimed,
  group,
  type Opened,
  openRun,
  record,
  settlement,
  someId,
  upTo,
  writesOf,
} from './harness.ts';

export const mailbox = (seq: number): string => `p${seq}@example.com`;

/** A run of `n` recipients in batches of `size`. `contacts`: their ids, from the first. */
export async function emailRun(
  ledger: Ledger,
  n: number,
  size = 100,
  contacts: readonly string[] = [],
): Promise<Run> {
  const run = await openRun(ledger, { kind: 'emailSend' });
  const contactOf = (seq: number) => contacts[seq - 1] ?? `c${seq}`;
  const recipients = upTo(n).map((seq) =>
    record(seq, {
      fields: { contactId: contactOf(seq), email: mailbox(seq) },
      record: { contactId: contactOf(seq), toAddress: mailbox(seq), mergeFields: {}, tags: [] },
      key1: mailbox(seq),
      key2: null,
    }),
  );
  await ledger.records.stage(run.run_no, recipients);
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'send', size);
  return run;
}

export const newJob = (run: Run, writeId: string, jobId: string, seqs: readonly number[]): NewJob => ({
  runNo: run.run_no,
  jobId,
  writeId,
  submittedAt: new Date('2026-11-29T10:00:00Z'),
  nextPollAt: null,
  messages: seqs.map((seq) => ({ seq, messageId: null, recipientId: null })),
});

/** Claims a write and settles it as accepted by CXone. Returns the id of its job. */
export async function sendWrite(ledger: Ledger, run: Run, write: { id: string; seqs: readonly number[] }) {
  const jobId = someId('job');
  const { fence } = await claimed(ledger, run, write.id);
  const isSettled = await ledger.writes.settle({
    ...settlement(write.id, fence, [group('sent', write.seqs)]),
    httpStatus: 202,
    cxoneId: jobId,
    inSettleTransaction: (tx) => ledger.emails.recordJob(newJob(run, write.id, jobId, write.seqs), tx),
  });
  expect(isSettled).toBe(true);
  return jobId;
}

/** All open writes of the run are sent. Returns the ids of their jobs in the order of the writes. */
export async function sendAll(ledger: Ledger, run: Run): Promise<string[]> {
  const jobs: string[] = [];
  for (const write of await writesOf(ledger, run)) jobs.push(await sendWrite(ledger, run, write));
  return jobs;
}

export async function sentRun(ledger: Ledger, n: number, size = 100) {
  const run = await emailRun(ledger, n, size);
  const [jobId = ''] = await sendAll(ledger, run);
  return { run, jobId };
}

let events = 0;
export function event(type: string, more: Partial<NewEvent> = {}): NewEvent {
  events += 1;
  return {
    key: `e${events}`,
    type,
    at: '2026-11-29T10:05:00.000Z',
    messageId: null,
    recipientId: null,
    mailbox: null,
    mayBeForwarded: false,
    data: { link: `https://example.com/${events}` },
    ...more,
  };
}

const has = (stored: readonly StoredEvent[], ...types: string[]) =>
  stored.some(({ type }) => types.includes(type));

/** A fold that does not depend on the order, with a summary of all that it was given. */
export function fold(stored: readonly StoredEvent[]): MessageState {
  const bounce = stored.find(({ type }) => type === 'bounce');
  const at = (types: readonly string[]) =>
    stored.flatMap((each) => (types.includes(each.type) && each.at !== null ? each.at : [])).sort()[0] ??
    null;
  const isBounced = !has(stored, 'delivery') && bounce !== undefined;
  return {
    state: has(stored, 'delivery') ? 'delivered' : isBounced ? 'bounced' : 'accepted',
    bounceClass: isBounced ? 'soft' : null,
    bounceCode: isBounced ? '4.4.1' : null,
    complained: has(stored, 'complaint'),
    unsubscribed: has(stored, 'unsubscribe'),
    opened: has(stored, 'open'),
    clicked: has(stored, 'click'),
    deliveredAt: at(['delivery']),
    optedOutAt: at(['complaint', 'unsubscribe']),
    counts: {
      ...NO_DELIVERY_COUNTS,
      delivered: Number(has(stored, 'delivery')),
      unknownEvents: stored.length,
    },
    summary: { events: stored.map(({ type, data }) => ({ type, data })).sort(byText) },
  };
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

export const page = (list: readonly NewEvent[], more: Partial<EventPage> = {}): EventPage => ({
  events: list,
  fold,
  ...more,
});

/** Every recipient of the job bounces. */
export async function bounceAll(ledger: Ledger, run: Run, jobId: string, seqs: readonly number[]) {
  await ledger.emails.saveEvents(
    run.run_no,
    jobId,
    page(seqs.map((seq) => event('bounce', { mailbox: mailbox(seq) }))),
  );
}

export const NOT_BEFORE = '2026-11-29T16:00:00.000Z';
export const retry = (seq: number, attempt = 1, notBefore = NOT_BEFORE) => ({
  ...{ seq, attempt, notBefore },
  kind: 'check',
  refs: null,
});

/** Everything that adds up: outcomes, counts of the writes, and no record in two open writes. */
export async function expectAddsUp({ ledger, database }: Opened, run: Run) {
  const exact = await ledger.runs.exactCounts(run.run_no);
  expect(await ledger.runs.counts(run.run_no)).toEqual(exact);
  const { rows } = await sql<{ twice: number; lost: number }>`
    with open as (
      select seq, count(*) as n from writes, unnest(seqs) seq
      where run_no = ${run.run_no} and state in ('planned', 'sending', 'unanswered') group by seq)
    select (select count(*)::int from open where n > 1) as twice,
      (select count(*)::int from records r left join open using (seq)
        left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
        where r.run_no = ${run.run_no} and (open.seq is null) = (o.seq is null)) as lost`.execute(
    database.db,
  );
  expect(rows[0]).toEqual({ twice: 0, lost: 0 });
  return exact;
}
