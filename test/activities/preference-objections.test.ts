import { describe, expect, it } from 'vitest';
import { CHANNELS } from '../../src/domain/consent/eligibility.ts';
import { upTo } from '../ledger/harness.ts';
import {
  contactRow,
  day,
  guid,
  importInput,
  listOutcomes,
  nextPerson,
  oneContact,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { start } = rowWorkersOfFile();

describe('an opt-out that CXone does not accept', () => {
  it('without a consent date is on our own suppression list at once, which stops older opt-ins', async () => {
    const { runToEnd, ledger, countRequests } = await start();
    const n = nextPerson();
    const undated = optOut(n, 20, { consentTimestamp: null });
    const first = await runToEnd([undated, optIn(n, 10)]);
    expect(await listOutcomes(ledger, first.run)).toEqual({
      1: 'rejected gdpr_needs_consent_date on_our_suppression_list',
      2: 'duplicate duplicate_in_source',
    });
    expect(first.result).toMatchObject({ violations: 1, suppressions: 1, complianceRatePercent: 50 });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toMatchObject([
      { since: new Date(day(20)) },
    ]);
    const second = await runToEnd([optIn(n, 15)], { guard: false });
    expect(await listOutcomes(ledger, second.run)).toEqual({ 1: 'conflict older_than_withdrawal' });
    expect(await countRequests('POST')).toBe(0);
  });

  it('leaves the list when CXone accepts a newer consent', async () => {
    const { runToEnd, ledger } = await start();
    const n = nextPerson();
    await runToEnd([optOut(n, 20, { consentTimestamp: null })]);
    const { run } = await runToEnd([optIn(n, 21)]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated' });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toEqual([]);
  });

  it('is not put on the list by a dry run', async () => {
    const { plan, ledger } = await start();
    const n = nextPerson();
    const run = await openRunOf(ledger, [optOut(n, 20, { consentTimestamp: null })], { dryRun: true });
    expect(await plan(run)).toMatchObject({ toWrite: 0, rejected: 1 });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toEqual([]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'rejected gdpr_needs_consent_date' });
  });

  it.each(['', 'phone', 'SMS!'])('for the channel %j is on the list on every channel', async (channel) => {
    const { runToEnd, ledger, admin } = await start();
    const n = nextPerson();
    const { run } = await runToEnd([optOut(n, 20, { channel })]);
    const code = channel === '' ? 'channel_missing' : 'channel_unknown';
    expect(await listOutcomes(ledger, run)).toEqual({ 1: `invalid ${code} on_our_suppression_list` });
    expect(await ledger.suppressions.find([guid(n)], CHANNELS)).toHaveLength(CHANNELS.length);
    const { run: imported } = await runToEnd([contactRow(n)], importInput(), 'contactImport');
    expect(await listOutcomes(ledger, imported)).toEqual({ 1: 'suppressed suppressed' });
    expect(await admin.journal({ list: 'L1' })).toEqual([]);
  });

  it.each([
    ['FALSCH', 'updated'],
    ['stopall', 'updated'],
    ['Stop.', 'updated'],
    ['STOP please', 'updated'],
    ['', 'invalid opt_in_missing on_our_suppression_list'],
    ['-1', 'invalid opt_in_not_a_flag on_our_suppression_list'],
    ['I want out', 'invalid opt_in_not_a_flag on_our_suppression_list'],
  ])('in the words %j, beside a withdrawal, protects at once', async (words, outcome) => {
    const { runToEnd, ledger, admin } = await start();
    const n = nextPerson();
    await admin.seedPreferences([stored(optIn(n, 5))]);
    const { run } = await runToEnd([{ ...optOut(n, 20), optIn: words }]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: outcome });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toMatchObject([
      { since: new Date(day(20)) },
    ]);
  });

  it.each(['{GUID', '#N/A', '1.00045E+11'])(
    'of the contact id %j protects nobody, and says so',
    async (id) => {
      const { runToEnd, ledger } = await start();
      const contactId = id.replace('GUID', guid(nextPerson()));
      const { run, result } = await runToEnd([optOut(0, 20, { contactId })]);
      expect(await listOutcomes(ledger, run)).toEqual({
        1: 'invalid contact_id_not_a_guid objection_protects_nobody',
      });
      expect(result).toMatchObject({ suppressions: 0 });
    },
  );

  it('is put on the list if its row is invalid for another reason', async () => {
    const { runToEnd, ledger } = await start();
    const n = nextPerson();
    const { run } = await runToEnd([optOut(n, 20, { source: '' })]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'invalid source_missing on_our_suppression_list' });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toHaveLength(1);
  });

  it.each([
    ['0000-01-01', 'timestamp_not_a_date on_our_suppression_list'],
    ['0001-01-01T00:00:00Z', 'timestamp_not_a_date on_our_suppression_list'],
    ['9999-12-31T23:59:59-01:00', 'timestamp_not_a_date on_our_suppression_list'],
    ['infinity', 'timestamp_not_a_date on_our_suppression_list'],
    ['2025-01-20\0', 'row_not_text'],
    ['2025-01-20\ud800', 'row_not_text'],
  ])(
    'with the date %j is on the list as one without a date, and all other rows are staged',
    async (date, code) => {
      const { runToEnd, ledger } = await start();
      const [odd, rest] = [nextPerson(), nextPerson()];
      const { run } = await runToEnd([optOut(odd, 20, { withdrawalTimestamp: date }), optOut(rest, 20)]);
      expect(await listOutcomes(ledger, run)).toEqual({ 1: `invalid ${code}`, 2: 'updated' });
      expect(await ledger.suppressions.find([guid(odd)], ['email'])).toMatchObject([
        { since: run.started_at },
      ]);
      expect(await ledger.suppressions.find([guid(rest)], ['email'])).toHaveLength(1);
    },
  );

  it('is on the list if another field of its row cannot be stored', async () => {
    const { runToEnd, ledger } = await start();
    const n = nextPerson();
    const { run } = await runToEnd([{ ...optOut(n, 20), note: 'a\0b' }]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'invalid row_not_text' });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toMatchObject([
      { since: new Date(day(20)) },
    ]);
  });

  it.each(['0000-01-01', 'some day', '2025-13-01'])(
    'stays on the list if CXone has a consent with the date %j',
    async (consentTimestamp) => {
      const { runToEnd, admin, ledger } = await start();
      const n = nextPerson();
      await admin.seedPreferences([{ ...stored(optIn(n, 25)), consentTimestamp }]);
      const { run } = await runToEnd([optOut(n, 20)]);
      expect((await listOutcomes(ledger, run))[1]).toMatch(/^conflict/);
      expect(await ledger.suppressions.find([guid(n)], ['email'])).toHaveLength(1);
    },
  );

  it('because of a newer opt-in is a conflict with both dates, and not put on the list', async () => {
    const { runToEnd, admin, ledger } = await start();
    const [again, unclear] = [nextPerson(), nextPerson()];
    await admin.seedPreferences([stored(optIn(again, 25)), stored(optIn(unclear, 5), day(25))]);
    const { run } = await runToEnd([optOut(again, 20), optOut(unclear, 20)]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'conflict newer_in_cxone',
      2: 'conflict newer_in_cxone on_our_suppression_list',
    });
    expect(await ledger.suppressions.find([guid(again), guid(unclear)], ['email'])).toMatchObject([
      { contactId: guid(unclear) },
    ]);
  });

  it('is settled if a 409 names it, and the rest is sent again', async () => {
    const { runToEnd, admin, ledger, countRequests } = await start();
    const [named, rest] = [nextPerson(), nextPerson()];
    // The same updatedAt with other content, which timestamps cannot settle.
    await admin.seedPreferences([stored(optIn(named, 5), day(20))]);
    const { run } = await runToEnd([optOut(named, 20), optOut(rest, 20)]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'conflict newer_in_cxone on_our_suppression_list',
      2: 'updated',
    });
    expect(await countRequests('POST')).toBe(2);
  });

  it('is put on the list if it cannot be read back', async () => {
    const { runToEnd, admin, ledger } = await start();
    const [odd, rest] = [nextPerson(), nextPerson()];
    await admin.seedPreferences([stored(optIn(odd, 5), day(20))]);
    await admin.setFaults([oneContact(odd, { status: 400 })]);
    const { run } = await runToEnd([optOut(odd, 20), optOut(rest, 20)]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'rejected preference_unavailable on_our_suppression_list',
      2: 'updated',
    });
    expect(await ledger.suppressions.find([guid(odd)], ['email'])).toHaveLength(1);
  });

  it('is put on the list for a contact without a GUID, and contact imports respect it', async () => {
    const { runToEnd, ledger } = await start();
    const contactId = `crm-${nextPerson()}`;
    const { run } = await runToEnd([optOut(0, 20, { contactId })]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'invalid contact_id_not_a_guid on_our_suppression_list',
    });
    const contact = { contactId, phone: '+14155550100', consentTimestamp: day(5), optInStatus: 'confirmed' };
    await runToEnd([optOut(0, 20, { contactId, channel: 'sms' })]);
    const { run: imported } = await runToEnd([contact], { listId: 'L1' }, 'contactImport');
    expect(await listOutcomes(ledger, imported)).toEqual({ 1: 'suppressed suppressed' });
  });

  it('is isolated by halving if the 409 names no item', async () => {
    const { runToEnd, admin, ledger } = await start();
    await admin.change({ naming: 'none' });
    const numbers = upTo(9).map(nextPerson);
    await admin.seedPreferences([stored(optIn(numbers[4] ?? 0, 5), day(20))]);
    const { run, result } = await runToEnd(numbers.map((n) => optOut(n, 20)));
    expect(result.counts).toMatchObject({ updated: 8, conflict: 1 });
    expect((await listOutcomes(ledger, run))[5]).toMatch(/^conflict/);
  });
});
