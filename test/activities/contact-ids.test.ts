/** An id that is written in different forms means the same contact on every path. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { runActivity } from './harness.ts';
import {
  contactRow,
  guid,
  importInput,
  listOutcomes,
  nextPerson,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { opened, start } = rowWorkersOfFile();

const FORMS: readonly (readonly [string, (id: string) => string])[] = [
  ['in braces', (id) => `{${id}}`],
  ['in capitals', (id) => id.toUpperCase()],
  ['in braces and capitals', (id) => `{${id.toUpperCase()}}`],
  ['after a byte order mark and before a no-break space', (id) => `\ufeff${id}\u00a0`],
  ['with invisible characters inside', (id) => `\u202a${id.slice(0, 3)}\u200b${id.slice(3)}\u202c`],
];

describe.each(FORMS)('an id %s', (_, form) => {
  it('in an objection keeps the person off a list, and the other way round', async () => {
    const { runToEnd, ledger, admin } = await start();
    const [here, there] = [nextPerson(), nextPerson()];
    const sms = { channel: 'sms' };
    await runToEnd([optOut(here, 20, { ...sms, contactId: form(guid(here)) }), optOut(there, 20, sms)]);
    const rows = [contactRow(here), contactRow(there, { contactId: form(guid(there)) })];
    const { run } = await runToEnd(rows, importInput(), 'contactImport');
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'suppressed suppressed',
      2: 'suppressed suppressed',
    });
    expect(await admin.journal({ list: 'L1' })).toEqual([]);
  });

  it('that is not a GUID keeps the person off a list, too', async () => {
    const { runToEnd, ledger } = await start();
    const id = `crm-x${nextPerson()}`;
    await runToEnd([optOut(0, 20, { channel: 'voice', contactId: form(id) })]);
    const row = contactRow(nextPerson(), { contactId: id });
    const { run } = await runToEnd([row], importInput(), 'contactImport');
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'suppressed suppressed' });
  });

  it('is imported and sent in one form, once, after its consent was looked up', async () => {
    const { runToEnd, ledger, admin } = await start();
    const n = nextPerson();
    await admin.seedPreferences([stored(optIn(n, 5))]);
    const rows = [contactRow(n, { contactId: form(guid(n)) }), contactRow(n, { phone: '+14155559999' })];
    const input = importInput({ requireConsent: 'email' });
    const { run, plan } = await runToEnd(rows, input, 'contactImport');
    expect(plan.lookups).toEqual({ requests: 1, withoutContactId: 0 });
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'created', 2: 'duplicate duplicate_in_source' });
    expect((await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId)).toEqual([guid(n)]);
  });

  it('is one preference of the person in CXone', async () => {
    const { runToEnd, ledger, inCxone } = await start();
    const n = nextPerson();
    const { run } = await runToEnd([optIn(n, 10, { contactId: form(guid(n)) }), optOut(n, 20)]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'duplicate duplicate_in_source', 2: 'updated' });
    expect(await inCxone(n)).toMatchObject({ contactId: guid(n), optIn: false });
    // An older consent under the other form does not get past the objection.
    const again = await runToEnd([optIn(n, 15, { contactId: form(guid(n)) })], { guard: false });
    expect(await listOutcomes(ledger, again.run)).toEqual({ 1: 'conflict older_than_withdrawal' });
  });

  it('is checked as the contact that it names', async () => {
    const { activities, runToEnd, admin } = await start();
    const [consents, objects] = [nextPerson(), nextPerson()];
    await admin.seedPreferences([stored(optIn(consents, 5)), stored(optIn(objects, 5))]);
    await runToEnd([optOut(objects, 20)]);
    const check = (n: number) =>
      runActivity(() => activities.checkEligibility({ contactId: form(guid(n)), channel: 'email' }));
    expect(await check(consents)).toMatchObject({ eligible: true });
    expect(await check(objects)).toMatchObject({ eligible: false, reason: 'suppressed' });
    expect(JSON.stringify(await check(consents)).toLowerCase()).not.toContain(guid(consents));
  });
});

it('a person is erased by any form of their id', async () => {
  const { activities, runToEnd, ledger } = await start();
  const n = nextPerson();
  const { run } = await runToEnd([optIn(n, 10), optIn(n, 10, { channel: 'sms', contactId: `{${guid(n)}}` })]);
  const erasure = await openRunOf(ledger, [{ contactId: `{${guid(n).toUpperCase()}}` }]);
  const { source } = erasure.input as { source: { dataset: string } };
  const result = await runActivity(() => activities.eraseSubject({ dataset: source.dataset }));
  expect(result).toMatchObject({ records: 2, runs: [run.run_id] });
  const { rows } = await sql<{ fields: string }>`select fields::text as fields from records`.execute(
    opened().database.db,
  );
  expect(rows.filter(({ fields }) => fields.toLowerCase().includes(guid(n)))).toEqual([]);
});

it('numbers without a country code are read by the country of the run, and the plan says how many', async () => {
  const { runToEnd, ledger, admin } = await start();
  const [national, formatted, plain, ambiguous] = [1, 2, 3, 4].map(() => nextPerson());
  const rows = [
    contactRow(national ?? 0, { phone: '(415) 555-0101' }),
    contactRow(formatted ?? 0, { phone: '+44 (0)20 7031 3000' }),
    contactRow(plain ?? 0),
    contactRow(ambiguous ?? 0, { phone: '4930901820' }),
  ];
  const { run, plan } = await runToEnd(rows, importInput({ country: 'US' }), 'contactImport');
  expect(await listOutcomes(ledger, run)).toEqual({
    1: 'created',
    2: 'created',
    3: 'created',
    4: 'invalid phone_ambiguous',
  });
  expect(plan.notes).toEqual([
    '2 records have phone numbers that were converted to E.164, numbers without a country code as those of US',
  ]);
  const sent = JSON.stringify(await admin.journal({ list: 'L1' }));
  for (const number of ['+14155550101', '+442070313000']) expect(sent).toContain(number);
});
