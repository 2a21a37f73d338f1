import { describe, expect, it, vi } from 'vitest';
import { defineContactImport } from '../../src/activities/contact-import/index.ts';
import type { EligibilityCheckInput } from '../../src/contract/consent.ts';
import type { Cxone } from '../../src/cxone/cxone.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { ledgerOfFile, someId, upTo } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { perform, type WorkerOptions } from './harness.ts';
import { day, guid, optIn, optOut, outcomesOf, stagedRun, stand, stored } from './preferences.ts';

const opened = ledgerOfFile();

async function onSimulator(options: SimulatorOptions = {}, workerOptions: WorkerOptions = {}) {
  const simulator = await startSimulator(options);
  const { ledger } = opened();
  const standing = stand(ledger, simulator.cxone, { tenant: someId('tenant'), ...workerOptions });
  const lookups = async () => {
    const { requests } = await simulator.admin.stats();
    return Object.values(requests['GET /api/v2/preferences'] ?? {}).reduce((sum, n) => sum + n, 0);
  };
  return { ...simulator, ...standing, ledger, lookups };
}

let people = 1_000;
const someone = (): number => (people += 1);
const CONSENT_DAY = new Date(Date.now() - 86_400_000).toISOString();

const contactRow = (n: number, more: object = {}) => ({
  contactId: guid(n),
  phone: `+1415555${String(n).padStart(4, '0')}`,
  consentTimestamp: CONSENT_DAY,
  optInStatus: 'confirmed',
  ...more,
});
const importOf = (more: object = {}) => ({ listId: 'L1', ...more });

it('every request that adds or updates contacts has a gate', () => {
  const { ledger } = opened();
  const cxone = {} as Cxone;
  const { writes } = defineContactImport({ ledger, cxone, duplicatesRefused: true }).definition;
  const withoutGate = Object.entries(writes).filter(([, { gate }]) => gate === null);
  expect(withoutGate.map(([kind]) => kind)).toEqual(['consent_check']);
});

