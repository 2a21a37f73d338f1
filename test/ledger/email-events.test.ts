/** Events: whose they are, each once, in any order, from any number of workers. */
import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../src/ledger/emails/events.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { emailRun, event, fold, mailbox, newJob, page, sendAll, sentRun } from './emails.harness.ts';
import { inProcesses, ledgerOfFile, someId, upTo, writesOf } from './harness.ts';

const opened = ledgerOfFile();

const save = (run: Run, jobId: string, events: readonly NewEvent[], ledger = opened().ledger) =>
  ledger.emails.saveEvents(run.run_no, jobId, page(events));

/** Of each recipient: the ids that are bound, the state, and the types of the events. */
async function results(ledger: Ledger, run: Run, recipients: number) {
  const found = [];
  for (const seq of upTo(recipients)) {
    for (const message of await ledger.emails.timeline(run.run_no, seq)) {
      const { messageId, recipientId, state, opened: isOpened, summary, events } = message;
      const types = events.map(({ type }) => type).sort();
      found.push({ seq, messageId, recipientId, state, isOpened, summary, types });
    }
  }
  return found;
}

/** A run with a job whose answer has named the ids of its recipients: `m1`, `r1` and so on. */
async function namedRun(n: number) {
  const { ledger } = opened();
  const run = await emailRun(ledger, n);
  const [write] = await writesOf(ledger, run);
  const jobId = someId('job');
  const job = newJob(run, write?.id ?? '', jobId, []);
  const messages = upTo(n).map((seq) => ({ seq, messageId: `m${seq}`, recipientId: `r${seq}` }));
  await ledger.emails.recordJob({ ...job, messages });
  return { run, jobId };
}

