/** What the plan of an email send expects of its recipients, by our own ledger alone. */
import { expect, it } from 'vitest';
import { ERASED } from '../../src/domain/consent/suppressions.ts';
import { emailStand, people, person } from './email-sends.ts';

const { opened, start } = emailStand();

const PAST = '2026-01-02T03:04:05.000Z';

it('counts everybody whom our own list has, by kind and once, and decides about nobody', async () => {
  const cxone = await start();
  const { suppressions } = opened().ledger;
  const [objector, complainer, bounced, erased, both] = [person(), person(), person(), person(), person()];
  const { contactId: _, ...withoutId } = person();
  const { contactId: __, ...bouncedWithoutId } = person();
  const address = (email: string, reason: string) =>
    ({ mailbox: email, channel: 'email', reason, since: PAST }) as const;
  await suppressions.addAddresses(
    [
      address(complainer.email, 'complaint'),
      address(bounced.email, 'hard_bounce'),
      address(bouncedWithoutId.email, 'hard_bounce'),
      address(erased.email, ERASED),
      address(both.email, 'hard_bounce'),
    ],
    null,
  );
  for (const each of [objector, both]) await cxone.object(each);
  const rows = [objector, complainer, bounced, erased, both, withoutId, bouncedWithoutId, ...people(3)];
  const run = await cxone.planned(rows, { channelConsent: 'require' });
  const { plan } = await opened().ledger.runs.get(run.run_id);
  const expected = {
    sent: 3,
    suppressed: [
      { by: 'objection', n: 2 },
      { by: 'complaint', n: 1 },
      { by: 'erasure', n: 1 },
      { by: 'hard_bounce', n: 2 },
    ],
    ineligible: 1,
  };
  expect(plan).toMatchObject({
    toWrite: rows.length,
    outlook: { expected },
    forecast: [expect.stringContaining('at most 3 sent, 6 suppressed')],
  });
  expect(await cxone.counts(run)).toEqual({ total: rows.length, pending: rows.length });
  expect(await cxone.admin.requests()).toEqual([]);
});

it('is another one after an objection, under the same hash', async () => {
  const cxone = await start();
  const persons = people(2);
  const run = await cxone.planned(persons);
  const before = await cxone.plan(run);
  await cxone.object(persons[0] ?? person());
  const after = await cxone.plan(run);
  expect([before.outlook, after.outlook]).toMatchObject([
    { expected: { sent: 2, suppressed: [] } },
    { expected: { sent: 1, suppressed: [{ by: 'objection', n: 1 }] } },
  ]);
  expect(after.hash).toBe(before.hash);
  await cxone.writeAll(run);
  expect(await cxone.outcomes(run)).toEqual({ 1: 'suppressed suppressed', 2: 'sent' });
});
