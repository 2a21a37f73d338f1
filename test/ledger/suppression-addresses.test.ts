import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { COMPLAINT, HARD_BOUNCE } from '../../src/domain/consent/suppressions.ts';
import type { NewEntry } from '../../src/ledger/consent/suppressions.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { all, ledgerOfFile, newContact, openRun, someId } from './harness.ts';

const opened = ledgerOfFile();
const list = () => opened().ledger.suppressions;

const newMailbox = () => `${someId('ann')}@example.com`;
let numbers = 0;
const newNumber = () => `+1415555${String((numbers += 1)).padStart(4, '0')}`;

const bounce = (mailbox: string, since = '2026-06-01T00:00:00.000Z', code = '5.1.1') =>
  ({ mailbox, channel: 'email', reason: HARD_BOUNCE, code, since }) as const;
const complaint = (mailbox: string, since = '2026-06-01T00:00:00.000Z') =>
  ({ mailbox, channel: 'email', reason: COMPLAINT, since }) as const;
const entry = (target: NewEntry['target'], more: Partial<NewEntry> = {}): NewEntry => ({
  ...{ target, channel: 'email', reason: 'asked by phone', code: null },
  since: '2026-06-01T00:00:00.000Z',
  ...more,
});
const DANA = { by: 'dana', reason: 'asked by phone' };

/** As the command does: what is listed is taken off. */
async function remove(about: string, reason?: string) {
  const seen = await list().newest({ about, ...(reason !== undefined && { reason }) }, 10);
  return list().remove(seen, { by: 'dana', reason: 'the mailbox works again' });
}

describe('entries about email addresses', () => {
  it('have the reason, the code and the date of the bounce, and neither the address nor its domain', async () => {
    const { database } = opened();
    const mailbox = newMailbox();
    await list().addAddresses([bounce(mailbox)], 1);
    const since = new Date('2026-06-01T00:00:00Z');
    expect(await list().findAddresses([newMailbox(), mailbox])).toEqual([
      { mailbox, reason: 'hard_bounce', code: '5.1.1', since },
    ]);
    const { rows } = await sql<{ row: string }>`select suppressions::text as row from suppressions`.execute(
      database.db,
    );
    expect(rows.filter(({ row }) => /@|example/.test(row))).toEqual([]);
  });

  it('a hard bounce keeps nobody from being called, nor from consenting; an objection to the address does', async () => {
    const mailbox = newMailbox();
    await list().addAddresses([bounce(mailbox)], 1);
    expect(await list().find([mailbox], ['email', 'voice', 'sms'])).toEqual([]);
    await list().addEntries([[entry({ kind: 'email', value: mailbox }, { channel: 'voice' })]], DANA);
    expect(await list().find([mailbox.toUpperCase()], ['voice'])).toMatchObject([{ channel: 'voice' }]);
    expect(await list().findAddresses([mailbox]), 'not about email').toMatchObject([
      { reason: 'hard_bounce' },
    ]);
  });

  it('an objection of a contact whose id is the address counts for the address', async () => {
    const mailbox = newMailbox();
    const since = '2026-06-01T00:00:00Z';
    await list().add(
      [{ contactId: mailbox.toUpperCase(), channel: 'email', reason: 'opt_out_staged', since }],
      1,
    );
    expect(await list().findAddresses([mailbox])).toMatchObject([{ mailbox, reason: 'opt_out_staged' }]);
  });

  it('a bounce and a complaint are two entries: taking off one leaves the other', async () => {
    const mailbox = newMailbox();
    await list().addAddresses([bounce(mailbox), complaint(mailbox)], 1);
    expect(await remove(mailbox, HARD_BOUNCE)).toMatchObject([{ reason: 'hard_bounce', code: '5.1.1' }]);
    expect(await list().findAddresses([mailbox])).toMatchObject([{ reason: 'complaint' }]);
  });

  it('a consent of a contact ends no entry about an address', async () => {
    const mailbox = newMailbox();
    await list().addAddresses([complaint(mailbox)], 1);
    const consentTimestamp = '2026-07-01T00:00:00Z';
    await list().recordConsents([{ contactId: mailbox, channel: 'email', consentTimestamp }]);
    expect(await list().findAddresses([mailbox])).toHaveLength(1);
  });

  it('are found for ten thousand mailboxes at once', async () => {
    const mailboxes = Array.from({ length: 10_000 }, newMailbox);
    await list().addAddresses(
      mailboxes.map((mailbox) => bounce(mailbox)),
      1,
    );
    expect(await list().findAddresses(mailboxes)).toHaveLength(10_000);
  });
});