describe('an event', () => {
  it('is stored once, whether it is repeated in a page or later', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 1);
    const opening = event('open', { mailbox: mailbox(1) });
    expect(await save(run, jobId, [opening, opening, opening])).toHaveLength(1);
    expect(await save(run, jobId, [opening, opening])).toEqual([]);
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({ events: 1, unmatched: [] });
  });

  it('of a job that has ended counts, and what belongs to nobody is kept without data', async () => {
    const { ledger } = opened();
    const { run, jobId } = await namedRun(1);
    await ledger.emails.endJob(run, jobId, 'completed');
    await save(run, jobId, [
      event('delivered', { messageId: 'm1' }),
      event('open', { messageId: 'of-nobody', mailbox: 'stranger@example.com' }),
    ]);
    expect((await results(ledger, run, 1)).map(({ types }) => types)).toEqual([['delivered']]);
    const { rows } = await sql`select message_id, recipient_id, data from email_events
      where run_no = ${run.run_no} and seq is null`.execute(opened().database.db);
    expect(rows).toEqual([{ message_id: null, recipient_id: null, data: {} }]);
  });

  it('with an id that the answer has named belongs to that recipient, whatever address it names', async () => {
    const { ledger } = opened();
    const { run, jobId } = await namedRun(2);
    await save(run, jobId, [
      event('bounce', { messageId: 'm1', mailbox: mailbox(2) }),
      event('open', { recipientId: 'r2', mailbox: mailbox(1) }),
    ]);
    expect((await results(ledger, run, 2)).map(({ state, types }) => [state, types])).toEqual([
      ['bounced', ['bounce']],
      ['accepted', ['open']],
    ]);
  });

  it('that may have been forwarded and names an address only is of that recipient while no id of it is known', async () => {
    const { ledger } = opened();
    const type = 'bounce';
    const addressOnly = event(type, { mailbox: mailbox(1), mayBeForwarded: true });
    const [named, unnamed, bound] = [await namedRun(1), await sentRun(ledger, 1), await sentRun(ledger, 1)];
    const binding = event('open', { recipientId: 'r1', mailbox: mailbox(1) });
    const unsubscribing = event('unsubscribe', { mailbox: mailbox(1) });
    await save(named.run, named.jobId, [addressOnly, unsubscribing]);
    await save(unnamed.run, unnamed.jobId, [addressOnly, unsubscribing]);
    await save(bound.run, bound.jobId, [addressOnly, unsubscribing, binding]);
    const typesOf = async (run: Run) => (await results(ledger, run, 1)).map(({ types }) => types);
    expect(await typesOf(named.run)).toEqual([['unsubscribe']]);
    expect(await typesOf(unnamed.run)).toEqual([[type, 'unsubscribe']]);
    expect(await typesOf(bound.run)).toEqual([['open', 'unsubscribe']]);
    expect(await ledger.emails.figures(named.run.run_no)).toMatchObject({ unmatched: [{ type, n: 1 }] });
  });

  it('binds its ids to the recipient of the job whose address it names, and later ones go by these', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 3);
    await save(run, jobId, [
      event('delivery', { messageId: 'a', recipientId: 'b', mailbox: mailbox(2) }),
      event('open', { recipientId: 'b' }),
      event('click', { messageId: 'a', mailbox: mailbox(3) }),
    ]);
    expect((await results(ledger, run, 3))[1]).toMatchObject({
      ...{ seq: 2, messageId: 'a', recipientId: 'b', types: ['click', 'delivery', 'open'] },
    });
  });

  it('of another message, another job or nobody is recorded as belonging to nobody', async () => {
    const { ledger } = opened();
    const run = await emailRun(ledger, 2, 1);
    const [first = '', second = ''] = await sendAll(ledger, run);
    await save(run, first, [event('delivery', { messageId: 'a', mailbox: mailbox(1) })]);
    await save(run, first, [
      event('bounce', { messageId: 'older', mailbox: mailbox(1) }),
      event('bounce', { messageId: 'b', mailbox: mailbox(2) }),
      event('strange', { mailbox: 'stranger@example.com' }),
    ]);
    await save(run, second, [event('open', { messageId: 'a' })]);
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({
      groups: [
        { state: 'accepted', n: 1 },
        { state: 'delivered', n: 1 },
      ],
      unmatched: [
        { type: 'bounce', n: 2 },
        { type: 'open', n: 1 },
        { type: 'strange', n: 1 },
      ],
    });
  });

  it('that came before the one that shows whose it is is found later, over several ids', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 1);
    await save(run, jobId, [event('open', { recipientId: 'b' })]);
    await save(run, jobId, [event('click', { messageId: 'a', recipientId: 'b' })]);
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({ unmatched: [{ n: 1 }, { n: 1 }] });
    expect(
      await save(run, jobId, [event('delivery', { messageId: 'a', mailbox: mailbox(1) })]),
    ).toMatchObject([{ seq: 1, after: { state: 'delivered', opened: true, clicked: true } }]);
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({ unmatched: [], opened: 1, clicked: 1 });
  });

  it('is stored with what the callback stores, or nothing of it is', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 1);
    const opening = event('open', { mailbox: mailbox(1) });
    const broken = page([opening], { onChanged: () => Promise.reject(new Error('broken')) });
    await expect(ledger.emails.saveEvents(run.run_no, jobId, broken)).rejects.toThrow('broken');
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({ events: 0, opened: 0 });
    const since = '2026-11-29T11:00:00.000Z';
    await ledger.emails.saveEvents(run.run_no, jobId, {
      ...{ events: [opening], fold },
      onChanged: (changed, tx) =>
        ledger.suppressions.add(
          changed.map(({ seq }) => ({ contactId: `c${seq}`, channel: 'email', reason: 'x', since })),
          run.run_no,
          tx,
        ),
    });
    expect(await ledger.suppressions.find(['c1'], ['email'])).toHaveLength(1);
  });

  it('may contain what PostgreSQL cannot store', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 1);
    const odd = '\0\ud800';
    const ids = { messageId: `m${odd}`, recipientId: odd };
    await save(run, jobId, [event('delivery', { ...ids, mailbox: mailbox(1), data: { text: odd } })]);
    await save(run, jobId, [event(`open${odd}`, { messageId: `m${odd}`, data: { text: odd } })]);
    await ledger.emails.savePoll(run.run_no, jobId, { status: odd, nextPollAt: new Date() });
    expect(await results(ledger, run, 1)).toMatchObject([{ types: ['delivery', 'open\ufffd\ufffd'] }]);
  });

  it('of a job that does not exist is an error', async () => {
    const { run } = await sentRun(opened().ledger, 1);
    await expect(save(run, 'other', [event('open')])).rejects.toThrow('no job');
  });

  it('that belongs to nobody keeps its data only while somebody may be found', async () => {
    const { ledger, database } = opened();
    const { run, jobId } = await sentRun(ledger, 1);
    await save(run, jobId, [event('open', { messageId: 'x', data: { link: 'https://example.com/ann' } })]);
    await ledger.emails.endJob(run.run_no, jobId, 'completed');
    const stored = database.db.selectFrom('email_events').selectAll().where('run_no', '=', run.run_no);
    expect(await stored.execute()).toMatchObject([{ type: 'open', data: {}, message_id: null }]);
  });
});

