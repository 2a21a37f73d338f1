/** What is asked at the moment at which an email leaves: who has objected, what the day has room for, and repeats. */
import { describe, expect, it } from 'vitest';
import { emailStand, MESSAGES, people, person } from './email-sends.ts';
import { allBatches } from './harness.ts';

const { opened, start, ageLookups, nextDay, skipWaits, writes } = emailStand();

const LOST_ONCE = [{ match: MESSAGES, times: 1, fault: { reset: 'after' as const } }];
const NOBODY = [{ match: MESSAGES, fault: { status: 403 } }];

/** A run whose recipients were looked up, and to whom nothing was sent. */
async function lookedUp(cxone: Awaited<ReturnType<typeof start>>, rows: readonly object[]) {
  const run = await cxone.planned(rows);
  await cxone.admin.setFaults(NOBODY);
  await expect(cxone.page(run)).rejects.toMatchObject({ type: 'ScopeMissing' });
  await cxone.admin.setFaults([]);
  expect((await writes(run)).at(-1)).toMatchObject({ kind: 'send', state: 'planned' });
  return run;
}

it('an objection between the lookups and the sending stops the message of that person only', async () => {
  const cxone = await start();
  const [objector, other, complainer] = [person(), person(), person()];
  const run = await lookedUp(cxone, [objector, other, complainer]);
  await cxone.object(objector);
  const address = { mailbox: complainer.email, channel: 'email', reason: 'complaint', code: null } as const;
  await opened().ledger.suppressions.addAddresses([{ ...address, since: new Date().toISOString() }], null);
  await cxone.writeAll(run);
  expect(await cxone.outcomes(run)).toEqual({
    1: 'suppressed suppressed',
    2: 'sent',
    3: 'suppressed suppressed',
  });
  expect(await cxone.accepted()).toEqual([other.email]);
});

