import { describe, expect, it } from 'vitest';
import { defineContactImport } from '../../src/activities/contact-import/index.ts';
import type { Cxone } from '../../src/cxone/cxone.ts';
import { upTo } from '../ledger/harness.ts';
import {
  contactRow,
  day,
  guid,
  importInput,
  listOutcomes,
  nextPerson,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { opened, start } = rowWorkersOfFile();

it('every request that adds or updates contacts has a gate', () => {
  const { ledger } = opened();
  const cxone = {} as Cxone;
  const { writes } = defineContactImport({ ledger, cxone, duplicatesRefused: true }).definition;
  const withoutGate = Object.entries(writes).filter(([, { gate }]) => gate === null);
  expect(withoutGate.map(([kind]) => kind)).toEqual(['consent_check']);
});

describe('an import that requires consent', () => {
  it('creates only contacts whose preferences permit the channel, and gives the reason for the others', async () => {
    const { runToEnd, admin, ledger, countLookups } = await start();
    const [yes, no, unknown, ccpa] = [nextPerson(), nextPerson(), nextPerson(), nextPerson()];
    const sms = { channel: 'sms' };
    await admin.seedPreferences([
      stored(optIn(yes, 5, sms)),
      stored(optOut(no, 5, sms)),
      stored(optIn(unknown, 5)),
      stored(optOut(ccpa, 5, { ...sms, regulatoryRegion: 'CCPA' })),
    ]);
    const rows = [yes, no, unknown, ccpa].map((n) => contactRow(n));
    const { run, plan } = await runToEnd(
      [...rows, contactRow(nextPerson(), { contactId: 'crm-88291' })],
      importInput({ requireConsent: 'sms' }),
      'contactImport',
    );
    expect(plan.lookups).toEqual({ requests: 4, withoutContactId: 1 });
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'created',
      2: 'ineligible explicit_opt_out',
      3: 'ineligible no_consent_on_record',
      4: 'ineligible ccpa_sale_opt_out',
      5: 'ineligible no_contact_id',
    });
    expect(await countLookups()).toBe(4);
    const applied = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    expect(applied).toEqual([guid(yes)]);
    for await (const { reasons, evidence } of ledger.records.list(run.run_no, 'ineligible')) {
      expect(reasons[0]?.message).toContain('not legal advice');
      expect(evidence).toBe('consent-2');
    }
  });

  it('considers what the record itself states under the strict policy', async () => {
    const { runToEnd, admin, ledger } = await start();
    const n = nextPerson();
    await admin.seedPreferences([stored(optIn(n, 5))]);
    const input = importInput({ requireConsent: 'email', policy: 'strict' });
    const { run } = await runToEnd([contactRow(n, { optInStatus: 'pending' })], input, 'contactImport');
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'ineligible pending_confirmation' });
  });

  it('fails closed for an unreadable answer, and waits out an outage', async () => {
    const get = { method: 'GET', family: 'preferences' } as const;
    const { runToEnd, admin, ledger } = await start({
      faults: [
        { match: get, after: 1, times: 3, fault: { truncate: 'clean' } },
        { match: get, after: 4, times: 2, fault: { status: 503 } },
      ],
    });
    const numbers = upTo(4).map(nextPerson);
    await admin.seedPreferences(numbers.map((n) => stored(optIn(n, 5))));
    const { run } = await runToEnd(
      numbers.map((n) => contactRow(n)),
      importInput({ requireConsent: 'email' }),
      'contactImport',
    );
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'created',
      2: 'ineligible consent_unavailable',
      3: 'created',
      4: 'created',
    });
  });

  it('does not repeat the lookups for the rest of a batch that was refused for duplicates', async () => {
    const { runToEnd, admin, countLookups, create, ledger } = await start();
    const numbers = upTo(6).map(nextPerson);
    await admin.seedPreferences(numbers.map((n) => stored(optIn(n, 5))));
    const rows = numbers.map((n) => contactRow(n));
    const [first] = rows;
    if (!first) return expect.fail();
    const { phone: number, ...rest } = first;
    await create('L1', [{ ...rest, phoneNumbers: [{ type: 'mobile', number }], customFields: {} }]);
    const { run } = await runToEnd(rows, importInput({ requireConsent: 'email' }), 'contactImport');
    expect(Object.values(await listOutcomes(ledger, run))).toEqual([
      'existing',
      ...upTo(5).map(() => 'created'),
    ]);
    expect(await countLookups()).toBe(6);
  });

  it('keeps lookups and batches below the rate limit', async () => {
    const { runToEnd, admin } = await start({}, { ratePerMinute: 1_200 });
    await admin.change({ ratePerMinute: 1_200 });
    const numbers = upTo(60).map(nextPerson);
    await admin.seedPreferences(numbers.map((n) => stored(optIn(n, 5))));
    const { result } = await runToEnd(
      numbers.map((n) => contactRow(n)),
      importInput({ requireConsent: 'email' }),
      'contactImport',
    );
    expect(result.counts).toMatchObject({ created: 60 });
    const { requests } = await admin.stats();
    expect(requests['GET /api/v2/preferences']).toEqual({ '200': 60 });
  });
});

describe('our own suppression list', () => {
  const object = (n: number, channel: 'sms' | 'email') =>
    opened().ledger.suppressions.add(
      [{ contactId: guid(n), channel, reason: 'gdpr_needs_consent_date', since: day(5) }],
      null,
    );

  it('keeps people who objected to calls or texts off a contact list, even if no consent is required', async () => {
    const { runToEnd, ledger, admin, countLookups } = await start();
    const [bySms, byEmail, neither] = [nextPerson(), nextPerson(), nextPerson()];
    await object(bySms, 'sms');
    await object(byEmail, 'email');
    const rows = [bySms, byEmail, neither].map((n) => contactRow(n));
    const { run } = await runToEnd(rows, importInput(), 'contactImport');
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'suppressed suppressed',
      2: 'created',
      3: 'created',
    });
    const applied = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    expect(applied).not.toContain(guid(bySms));
    expect(await countLookups()).toBe(0);
  });

  it('is checked before CXone is asked for consent', async () => {
    const { runToEnd, ledger, admin, countLookups } = await start();
    const n = nextPerson();
    await object(n, 'email');
    await admin.seedPreferences([stored(optIn(n, 3))]);
    const { run } = await runToEnd(
      [contactRow(n)],
      importInput({ requireConsent: 'email' }),
      'contactImport',
    );
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'suppressed suppressed' });
    expect(await countLookups()).toBe(0);
  });

  it('keeps people who objected to calls off a contact list, even if consent to email is required', async () => {
    const { runToEnd, ledger, admin } = await start();
    const n = nextPerson();
    await object(n, 'sms');
    await admin.seedPreferences([stored(optIn(n, 3))]);
    const { run } = await runToEnd(
      [contactRow(n)],
      importInput({ requireConsent: 'email' }),
      'contactImport',
    );
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'suppressed suppressed' });
    expect(await admin.journal({ list: 'L1' })).toEqual([]);
  });
});
