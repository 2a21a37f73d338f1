/** What is asked about the recipients of an email before it is sent to them. */
import { describe, expect, it } from 'vitest';
import { emailStand, lookupsOf, people, person } from './email-sends.ts';

const { opened, start, ageLookups, writes } = emailStand();

describe("CXone's suppressions", () => {
  it('a 404 means that nobody keeps the address from being sent the message', async () => {
    const cxone = await start();
    const persons = people(2);
    const run = await cxone.sent(persons);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'sent', 2: 'sent' });
    expect(await cxone.accepted()).toEqual(persons.map(({ email }) => email));
  });

  it('an empty list means the same', async () => {
    const cxone = await start();
    await cxone.admin.change({ notSuppressedAs: 'empty' });
    const run = await cxone.sent(people(1));
    expect(await cxone.outcomes(run)).toEqual({ 1: 'sent' });
  });

  it('an entry keeps its address from being sent anything, however it is written, with its evidence', async () => {
    const cxone = await start();
    const [first, second] = [person(), person()];
    const entry = { reason: 'hard bounce', addedDate: '2026-02-01T00:00:00Z' };
    await cxone.admin.seedEmailSuppressions({
      entries: [{ email: first.email.toUpperCase(), ...entry }],
    });
    const run = await cxone.sent([first, second]);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'suppressed suppressed_by_cxone', 2: 'sent' });
    expect(await cxone.accepted()).toEqual([second.email]);
    const evidence = [];
    for await (const record of opened().ledger.records.list(run.run_no)) evidence.push(record.evidence);
    expect(evidence[0]).toBe('hard bounce, 2026-02-01T00:00:00Z');
  });

  it.each([400, 422])(
    'a lookup that is refused (%i) concerns only its recipient, who is sent nothing',
    async (status) => {
      const cxone = await start();
      const [first, second, third] = [person(), person(), person()];
      await cxone.admin.setFaults([lookupsOf(second.email, { status })]);
      const run = await cxone.sent([first, second, third]);
      expect(await cxone.outcomes(run)).toEqual({
        1: 'sent',
        2: 'ineligible suppression_unknown',
        3: 'sent',
      });
      expect(await cxone.accepted()).toEqual([first.email, third.email]);
    },
  );

  it('an answer that cannot be read is asked for three times, and the others are sent the message', async () => {
    const cxone = await start();
    const [first, second, third] = [person(), person(), person()];
    await cxone.admin.setFaults([lookupsOf(second.email, { truncate: true })]);
    const run = await cxone.sent([first, second, third]);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'sent', 2: 'ineligible suppression_unknown', 3: 'sent' });
    const [fault] = await cxone.admin.faults();
    expect(fault?.injected).toBe(3);
  });

  it('in an outage nobody is sent anything, and nobody is given up', async () => {
    const cxone = await start();
    await cxone.admin.setFaults([{ match: { family: 'email' }, fault: { status: 503 } }]);
    const run = await cxone.planned(people(3));
    await expect(cxone.writeAll(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await cxone.counts(run)).toMatchObject({ pending: 3 });
    await cxone.admin.setFaults([]);
    await cxone.writeAll(run);
    expect(await cxone.counts(run)).toMatchObject({ sent: 3, pending: 0 });
    expect(await cxone.accepted()).toHaveLength(3);
  });
});

describe('consent', () => {
  it('only people whose preferences permit email are sent the message', async () => {
    const cxone = await start();
    const [permitted, unknown] = [person(), person()];
    await cxone.permit(permitted);
    const anonymous = { email: `a${unknown.email}` };
    const run = await cxone.sent([permitted, unknown, anonymous], { channelConsent: 'require' });
    expect(await cxone.outcomes(run)).toEqual({
      1: 'sent',
      2: 'ineligible no_consent_on_record',
      3: 'ineligible no_contact_id',
    });
    expect(await cxone.accepted()).toEqual([permitted.email]);
  });

  it('is asked about only those whom nothing else keeps from it: our own list, then CXone, then consent', async () => {
    const cxone = await start();
    const [objector, suppressed, permitted] = [person(), person(), person()];
    await cxone.permit(objector, suppressed, permitted);
    await cxone.object(objector);
    await cxone.admin.seedEmailSuppressions({ entries: [{ email: suppressed.email }] });
    const run = await cxone.sent([objector, suppressed, permitted], { channelConsent: 'require' });
    expect(await cxone.outcomes(run)).toEqual({
      1: 'suppressed suppressed',
      2: 'suppressed suppressed_by_cxone',
      3: 'sent',
    });
    const { requests } = await cxone.admin.stats();
    const lookups = Object.entries(requests).filter(
      ([path]) => path.startsWith('GET') && !path.includes('jobs'),
    );
    expect(Object.fromEntries(lookups.map(([path, by]) => [path, sum(by)]))).toEqual({
      'GET /v1/communications/email/suppressions': 2,
      'GET /api/v2/preferences': 1,
    });
  });
});

it('lookups that have become too old are made again, and find what is new', async () => {
  const cxone = await start();
  const [first, second] = [person(), person()];
  const run = await cxone.planned([first, second]);
  await cxone.admin.setFaults([{ match: { method: 'POST', family: 'email' }, fault: { status: 403 } }]);
  await expect(cxone.page(run)).rejects.toMatchObject({ type: 'ScopeMissing' });
  expect((await writes(run)).at(-1)).toMatchObject({ kind: 'send', state: 'planned' });
  await cxone.admin.setFaults([]);
  await ageLookups(run, 16);
  await cxone.admin.seedEmailSuppressions({ entries: [{ email: first.email }] });
  await cxone.writeAll(run);
  expect(await cxone.outcomes(run)).toEqual({ 1: 'suppressed suppressed_by_cxone', 2: 'sent' });
  expect(await cxone.accepted()).toEqual([second.email]);
});

it('CXone is asked about suppressions again if that was long before the lookup of consent', async () => {
  const cxone = await start();
  const [first, second] = [person(), person()];
  await cxone.permit(first, second);
  const run = await cxone.planned([first, second], { channelConsent: 'require' });
  await cxone.admin.setFaults([{ match: { method: 'GET', family: 'preferences' }, fault: { status: 403 } }]);
  await expect(cxone.page(run)).rejects.toMatchObject({ type: 'ScopeMissing' });
  expect((await writes(run)).at(-1)).toMatchObject({ kind: 'consent_check', state: 'planned' });
  await cxone.admin.setFaults([]);
  await ageLookups(run, 16);
  await cxone.admin.seedEmailSuppressions({ entries: [{ email: first.email }] });
  await cxone.writeAll(run);
  expect(await cxone.outcomes(run)).toEqual({ 1: 'suppressed suppressed_by_cxone', 2: 'sent' });
});

const sum = (byStatus: Readonly<Record<string, number>>): number =>
  Object.values(byStatus).reduce((total, n) => total + n, 0);