describe('the daily limit', () => {
  it('leaves all for the next day if there is no room, and looks nobody up before', async () => {
    const cxone = await start({ email: { dailyLimit: 2 } });
    await cxone.sent(people(2));
    const run = await cxone.planned(people(2));
    const before = await countLookups(cxone);
    const { notBefore = '' } = await cxone.page(run);
    expect(Date.parse(notBefore)).toBeGreaterThan(Date.now());
    expect(notBefore).toMatch(/T00:00:00.000Z$/);
    expect(await cxone.counts(run)).toMatchObject({ pending: 2 });
    expect(await countLookups(cxone)).toBe(before);
    expect(await cxone.accepted()).toHaveLength(2);
  });

  it('sends as many as there is room for, and the others on the next day', async () => {
    const cxone = await start({ email: { dailyLimit: 3, timeZone: 'Asia/Kolkata' } });
    const persons = people(5);
    const run = await cxone.planned(persons);
    const { notBefore } = await cxone.page(run);
    expect(notBefore).toMatch(/T18:30:00.000Z$/);
    expect(await cxone.outcomes(run)).toMatchObject({ 1: 'sent', 2: 'sent', 3: 'sent' });
    expect(await cxone.counts(run)).toMatchObject({ sent: 3, pending: 2 });
    await skipWaits(run);
    await nextDay();
    await cxone.writeAll(run);
    expect(await cxone.counts(run)).toMatchObject({ sent: 5, pending: 0 });
    expect((await cxone.accepted()).toSorted()).toEqual(persons.map(({ email }) => email).toSorted());
  });

  it('counts what all runs and workers of the tenant send at the same time', async () => {
    const cxone = await start({ email: { dailyLimit: 7, recipientsPerRequest: 2 } });
    const runs = [await cxone.planned(people(6)), await cxone.planned(people(6))];
    await Promise.all(runs.map((run) => cxone.page(run)));
    expect(await cxone.accepted()).toHaveLength(7);
    const counts = await Promise.all(runs.map((run) => cxone.counts(run)));
    expect(counts.reduce((sum, { pending }) => sum + pending, 0)).toBe(5);
  });

  it('does not count what CXone has refused', async () => {
    const cxone = await start({ email: { dailyLimit: 2 } });
    const [blocked, second, third] = [person(), person(), person()];
    await cxone.admin.change({ blockedAddresses: [blocked.email] });
    const run = await cxone.planned([blocked, second]);
    await cxone.writeAll(run);
    const other = await cxone.planned([third]);
    await cxone.writeAll(other);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'rejected ADDRESS_BLOCKED', 2: 'sent' });
    expect(await cxone.outcomes(other)).toEqual({ 1: 'sent' });
  });

  it.each(['cancelled', 'failed'] as const)(
    'does not count what has certainly not left when a run ends early (%s)',
    async (state) => {
      const cxone = await start({ email: { dailyLimit: 2 } });
      const run = await cxone.planned(people(2));
      await cxone.admin.setFaults([
        { match: { method: 'POST', family: 'email' }, times: 1, fault: { status: 403 } },
      ]);
      await expect(cxone.page(run)).rejects.toMatchObject({ type: 'ScopeMissing' });
      expect((await writes(run)).at(-1)).toMatchObject({ kind: 'send', state: 'planned' });
      await cxone.end(run, state);
      const other = await cxone.sent(people(2));
      expect(await cxone.outcomes(other)).toEqual({ 1: 'sent', 2: 'sent' });
    },
  );

  it('counts those in doubt, and what a person sends again waits for room, too', async () => {
    const cxone = await start({ email: { dailyLimit: 2 } });
    const run = await cxone.planned(people(2));
    await cxone.admin.setFaults(LOST_ONCE);
    await cxone.page(run);
    expect(await cxone.inDoubt(run)).toHaveLength(1);
    const other = await cxone.planned(people(1));
    expect((await cxone.page(other)).notBefore).toBeDefined();
    // Its own reservation is used once more, so there is room for it.
    await cxone.resolve(run, 'resend');
    await cxone.writeAll(run);
    expect(await cxone.counts(run)).toMatchObject({ sent: 2, pending: 0 });
    expect(await cxone.accepted()).toHaveLength(4);
  });

  it('of a later day may be too small for what a person sends again: it waits, and stays decided', async () => {
    const cxone = await start({ email: { dailyLimit: 2 } });
    const run = await cxone.planned(people(2));
    await cxone.admin.setFaults(LOST_ONCE);
    await cxone.page(run);
    await nextDay();
    await cxone.sent(people(1));
    await cxone.resolve(run, 'resend');
    const { notBefore } = await cxone.page(run);
    expect(notBefore).toBeDefined();
    expect(await cxone.counts(run)).toMatchObject({ sent: 1, pending: 1 });
    expect(await cxone.inDoubt(run)).toEqual([]);
    await nextDay();
    await skipWaits(run);
    await cxone.writeAll(run);
    expect(await cxone.counts(run)).toMatchObject({ sent: 2, pending: 0 });
  });
});

it('nothing is claimed after the moment at which a person is to be asked', async () => {
  const cxone = await start();
  const run = await cxone.planned(people(2));
  const late = { ...allBatches(run), claimsUntil: Date.now() - 1 };
  expect(await cxone.writePage(late)).toMatchObject({ halted: 'late', left: 1 });
  expect(await cxone.accepted()).toEqual([]);
  await cxone.writeAll(run);
  expect(await cxone.counts(run)).toMatchObject({ sent: 2 });
});