/** Of three recipients: each event names ids, an address, or both, and always agrees with the others. */
const consistentEvent = fc
  .record({
    seq: fc.integer({ min: 1, max: 3 }),
    type: fc.constantFrom('delivery', 'bounce', 'open', 'click', 'complaint', 'unknown'),
    by: fc.constantFrom('address', 'both', 'messageId', 'recipientId', 'ids'),
    minute: fc.integer({ min: 0, max: 59 }),
  })
  .map(({ seq, type, by, minute }) => ({
    type,
    at: `2026-11-29T10:${String(minute).padStart(2, '0')}:00.000Z`,
    mailbox: by === 'address' || by === 'both' ? mailbox(seq) : null,
    messageId: by === 'both' || by === 'messageId' || by === 'ids' ? `m${seq}` : null,
    recipientId: by === 'both' || by === 'recipientId' || by === 'ids' ? `r${seq}` : null,
  }));

describe('the state of messages', () => {
  it('does not depend on the order, the pages or the repetition of events', async () => {
    const { ledger } = opened();
    await fc.assert(
      fc.asyncProperty(
        fc.array(consistentEvent, { maxLength: 12 }),
        fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (drawn, places, size) => {
          const events = drawn.map((each) => event(each.type, each));
          const [one, other] = [await sentRun(ledger, 3), await sentRun(ledger, 3)];
          await save(one.run, one.jobId, events);
          const shuffled = [...events.keys()]
            .sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0))
            .flatMap((index) => events[index] ?? []);
          const pages = [...shuffled, ...shuffled.slice(0, 3)];
          for (let i = 0; i < pages.length; i += size)
            await save(other.run, other.jobId, pages.slice(i, i + size));
          expect(await results(ledger, other.run, 3)).toEqual(await results(ledger, one.run, 3));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is the same whoever stores pages at the same time, and each change is reported once', async () => {
    const { ledger } = opened();
    const { run, jobId } = await sentRun(ledger, 20);
    const all = upTo(20).flatMap((seq) => [
      event('open', { recipientId: `r${seq}` }),
      event('delivery', { messageId: `m${seq}`, recipientId: `r${seq}`, mailbox: mailbox(seq) }),
      event('click', { messageId: `m${seq}` }),
    ]);
    const left = [...upTo(8)];
    const changes = await inProcesses(opened(), 8, (other) => {
      const from = (left.pop() ?? 0) * 7;
      return save(run, jobId, [...all.slice(from), ...all.slice(0, from)], other);
    });
    expect(changes.flat()).toHaveLength(20);
    for (const result of await results(ledger, run, 20))
      expect(result).toMatchObject({ state: 'delivered', types: ['click', 'delivery', 'open'] });
    expect(await ledger.emails.figures(run.run_no)).toMatchObject({ events: 60, opened: 20, clicked: 20 });
  });
});
