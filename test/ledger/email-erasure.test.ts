/** What erasures and purges do to emails. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { RETRIED_CLASSES } from '../../src/domain/email-send/retry.ts';
import type { AnnouncedContent } from '../../src/ledger/emails/announcements.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { bounceAll, emailRun, event, expectAddsUp, mailbox, page, retry, sendAll } from './emails.harness.ts';
import {
  claimed,
  ledgerOfFile,
  newContact,
  someId,
  startAgain,
  untilWaiting,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();
const PAST = '2026-11-01T00:00:00.000Z';

/** A run of three recipients who were sent an email. Ann is the second one. */
async function runWithAnn() {
  const { ledger } = opened();
  const ann = newContact();
  const run = await emailRun(ledger, 3, 3, [newContact(), ann, newContact()]);
  const [jobId = ''] = await sendAll(ledger, run);
  return { run, jobId, ann };
}

const erase = (contactId: string) =>
  opened().ledger.erasures.erase({
    ...{ erasureId: someId('erasure'), contactId, requestedBy: 'dana' },
    objectedAt: new Date().toISOString(),
  });

const read = async () => readLedgerContents(opened().url);
const statesOf = async (run: Run) =>
  (await opened().ledger.emails.figures(run.run_no)).groups.map(({ state, n }) => [state, n]);

describe('an erasure', () => {
  it('removes what events, summaries and ids show of the person, and keeps all figures', async () => {
    const { ledger } = opened();
    const { run, jobId, ann } = await runWithAnn();
    const secret = someId('secret');
    await ledger.emails.saveEvents(
      run.run_no,
      jobId,
      page([
        event('delivery', { mailbox: mailbox(2), messageId: `${secret}-m`, recipientId: `${secret}-r` }),
        event('click', { messageId: `${secret}-m`, data: { linkUrl: `https://example.com/${secret}` } }),
        event('click', { data: { linkUrl: `https://example.com/${secret}` } }),
        event('open', { mailbox: mailbox(3) }),
      ]),
    );
    const figures = await ledger.emails.figures(run.run_no);
    const tallies = await ledger.emails.tallies(run.run_no);
    expect(tallies.map(({ messages, n }) => ({ counts: messages[0]?.counts, n }))).toMatchObject([
      { counts: null, n: 1 },
      { counts: { delivered: 0, unknownEvents: 1 }, n: 1 },
      { counts: { delivered: 1, unknownEvents: 2 }, n: 1 },
    ]);
    expect(await erase(ann)).toMatchObject({ records: 1, waitingFor: [] });
    expect(await read()).not.toContain(secret);
    expect(await ledger.emails.figures(run.run_no)).toEqual(figures);
    expect(await ledger.emails.tallies(run.run_no)).toEqual(tallies);
    expect(await ledger.emails.timeline(run.run_no, 3)).toMatchObject([{ events: [{ type: 'open' }] }]);
    expect((await ledger.emails.timeline(run.run_no, 3))[0]?.summary).not.toBeNull();
  });

  it('takes the person out of the events about jobs, of all messages and of no other run', async () => {
    const { ledger, database } = opened();
    const { run, jobId, ann } = await runWithAnn();
    await bounceAll(ledger, run, jobId, [2]);
    await ledger.emails.planRetries(run.run_no, [retry(2, 1, PAST)]);
    const [retryJob = ''] = await sendAll(ledger, run);
    const other = await runWithAnn();
    const about = [
      [run, jobId],
      [run, retryJob],
      [other.run, other.jobId],
    ] as const;
    for (const [{ run_no }, id] of about)
      await ledger.emails.announce(run_no, id, {
        ...{ first: 'completed', later: 'updated', hasSubscriber: true },
        describe: (_, messages) => ({
          ...{ auditEntry: {}, facts: {} },
          entries: { reached: messages.map(({ seq }) => ({ seq, link: `link-${run_no}-${seq}` })) },
        }),
      });
    const read = async ({ run_no }: Run) => {
      const rows = await database.db
        .selectFrom('outbox')
        .select('content')
        .where('run_no', '=', run_no)
        .orderBy('id')
        .execute();
      return rows.flatMap(
        ({ content }) =>
          (content as AnnouncedContent | null)?.entries['reached']?.map(({ seq }) => seq) ?? [],
      );
    };
    expect(await read(run)).toEqual([1, 2, 3, 2]);
    await erase(ann);
    expect(await read(run)).toEqual([1, 3]);
    expect(await read(other.run)).toEqual([1, 2, 3]);
  });

  it('keeps the address from being sent an email without the contact id, until it is taken off the list', async () => {
    const { ledger } = opened();
    const ann = newContact();
    await emailRun(ledger, 7, 7, [...upTo(6).map(() => newContact()), ann]);
    await erase(ann);
    const found = await ledger.suppressions.findAddresses([mailbox(6), mailbox(7)]);
    expect(found).toMatchObject([{ mailbox: mailbox(7), reason: 'erased' }]);
    const listed = await ledger.suppressions.newest({ about: mailbox(7) }, 10);
    await ledger.suppressions.remove(listed, { by: 'dana', reason: 'a shared mailbox' });
    expect(await ledger.suppressions.findAddresses([mailbox(7)])).toEqual([]);
  });

  it('keeps later events from bringing anything back', async () => {
    const { ledger } = opened();
    const { run, jobId, ann } = await runWithAnn();
    await ledger.emails.saveEvents(
      run.run_no,
      jobId,
      page([
        event('delivery', {
          ...{ mailbox: mailbox(2), messageId: 'm-ann', recipientId: 'r-ann' },
          at: '2026-11-29T10:00:00.000Z',
        }),
      ]),
    );
    await erase(ann);
    const secret = someId('secret');
    const late = [
      event('click', { messageId: 'm-ann', data: { linkUrl: secret } }),
      event('complaint', { recipientId: 'r-ann', data: { text: secret }, at: '2026-11-29T10:06:00.000Z' }),
      event('bounce', { mailbox: mailbox(2), data: { text: secret } }),
    ];
    expect(await ledger.emails.saveEvents(run.run_no, jobId, page(late))).toEqual([]);
    expect(await read()).not.toContain(secret);
    expect(await statesOf(run)).toEqual([
      ['accepted', 2],
      ['delivered', 1],
    ]);
    expect(await ledger.emails.timeline(run.run_no, 2)).toMatchObject([
      { summary: null, events: [{ type: 'delivery' }, { type: 'click' }, { type: 'complaint' }] },
    ]);
  });

  it('of somebody whose message bounced keeps it from being retried', async () => {
    const { ledger } = opened();
    const { run, jobId, ann } = await runWithAnn();
    await bounceAll(ledger, run, jobId, upTo(3));
    await erase(ann);
    const everybody = { bounceClasses: RETRIED_CLASSES, lastAttempt: 2, afterSeq: 0, limit: 10 };
    const listed = await ledger.emails.listRetryable(run.run_no, everybody);
    expect(listed.map(({ seq }) => seq)).toEqual([1, 3]);
    expect(
      await ledger.emails.planRetries(
        run.run_no,
        upTo(3).map((seq) => retry(seq)),
      ),
    ).toBe(2);
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 3, pending: 2, sent: 1 });
  });

  it('and retries that are planned meanwhile wait for each other', async () => {
    const { ledger, database } = opened();
    const { run, jobId, ann } = await runWithAnn();
    await bounceAll(ledger, run, jobId, upTo(3));
    let erasing: Promise<unknown> | undefined;
    let planning: Promise<unknown> | undefined;
    await database.db.transaction().execute(async (tx) => {
      await sql`select from email_jobs where run_no = ${run.run_no} for no key update`.execute(tx);
      erasing = erase(ann);
      await untilWaiting(database.db, 1);
      planning = ledger.emails.planRetries(run.run_no, [retry(2)]);
      await untilWaiting(database.db, 2);
    });
    expect([await erasing, await planning]).toMatchObject([{ records: 1 }, 0]);
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 3, pending: 0, sent: 3 });
  });

  it('leaves a recipient whose retry is pending to the run, and names it', async () => {
    const { ledger } = opened();
    const { run, jobId, ann } = await runWithAnn();
    await bounceAll(ledger, run, jobId, [2]);
    await ledger.emails.planRetries(run.run_no, [retry(2)]);
    expect(await erase(ann)).toMatchObject({ records: 0, waitingFor: [run.run_id] });
    expect((await writesOf(ledger, run)).map(({ seqs }) => seqs)).toEqual([[2]]);
  });

  it('in a failed run takes the retry back: the recipient was sent an email, and is sent no other', async () => {
    const { ledger } = opened();
    const { run, jobId, ann } = await runWithAnn();
    await bounceAll(ledger, run, jobId, upTo(3));
    await ledger.emails.planRetries(
      run.run_no,
      upTo(3).map((seq) => retry(seq, 1, PAST)),
    );
    const [write] = await writesOf(ledger, run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    expect(await erase(ann)).toMatchObject({ records: 1, waitingFor: [] });
    expect((await writesOf(ledger, run)).map(({ id, seqs }) => ({ id, seqs }))).toEqual([
      { id: write?.id, seqs: [1, 3] },
    ]);
    expect(await expectAddsUp(opened(), run)).toEqual({ total: 3, pending: 2, sent: 1 });
    const again = await startAgain(ledger, run);
    await claimed(ledger, again, write?.id ?? '');
  });

  it('leaves its opt-out out of those that are to be synced', async () => {
    const { ledger } = opened();
    const { run, jobId, ann } = await runWithAnn();
    const complaints = [2, 3].map((seq) => event('complaint', { mailbox: mailbox(seq) }));
    await ledger.emails.saveEvents(run.run_no, jobId, page(complaints));
    await erase(ann);
    const optOuts = await ledger.emails.listOptOuts(run.run_no, { afterSeq: 0, limit: 10 });
    expect(optOuts.map(({ seq }) => seq)).toEqual([3]);
  });
});