describe('a tenant that drops repeats under the same key', () => {
  const idempotent = { email: { isIdempotent: true }, simulator: { emailIdempotent: true } };

  async function lostOnce(options: Parameters<typeof start>[0] = {}) {
    const cxone = await start({ ...idempotent, ...options });
    const persons = [person(), person()];
    const run = await cxone.planned(persons);
    await cxone.admin.setFaults(LOST_ONCE);
    expect(await cxone.page(run)).toMatchObject({ left: 1 });
    return { cxone, run, persons };
  }

  it('is sent the same request again, and nobody receives it twice', async () => {
    const { cxone, run, persons } = await lostOnce();
    await cxone.writeAll(run);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'sent', 2: 'sent' });
    expect(await cxone.accepted()).toEqual(persons.map(({ email }) => email));
    expect(await cxone.jobs(run)).toHaveLength(1);
  });

  it('is asked about the recipients again if that was long ago', async () => {
    const { cxone, run } = await lostOnce();
    await ageLookups(run, 16);
    const before = await countLookups(cxone);
    await cxone.writeAll(run);
    expect(await countLookups(cxone)).toBe(before + 2);
    expect(await cxone.counts(run)).toMatchObject({ sent: 2 });
    expect(await cxone.accepted()).toHaveLength(2);
  });

  it('is not sent it again if somebody has objected meanwhile: a person decides', async () => {
    const { cxone, run, persons } = await lostOnce();
    await cxone.object(persons[0] ?? person());
    await cxone.page(run);
    expect(await cxone.inDoubt(run)).toMatchObject([{ records: 2, knownSent: true }]);
    expect(await cxone.accepted()).toHaveLength(2);
    await cxone.resolve(run, 'leave');
    expect(await cxone.counts(run)).toMatchObject({ in_doubt: 2, pending: 0 });
  });

  it('is not sent it again if CXone has somebody on its list by then', async () => {
    const { cxone, run, persons } = await lostOnce();
    await ageLookups(run, 16);
    await cxone.admin.seedEmailSuppressions({ entries: [{ email: persons[1]?.email ?? '' }] });
    await cxone.page(run);
    expect(await cxone.inDoubt(run)).toHaveLength(1);
    expect(await cxone.accepted()).toHaveLength(2);
  });

  it('is not sent halves of a batch to which it never gives an answer that can be read', async () => {
    const cxone = await start(idempotent);
    const run = await cxone.planned(people(4));
    await cxone.admin.setFaults([{ match: MESSAGES, fault: { truncate: true } }]);
    for (let pass = 1; pass <= 12; pass += 1) await cxone.page(run).catch(() => undefined);
    expect(await cxone.inDoubt(run)).toMatchObject([{ records: 4, knownSent: true }]);
    expect(await cxone.accepted()).toHaveLength(4);
  });

  it.each([400, 409, 422])(
    'is not sent its parts if it answers the repeat with %d: a person decides',
    async (status) => {
      const { cxone, run } = await lostOnce();
      await cxone.admin.setFaults([{ match: MESSAGES, times: 1, fault: { status } }]);
      await cxone.page(run);
      expect(await cxone.inDoubt(run)).toMatchObject([{ records: 2, knownSent: true }]);
      expect(await cxone.accepted()).toHaveLength(2);
    },
  );

  it('is not sent it again once it may have forgotten the key', async () => {
    const { cxone, run } = await lostOnce({ worker: { keyLifeMs: 3_600_000 } });
    await ageLookups(run, 61);
    await cxone.page(run);
    expect(await cxone.inDoubt(run)).toHaveLength(1);
    expect(await cxone.accepted()).toHaveLength(2);
  });
});

describe('a person who decides to send a batch again', () => {
  async function resent() {
    const cxone = await start();
    const persons = [person(), person()] as const;
    const run = await cxone.planned(persons);
    await cxone.admin.setFaults(LOST_ONCE);
    await cxone.page(run);
    expect(await cxone.inDoubt(run)).toMatchObject([{ records: 2, knownSent: true }]);
    await cxone.resolve(run, 'resend');
    return { cxone, run, persons };
  }

  it('sends it once more, and only once', async () => {
    const { cxone, run } = await resent();
    await cxone.admin.setFaults(LOST_ONCE);
    await cxone.page(run);
    expect(await cxone.inDoubt(run)).toMatchObject([{ resent: true }]);
    await cxone.page(run);
    expect(await cxone.accepted()).toHaveLength(4);
  });

  it.each([0, 16])(
    'leaves whoever has objected since in doubt, with the reason (lookups %i minutes old)',
    async (minutes) => {
      const { cxone, run, persons } = await resent();
      await cxone.object(persons[0]);
      await ageLookups(run, minutes);
      await cxone.writeAll(run);
      expect(await cxone.outcomes(run)).toEqual({
        1: 'in_doubt answer_lost objected_after_sending',
        2: 'sent',
      });
      expect(await cxone.accepted()).toEqual([...persons.map(({ email }) => email), persons[1].email]);
    },
  );

  it('leaves whoever CXone refuses now in doubt, with what CXone says', async () => {
    const { cxone, run, persons } = await resent();
    await cxone.admin.change({ blockedAddresses: [persons[0].email] });
    await cxone.writeAll(run);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'in_doubt answer_lost ADDRESS_BLOCKED', 2: 'sent' });
  });
});

async function countLookups({ admin }: Awaited<ReturnType<typeof start>>): Promise<number> {
  const { requests } = await admin.stats();
  const byStatus = requests['GET /v1/communications/email/suppressions'] ?? {};
  return Object.values(byStatus).reduce((sum, n) => sum + n, 0);
}
