import { describe, expect, it } from 'vitest';
import type { EligibilityCheckInput } from '../../src/contract/consent.ts';
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
  const lookUps = async () => {
    const { requests } = await simulator.admin.stats();
    return Object.values(requests['GET /api/v2/preferences'] ?? {}).reduce((sum, n) => sum + n, 0);
  };
  return { ...simulator, ...standing, ledger, lookUps };
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

describe('an import that requires consent', () => {
  it('imports only whom the preferences of that channel let us reach, and says why not of the others', async () => {
    const { play, admin, ledger, lookUps } = await onSimulator();
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
    expect(plan.lookUps).toEqual({ requests: 4, withoutContactId: 1 });
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'created',
      2: 'ineligible explicit_opt_out',
      3: 'ineligible no_consent_on_record',
      4: 'ineligible ccpa_sale_opt_out',
      5: 'ineligible no_contact_id',
    });
    expect(await lookUps()).toBe(4);
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
    const { play, admin, lookUps, create, ledger } = await onSimulator();
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
    expect(await lookUps()).toBe(6);
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
    const { play, ledger, admin, lookUps } = await onSimulator();
    const [bySms, byEmail, neither] = [someone(), someone(), someone()];
    await object(bySms, 'sms');
    await object(byEmail, 'email');
    const rows = [bySms, byEmail, neither].map((n) => contactRow(n));
    const { run } = await play(rows, importOf(), 'contactImport');
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'suppressed suppressed', 2: 'created', 3: 'created' });
    const applied = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    expect(applied).not.toContain(guid(bySms));
    expect(await lookUps()).toBe(0);
  });

  it('comes before CXone where consent is required', async () => {
    const { play, ledger, admin, lookUps } = await onSimulator();
    const n = someone();
    await object(n, 'email');
    await admin.seedPreferences([stored(optIn(n, 3))]);
    const { run } = await play([contactRow(n)], importOf({ requireConsent: 'email' }), 'contactImport');
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'suppressed suppressed' });
    expect(await lookUps()).toBe(0);
  });

  it('changes nothing in a batch that may have been applied: it is settled as it was sent', async () => {
    const lost = {
      match: { method: 'POST', family: 'contactlists' },
      times: 1,
      fault: { reset: 'after' },
    } as const;
    const { plan, writePage, writeAll, ledger } = await onSimulator({ faults: [lost] });
    const [n, other] = [someone(), someone()];
    const run = await stagedRun(ledger, [contactRow(n), contactRow(other)], importOf(), 'contactImport');
    await plan(run);
    await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    await object(n, 'sms');
    await writeAll(run);
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'created', 2: 'created' });
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