describe('a purge', () => {
  it('deletes jobs, messages, events and reservations of runs that ended long ago', async () => {
    const { ledger, database } = opened();
    const { run, jobId } = await runWithAnn();
    await ledger.emails.saveEvents(run.run_no, jobId, page([event('open', { mailbox: mailbox(1) })]));
    const [job] = await ledger.emails.jobs(run.run_no);
    const of = { tenant: someId('tenant'), day: '2026-11-29', limit: 10 };
    await ledger.emailQuota.reserve({ ...of, writeId: job?.writeId ?? '', n: 3 });
    await ledger.runs.close(run.run_no, 'completed', null, null);
    await sql`update runs set finished_at = ${PAST} where run_no = ${run.run_no}`.execute(database.db);
    await ledger.purges.purge({
      ...{ before: new Date('2026-11-02T00:00:00Z'), withUndelivered: true },
      ...{ purgeId: someId('purge'), requestedBy: 'dana' },
    });
    for (const table of ['email_jobs', 'email_messages', 'email_events', 'writes'] as const) {
      const rows = await database.db.selectFrom(table).selectAll().where('run_no', '=', run.run_no).execute();
      expect(rows).toEqual([]);
    }
    expect(await ledger.emailQuota.used(of.tenant, of.day)).toBe(0);
    expect(await ledger.runs.counts(run.run_no)).toEqual({ total: 3, pending: 0, sent: 3 });
  });
});
