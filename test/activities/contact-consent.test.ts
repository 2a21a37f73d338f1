import { describe, expect, it, vi } from 'vitest';
import { defineContactImport } from '../../src/activities/contact-import/index.ts';
import { RateLimiter } from '../../src/activities/engine/rate-limiter.ts';
import type { Cxone } from '../../src/cxone/cxone.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { upTo } from '../ledger/harness.ts';
import {
  day,
  guid,
  listOutcomes,
  nextPerson,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { opened, start: startWorker } = rowWorkersOfFile();

async function start(...options: Parameters<typeof startWorker>) {
  const worker = await startWorker(...options);
  return { ...worker, countLookups: () => worker.countRequests('GET') };
}

const CONSENT_DAY = new Date(Date.now() - 86_400_000).toISOString();

const contactRow = (n: number, more: object = {}) => ({
  contactId: guid(n),
  phone: `+1415555${String(n).padStart(4, '0')}`,
  consentTimestamp: CONSENT_DAY,
  optInStatus: 'confirmed',
  ...more,
});
const importInput = (more: object = {}) => ({ listId: 'L1', ...more });

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
      expect(evidence).toBe('consent-1');
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

const LOOKUP = { method: 'GET', family: 'preferences' } as const;

/** Consent that was looked up before is too old then. */
async function tenMinutesLater<T>(work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * 60_000 });
  try {
    return await work();
  } finally {
    vi.useRealTimers();
  }
}

function toListRecord(n: number) {
  const { phone: number, ...rest } = contactRow(n);
  return { ...rest, phoneNumbers: [{ type: 'mobile', number }], customFields: {} };
}

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

  /** An import of two people who consented to email, which the import requires. */
  async function startRun(options: object, faults: FaultRule[]) {
    const worker = await start({ faults });
    const [stays, withdraws] = [nextPerson(), nextPerson()];
    await worker.admin.seedPreferences([stays, withdraws].map((n) => stored(optIn(n, 5))));
    const rows = [contactRow(stays), contactRow(withdraws)];
    const input = importInput({ requireConsent: 'email', ...options });
    const run = await openRunOf(worker.ledger, rows, input, 'contactImport');
    return { ...worker, run, stays, withdraws };
  }

  async function startAndLoseAnswer() {
    const started = await startRun({}, [lostAnswer('before')]);
    await started.plan(started.run);
    await started.writePage({ runId: started.run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    return started;
  }

  /** Sends a batch whose answer is lost, then lets some of its people object, then sends what may be sent. */
  async function objectAfterLostAnswer(reset: 'before' | 'after', objecting: (people: number[]) => number[]) {
    const worker = await start({ faults: [lostAnswer(reset)] });
    const { plan, writePage, writeAll, ledger, admin } = worker;
    const numbers = [nextPerson(), nextPerson()];
    const rows = numbers.map((n) => contactRow(n));
    const run = await openRunOf(ledger, rows, importInput(), 'contactImport');
    await plan(run);
    await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    for (const n of objecting(numbers)) await object(n);
    await writeAll(run);
    const inList = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    return { outcomes: await listOutcomes(ledger, run), inList, numbers };
  }

  it('keeps the person off the list if the lost attempt was not applied', async () => {
    const { outcomes, inList, numbers } = await objectAfterLostAnswer('before', ([first = 0]) => [first]);
    expect(outcomes).toEqual({ 1: 'suppressed suppressed', 2: 'created' });
    expect(inList).toEqual([guid(numbers[1] ?? 0)]);
  });

  it('is reported with the contact if the answer about the others shows that the lost attempt was applied', async () => {
    const { outcomes, inList } = await objectAfterLostAnswer('after', ([first = 0]) => [first]);
    expect(outcomes).toEqual({ 1: 'created objected_after_sending', 2: 'created' });
    expect(inList).toHaveLength(2);
  });

  it('by everybody in the batch leaves them in doubt, and nothing more is sent', async () => {
    const { outcomes, inList } = await objectAfterLostAnswer('before', (all) => all);
    expect(Object.values(outcomes)).toEqual(upTo(2).map(() => 'in_doubt answer_lost objected_after_sending'));
    expect(inList).toEqual([]);
  });

  it('is reported with a contact that our own lost batch added, even if the answer to its update is lost, too', async () => {
    const lostUpdate = {
      match: { method: 'PUT', family: 'contactlists' },
      times: 1,
      fault: { reset: 'after' },
    };
    const { plan, writePage, writeAll, ledger, admin } = await start({
      faults: [lostAnswer('after'), lostUpdate as FaultRule],
    });
    const n = nextPerson();
    const run = await openRunOf(
      ledger,
      [contactRow(n)],
      importInput({ existing: 'update' }),
      'contactImport',
    );
    await plan(run);
    const firstPage = { runId: run.run_id, fromBatch: 1, toBatch: 1 };
    await writePage(firstPage).catch(() => undefined);
    await writePage(firstPage).catch(() => undefined);
    await object(n);
    await writeAll(run);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'created objected_after_sending' });
    const actions = (await admin.journal({ list: 'L1' })).map(({ action }) => action);
    expect(actions).toEqual(['create', 'update']);
  });

  it('is found if consent is required: it is looked up again before a batch is resent after ten minutes', async () => {
    const { run, stays, withdraws, admin, writeAll, ledger } = await startAndLoseAnswer();
    await admin.seedPreferences([stored(optIn(stays, 5)), stored(optOut(withdraws, 4))]);
    const permits = vi.spyOn(RateLimiter.prototype, 'acquire');
    try {
      await tenMinutesLater(() => writeAll(run));
      // Two lookups and the batch.
      expect(permits).toHaveBeenCalledTimes(3);
    } finally {
      permits.mockRestore();
    }
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'created', 2: 'ineligible explicit_opt_out' });
  });

  it('is asked for three times if the answers are unreadable; then the answer is no', async () => {
    const { run, admin, writeAll, ledger, countLookups } = await startAndLoseAnswer();
    const before = await countLookups();
    await admin.setFaults([{ match: LOOKUP, times: 3, fault: { truncate: 'clean' } }]);
    await tenMinutesLater(() => writeAll(run));
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'ineligible consent_unavailable', 2: 'created' });
    expect((await countLookups()) - before).toBe(4);
  });

  it('lookups that were answered before an interruption are not repeated', async () => {
    const { run, admin, writeAll, ledger, countLookups } = await startAndLoseAnswer();
    const before = await countLookups();
    await admin.setFaults([{ match: LOOKUP, after: 1, times: 2, fault: { status: 503 } }]);
    await tenMinutesLater(() => writeAll(run));
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'created', 2: 'created' });
    expect((await countLookups()) - before).toBe(4);
  });

  it('is found before an update that was never sent, and lookups are a write of their own then', async () => {
    const { plan, writePage, writeAll, ledger, admin, create, countLookups, run, stays, withdraws } =
      await startRun({ existing: 'update' }, []);
    await create('L1', [stays, withdraws].map(toListRecord));
    await plan(run);
    await admin.setFaults([
      { match: { method: 'PUT', family: 'contactlists' }, times: 1, fault: { status: 429, retryAfter: 1 } },
    ]);
    await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    await admin.clearFaults();
    await admin.seedPreferences([stored(optIn(stays, 5)), stored(optOut(withdraws, 4))]);
    const before = await countLookups();
    await tenMinutesLater(() => writeAll(run));
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'ineligible explicit_opt_out' });
    expect((await countLookups()) - before).toBe(2);
  });
});