describe('an import that requires consent', () => {
  it('imports only whom the preferences of that channel let us reach, and says why not of the others', async () => {
    const { play, admin, ledger, lookups } = await onSimulator();
    const [yes, no, unknown, ccpa] = [someone(), someone(), someone(), someone()];
    const sms = { channel: 'sms' };
    await admin.seedPreferences([
      stored(optIn(yes, 5, sms)),
      stored(optOut(no, 5, sms)),
      stored(optIn(unknown, 5)),
      stored(optOut(ccpa, 5, { ...sms, regulatoryRegion: 'CCPA' })),
    ]);
    const rows = [yes, no, unknown, ccpa].map((n) => contactRow(n));
    const { run, plan } = await play(
      [...rows, contactRow(someone(), { contactId: 'crm-88291' })],
      importOf({ requireConsent: 'sms' }),
      'contactImport',
    );
    expect(plan.lookups).toEqual({ requests: 4, withoutContactId: 1 });
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'created',
      2: 'ineligible explicit_opt_out',
      3: 'ineligible no_consent_on_record',
      4: 'ineligible ccpa_sale_opt_out',
      5: 'ineligible no_contact_id',
    });
    expect(await lookups()).toBe(4);
    const applied = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    expect(applied).toEqual([guid(yes)]);
    for await (const { reasons, evidence } of ledger.records.list(run.run_no, 'ineligible')) {
      expect(reasons[0]?.message).toContain('not legal advice');
      expect(evidence).toBe('consent-1');
    }
  });

  it('under the strict policy looks at what the record says itself', async () => {
    const { play, admin, ledger } = await onSimulator();
    const n = someone();
    await admin.seedPreferences([stored(optIn(n, 5))]);
    const input = importOf({ requireConsent: 'email', policy: 'strict' });
    const { run } = await play([contactRow(n, { optInStatus: 'pending' })], input, 'contactImport');
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'ineligible pending_confirmation' });
  });

  it('fails closed: an answer that nobody can read is a no, an outage is waited out', async () => {
    const get = { method: 'GET', family: 'preferences' } as const;
    const { play, admin, ledger } = await onSimulator({
      faults: [
        { match: get, after: 1, times: 3, fault: { truncate: 'clean' } },
        { match: get, after: 4, times: 2, fault: { status: 503 } },
      ],
    });
    const numbers = upTo(4).map(someone);
    await admin.seedPreferences(numbers.map((n) => stored(optIn(n, 5))));
    const { run } = await play(
      numbers.map((n) => contactRow(n)),
      importOf({ requireConsent: 'email' }),
      'contactImport',
    );
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'created',
      2: 'ineligible consent_unavailable',
      3: 'created',
      4: 'created',
    });
  });

  it('asks nobody again for the rest of a batch that CXone refused for duplicates', async () => {
    const { play, admin, lookups, create, ledger } = await onSimulator();
    const numbers = upTo(6).map(someone);
    await admin.seedPreferences(numbers.map((n) => stored(optIn(n, 5))));
    const rows = numbers.map((n) => contactRow(n));
    const [first] = rows;
    if (!first) return expect.fail();
    const { phone: number, ...rest } = first;
    await create('L1', [{ ...rest, phoneNumbers: [{ type: 'mobile', number }], customFields: {} }]);
    const { run } = await play(rows, importOf({ requireConsent: 'email' }), 'contactImport');
    expect(Object.values(await outcomesOf(ledger, run))).toEqual([
      'existing',
      ...upTo(5).map(() => 'created'),
    ]);
    expect(await lookups()).toBe(6);
  });

  it('is paced by the rate budget, look-ups and batches alike', async () => {
    const { play, admin } = await onSimulator({}, { ratePerMinute: 1_200 });
    await admin.change({ ratePerMinute: 1_200 });
    const numbers = upTo(60).map(someone);
    await admin.seedPreferences(numbers.map((n) => stored(optIn(n, 5))));
    const { result } = await play(
      numbers.map((n) => contactRow(n)),
      importOf({ requireConsent: 'email' }),
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

  it('is obeyed by an import that asks for no consent: who objected to calls or texts gets on no list', async () => {
    const { play, ledger, admin, lookups } = await onSimulator();
    const [bySms, byEmail, neither] = [someone(), someone(), someone()];
    await object(bySms, 'sms');
    await object(byEmail, 'email');
    const rows = [bySms, byEmail, neither].map((n) => contactRow(n));
    const { run } = await play(rows, importOf(), 'contactImport');
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'suppressed suppressed', 2: 'created', 3: 'created' });
    const applied = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    expect(applied).not.toContain(guid(bySms));
    expect(await lookups()).toBe(0);
  });

  it('comes before CXone where consent is required', async () => {
    const { play, ledger, admin, lookups } = await onSimulator();
    const n = someone();
    await object(n, 'email');
    await admin.seedPreferences([stored(optIn(n, 3))]);
    const { run } = await play([contactRow(n)], importOf({ requireConsent: 'email' }), 'contactImport');
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'suppressed suppressed' });
    expect(await lookups()).toBe(0);
  });

  it('keeps a contact off the list who objected to calls, also where consent to email is required', async () => {
    const { play, ledger, admin } = await onSimulator();
    const n = someone();
    await object(n, 'sms');
    await admin.seedPreferences([stored(optIn(n, 3))]);
    const { run } = await play([contactRow(n)], importOf({ requireConsent: 'email' }), 'contactImport');
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'suppressed suppressed' });
    expect(await admin.journal({ list: 'L1' })).toEqual([]);
  });
});