describe('entries about phone numbers', () => {
  it('are found by the number, however a contact has it as its id', async () => {
    const value = newNumber();
    await list().addEntries([[entry({ kind: 'phone', value }, { channel: 'voice' })]], DANA);
    const spelled = `${value.slice(0, 2)} (${value.slice(2, 5)}) ${value.slice(5, 8)}-${value.slice(8)}`;
    expect(await list().find([value, spelled], ['voice', 'sms'])).toHaveLength(2);
    expect(await list().find([value], ['sms'])).toEqual([]);
  });
});

describe('a person who takes an entry off the list', () => {
  it('ends it, and a repetition of the same bounce does not bring it back, but a newer one does', async () => {
    const mailbox = newMailbox();
    await list().addAddresses([bounce(mailbox)], 1);
    expect(await remove(mailbox)).toHaveLength(1);
    expect(await list().findAddresses([mailbox])).toEqual([]);
    await list().addAddresses([bounce(mailbox)], 1);
    expect(await list().findAddresses([mailbox]), 'the same event again').toEqual([]);
    await list().addAddresses([bounce(mailbox, '2026-07-01T00:00:00.000Z')], 2);
    expect(await list().findAddresses([mailbox]), 'bounced again').toHaveLength(1);
  });

  it('does not end an objection that the person made later, although it becomes known only afterwards', async () => {
    const person = newContact();
    const objection = (since: string) => ({ contactId: person, channel: 'sms', reason: 'r', since }) as const;
    await list().add([objection('2026-06-01T00:00:00Z')], 1);
    expect(await remove(person)).toHaveLength(1);
    await list().add([objection('2026-06-02T00:00:00Z')], 1);
    expect(await list().find([person], ['sms'])).toHaveLength(1);
  });

  it('is in the history and in the audit, which names nobody', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const mailbox = newMailbox();
    await list().addAddresses([bounce(mailbox)], run.run_no);
    const [removed] = await remove(mailbox);
    expect(removed).toMatchObject({ runId: run.run_id, addedBy: null, removedBy: 'dana' });
    expect(await list().removals({ about: mailbox }, 10)).toEqual([removed]);
    await ledger.audit.seal();
    const audited = await all(ledger.audit.list('suppressions'));
    expect(audited.at(-1)).toMatchObject({
      action: 'suppression_removed',
      data: { removalNo: removed?.removalNo, code: '5.1.1', by: 'dana', reason: 'the mailbox works again' },
    });
    expect(JSON.stringify(audited)).not.toContain(removed?.subject);
  });

  it('takes off nothing that has become newer since it was read', async () => {
    const mailbox = newMailbox();
    await list().addAddresses([bounce(mailbox)], 1);
    const seen = await list().newest({ about: mailbox }, 10);
    await list().addAddresses([bounce(mailbox, '2026-07-01T00:00:00.000Z')], 2);
    expect(await list().remove(seen, DANA)).toEqual([]);
    expect(await list().findAddresses([mailbox])).toHaveLength(1);
  });

  it('cannot end the objection of somebody who was erased', async () => {
    const person = newContact();
    const objectedAt = '2026-06-01T00:00:00.000Z';
    await opened().ledger.erasures.erase({
      ...{ erasureId: someId('erasure'), contactId: person, objectedAt, requestedBy: null },
    });
    expect(await remove(person)).toEqual([]);
    expect(await list().find([person], ['email'])).toHaveLength(1);
  });

  it('twice at once takes it off once', async () => {
    const mailbox = newMailbox();
    await list().addAddresses([bounce(mailbox)], 1);
    const removed = await Promise.all([remove(mailbox), remove(mailbox), remove(mailbox)]);
    expect(removed.flat()).toHaveLength(1);
  });
});

describe('what a person adds', () => {
  it('is counted: added, renewed, unchanged, and what has no effect because it was taken off since', async () => {
    const [value, removed] = [newMailbox(), newMailbox()];
    const first = [entry({ kind: 'email', value }), entry({ kind: 'email', value: removed })];
    expect(await list().addEntries([first], DANA)).toEqual({
      added: 2,
      renewed: 0,
      unchanged: 0,
      ineffective: 0,
    });
    await remove(removed);
    const second = [
      entry({ kind: 'email', value }, { since: '2026-07-01T00:00:00.000Z' }),
      entry({ kind: 'email', value: removed }),
      entry({ kind: 'phone', value: newNumber() }),
    ];
    expect(await list().addEntries([second], DANA)).toEqual({
      added: 1,
      renewed: 1,
      unchanged: 1,
      ineffective: 1,
    });
    expect(await list().newest({ about: value }, 1)).toMatchObject([
      { addedBy: 'dana', runId: null, kind: 'email' },
    ]);
  });

  it('is added completely or not at all', async () => {
    const values = [newMailbox(), newMailbox()];
    async function* broken() {
      for (const value of values) yield [entry({ kind: 'email', value })];
      await Promise.resolve();
      throw new Error('line 3');
    }
    await expect(list().addEntries(broken(), DANA)).rejects.toThrow('line 3');
    expect(await list().findAddresses(values)).toEqual([]);
  });

  it('does not suppress a contact again who has consented since', async () => {
    const person = newContact();
    await list().addEntries([[entry({ kind: 'contact', value: person })]], DANA);
    await list().recordConsents([
      { contactId: person, channel: 'email', consentTimestamp: '2026-07-01T00:00:00Z' },
    ]);
    const again = await list().addEntries([[entry({ kind: 'contact', value: `{${person}}` })]], DANA);
    expect(again).toMatchObject({ unchanged: 1, ineffective: 1 });
  });

  it('two long imports of the same entries in opposite orders do not deadlock', async () => {
    const entries = Array.from({ length: 3_000 }, () => entry({ kind: 'email', value: newMailbox() }));
    const other = openLedger(opened().url, 2);
    const counts = await Promise.all([
      list().addEntries([entries], DANA),
      other.suppressions.addEntries([[...entries].reverse()], DANA),
    ]);
    await other.close();
    expect(counts.map(({ added }) => added).sort()).toEqual([0, 3_000]);
  });
});

describe('the list for people', () => {
  it('is filtered by channel, reason and date, the newest first', async () => {
    const reason = someId('campaign');
    const entries = ['2026-06-01', '2026-06-03', '2026-06-02'].map((day) =>
      entry({ kind: 'email', value: newMailbox() }, { reason, since: `${day}T00:00:00.000Z` }),
    );
    await list().addEntries(
      [[...entries, entry({ kind: 'phone', value: newNumber() }, { channel: 'sms', reason })]],
      DANA,
    );
    const days = (found: readonly { since: Date }[]) => found.map(({ since }) => since.getUTCDate());
    expect(days(await list().newest({ reason, channel: 'email' }, 2))).toEqual([3, 2]);
    expect(days(await list().newest({ reason, since: new Date('2026-06-02T00:00:00Z') }, 9))).toEqual([3, 2]);
    expect(await list().count({ reason })).toBe(4);
    const everything = await all(list().all({ reason }));
    expect(everything.map(({ subject }) => subject)).toEqual(everything.map(({ subject }) => subject).sort());
  });

  it('goes through more entries than a page has, each once, also past a page of which nothing is left', async () => {
    const reason = someId('many');
    const entries = Array.from({ length: 4_500 }, () =>
      entry({ kind: 'email', value: newMailbox() }, { reason }),
    );
    await list().addEntries([entries.slice(0, 2_000), entries.slice(2_000)], DANA);
    const listed = await all(list().all({ reason }));
    expect(new Set(listed.map(({ subject }) => subject)).size).toBe(4_500);
    await list().remove(listed.slice(0, 4_490), DANA);
    expect(await all(list().all({ reason }))).toEqual(listed.slice(4_490));
  });

  it('the order of bounces, complaints and decisions does not matter (property)', async () => {
    const day = fc.integer({ min: 1, max: 9 });
    const event = fc.record({ isBounce: fc.boolean(), day });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 6 }), async (events) => {
        const mailbox = newMailbox();
        const at = (n: number) => `2026-06-0${n}T00:00:00.000Z`;
        for (const { isBounce, day } of events)
          await list().addAddresses([isBounce ? bounce(mailbox, at(day)) : complaint(mailbox, at(day))], 1);
        const newest = (isBounce: boolean) =>
          Math.max(...events.filter((e) => e.isBounce === isBounce).map((e) => e.day));
        const expected = [true, false]
          .filter((isBounce) => Number.isFinite(newest(isBounce)))
          .map((isBounce) => `${isBounce ? HARD_BOUNCE : COMPLAINT} ${newest(isBounce)}`);
        const found = await list().findAddresses([mailbox]);
        expect(found.map(({ reason, since }) => `${reason} ${since.getUTCDate()}`).sort()).toEqual(
          expected.sort(),
        );
      }),
      { numRuns: 40 },
    );
  });
});