describe('an objection between a lost answer and the next attempt', () => {
  const lostAnswer = (reset: 'before' | 'after') => ({
    match: { method: 'POST', family: 'contactlists' } as const,
    times: 1,
    fault: { reset },
  });
  const object = (n: number) =>
    opened().ledger.suppressions.add(
      [{ contactId: guid(n), channel: 'voice', reason: 'opted_out', since: day(5) }],
      null,
    );

  /** Sends a batch whose answer is lost, then lets some of its people object, then sends what may be sent. */
  async function objectAfterLostAnswer(reset: 'before' | 'after', objecting: (people: number[]) => number[]) {
    const standing = await onSimulator({ faults: [lostAnswer(reset)] });
    const { plan, writePage, writeAll, ledger, admin } = standing;
    const numbers = [someone(), someone()];
    const rows = numbers.map((n) => contactRow(n));
    const run = await stagedRun(ledger, rows, importOf(), 'contactImport');
    await plan(run);
    await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    for (const n of objecting(numbers)) await object(n);
    await writeAll(run);
    const inList = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    return { outcomes: await outcomesOf(ledger, run), inList, numbers };
  }

  it('keeps the person off the list if the lost attempt was not applied', async () => {
    const { outcomes, inList, numbers } = await objectAfterLostAnswer('before', ([first = 0]) => [first]);
    expect(outcomes).toEqual({ 1: 'suppressed suppressed', 2: 'created' });
    expect(inList).toEqual([guid(numbers[1] ?? 0)]);
  });

  it('is reported with the contact if the lost attempt was applied: the others show it', async () => {
    const { outcomes, inList } = await objectAfterLostAnswer('after', ([first = 0]) => [first]);
    expect(outcomes).toEqual({ 1: 'created objected_after_sending', 2: 'created' });
    expect(inList).toHaveLength(2);
  });

  it('of everybody in the batch leaves them in doubt, and sends nothing more', async () => {
    const { outcomes, inList } = await objectAfterLostAnswer('before', (all) => all);
    expect(Object.values(outcomes)).toEqual(upTo(2).map(() => 'in_doubt answer_lost objected_after_sending'));
    expect(inList).toEqual([]);
  });

  it('counts for consent, too: it is looked up again before a batch is resent after ten minutes', async () => {
    const { plan, writePage, writeAll, ledger, admin } = await onSimulator({
      faults: [lostAnswer('before')],
    });
    const [stays, withdraws] = [someone(), someone()];
    await admin.seedPreferences([stays, withdraws].map((n) => stored(optIn(n, 5))));
    const rows = [contactRow(stays), contactRow(withdraws)];
    const run = await stagedRun(ledger, rows, importOf({ requireConsent: 'email' }), 'contactImport');
    await plan(run);
    await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    await admin.seedPreferences([stored(optOut(withdraws, 4))]);
    const later = Date.now() + 11 * 60_000;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => later);
    try {
      await writeAll(run);
    } finally {
      clock.mockRestore();
    }
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'created', 2: 'ineligible explicit_opt_out' });
  });
});

describe('one question', () => {
  const ask = async (input: EligibilityCheckInput, options: SimulatorOptions = {}) => {
    const { activities, admin } = await onSimulator(options);
    return { admin, answer: () => perform(() => activities.checkEligibility(input)) };
  };

  it('is answered by what CXone has, with rule, policy and facts', async () => {
    const n = someone();
    const { admin, answer } = await ask({ contactId: guid(n), channel: 'email', optInStatus: 'confirmed' });
    expect(await answer()).toMatchObject({ eligible: false, reason: 'no_consent_on_record' });
    await admin.seedPreferences([stored(optIn(n, 5))]);
    expect(await answer()).toMatchObject({
      eligible: true,
      reason: 'compliant',
      policy: 'default',
      facts: { channel: 'email', optInStatus: 'confirmed', preference: { consentTimestamp: day(5) } },
    });
  });

  it('about nobody is answered without a request', async () => {
    const { answer } = await ask({ contactId: 'crm-1', channel: 'email' });
    expect(await answer()).toMatchObject({ eligible: false, reason: 'no_contact_id' });
  });

  it('fails as something that passes where CXone is away, and blocks the tenant where it says so', async () => {
    const get = { method: 'GET', family: 'preferences' } as const;
    const { answer } = await ask(
      { contactId: guid(someone()), channel: 'email' },
      { faults: [{ match: get, times: 1, fault: { status: 429, retryAfter: 30 } }] },
    );
    await expect(answer()).rejects.toMatchObject({ type: 'RateLimited', nonRetryable: false });
    const again = await answer().then(
      () => null,
      (error: { nextRetryDelay?: unknown }) => error,
    );
    expect(Number(again?.nextRetryDelay)).toBeGreaterThan(20_000);
  });
});
