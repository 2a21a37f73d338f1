import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
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
  const held = async (n: number, channel = 'email') =>
    (await simulator.admin.preferences({ contactId: guid(n) })).preferences.find(
      (each) => each.channel === channel,
    );
  const requests = async (verb: string) => {
    const { requests: all } = await simulator.admin.stats();
    const paths = Object.entries(all).filter(([path]) => path.startsWith(`${verb} /api/v2/preferences`));
    return paths.flatMap(([, byStatus]) => Object.values(byStatus)).reduce((sum, n) => sum + n, 0);
  };
  return { ...simulator, ...standing, ledger, held, requests };
}

/** Each test has people of its own: the suppression list is the tenant's, and outlives a run. */
let people = 0;
const someone = (): number => (people += 1);

describe('a preference update', () => {
  it('writes each in batches of a hundred, guards the opt-ins only, and tells the rate of compliance', async () => {
    const { play, held, requests } = await onSimulator();
    const numbers = upTo(240).map(someone);
    const rows = numbers.map((n, i) => (i % 2 ? optIn(n, 5) : optOut(n, 5)));
    const { plan, result } = await play([...rows, { ...optIn(someone(), 5), channel: 'fax' }]);
    expect(plan).toMatchObject({ toWrite: 240, batches: 3, lookups: { requests: 120, withoutContactId: 0 } });
    expect(result).toMatchObject({
      kind: 'preferenceUpdate',
      counts: { total: 241, pending: 0, updated: 240, invalid: 1 },
      requests: 3,
      violations: 1,
      complianceRatePercent: 99.59,
      suppressions: 0,
    });
    expect(await requests('GET')).toBe(120);
    expect(await requests('POST')).toBe(3);
    expect(await held(numbers[1] ?? 0)).toMatchObject({ optIn: true, consentTimestamp: day(5) });
    expect(await held(numbers[0] ?? 0)).toMatchObject({ optIn: false, withdrawalTimestamp: day(5) });
  });

  it('of objections only asks nothing first: they go out at once', async () => {
    const { play, requests } = await onSimulator();
    await play([optOut(someone(), 2), optOut(someone(), 3)]);
    expect([await requests('GET'), await requests('POST')]).toEqual([0, 1]);
  });

  it('settles the newest row of a contact and channel, and names its line to the others', async () => {
    const { play, held, ledger } = await onSimulator();
    const [a, b] = [someone(), someone()];
    const rows = [
      optIn(a, 3),
      optOut(a, 9),
      optIn(a, 5),
      optIn(b, 4),
      optOut(b, 4),
      optIn(a, 1, { channel: 'sms' }),
    ];
    const { run } = await play(rows);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'duplicate duplicate_in_source',
      2: 'updated',
      3: 'duplicate duplicate_in_source',
      4: 'duplicate duplicate_in_source',
      5: 'updated',
      6: 'updated',
    });
    for await (const { seq, reasons } of ledger.records.list(run.run_no, 'duplicate'))
      expect(reasons[0]?.message).toBe(`line ${seq === 4 ? 5 : 2} is newer`);
    expect((await held(a))?.optIn).toBe(false);
    expect((await held(b))?.optIn).toBe(false);
  });
});

/** CXone's trouble with one of them, for ever. */
const oneContact = (n: number, fault: FaultRule['fault']): FaultRule => ({
  match: { method: 'GET', family: 'preferences', query: `contactId=${guid(n)}` },
  fault,
});

describe('the guard', () => {
  it('lets no older opt-in overwrite a withdrawal, and says both dates', async () => {
    const { play, admin, held, ledger } = await onSimulator();
    const [stale, same, newer, unknown] = [someone(), someone(), someone(), someone()];
    // Touched long ago: timestamp-wins alone would let the opt-in win.
    await admin.seedPreferences([stale, same, newer].map((n) => stored(optOut(n, 20), day(1))));
    const { run, result } = await play([
      optIn(stale, 10),
      optIn(same, 20),
      optIn(newer, 21),
      optIn(unknown, 3),
    ]);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'conflict older_than_withdrawal',
      2: 'conflict older_than_withdrawal',
      3: 'updated',
      4: 'updated',
    });
    expect((await held(stale))?.optIn).toBe(false);
    for await (const { reasons } of ledger.records.list(run.run_no, 'conflict'))
      expect(reasons[0]?.message).toMatch(/consent of 2025-01-\d\d.*withdrawal of 2025-01-20/);
    expect(result.counts).toMatchObject({ updated: 2, conflict: 2 });
  });

  it('can be left out; then timestamp-wins decides, and nobody is asked', async () => {
    const { play, admin, held, requests, ledger } = await onSimulator();
    const [kept, overwritten] = [someone(), someone()];
    await admin.seedPreferences([stored(optOut(kept, 20)), stored(optOut(overwritten, 20), day(1))]);
    const { run } = await play([optIn(kept, 10), optIn(overwritten, 10)], { guard: false });
    // CXone kept the newer one; what it has is read to say both dates.
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'conflict newer_in_cxone', 2: 'updated' });
    expect([await requests('GET'), await requests('POST')]).toEqual([1, 1]);
    expect((await held(kept))?.optIn).toBe(false);
  });

  it('reads what it could not read again, and then gives that one up without sending it', async () => {
    const garbled: FaultRule = {
      match: { method: 'GET', family: 'preferences' },
      after: 1,
      times: 3,
      fault: { truncate: 'clean' },
    };
    const { play, admin, held, ledger } = await onSimulator({ faults: [garbled] });
    const [first, second, third] = [someone(), someone(), someone()];
    await admin.seedPreferences([first, second, third].map((n) => stored(optIn(n, 1))));
    const { run } = await play([optIn(first, 3), optIn(second, 3), optIn(third, 3)]);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'updated',
      2: 'rejected preference_unavailable',
      3: 'updated',
    });
    expect((await held(second))?.consentTimestamp).toBe(day(1));
  });

  it('goes without whom CXone does not let us ask about, and stops nobody else', async () => {
    const { play, admin, held, ledger } = await onSimulator();
    const [first, odd, third] = [someone(), someone(), someone()];
    await admin.setFaults([oneContact(odd, { status: 422 })]);
    const { run } = await play([optIn(first, 3), optIn(odd, 3), optOut(third, 3)]);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'updated',
      2: 'rejected preference_unavailable',
      3: 'updated',
    });
    expect(await held(odd)).toBe(undefined);
  });

  it('lets no objection wait for the look-up of somebody else', async () => {
    const { plan, writePage, writeAll, admin, held, ledger } = await onSimulator();
    const [away, objector] = [someone(), someone()];
    await admin.setFaults([oneContact(away, { status: 503 })]);
    const run = await stagedRun(ledger, [optIn(away, 3), optOut(objector, 3)]);
    await plan(run);
    const page = { runId: run.run_id, fromBatch: 1, toBatch: 1 };
    for (let tries = 0; tries < 3; tries += 1) await writePage(page).catch(() => undefined);
    expect((await held(objector))?.optIn).toBe(false);
    expect((await outcomesOf(ledger, run))[2]).toBe('updated');
    await admin.setFaults([]);
    await writeAll(run);
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
  });

  it('in an outage of the look-ups keeps no objection of the page behind them', async () => {
    const { plan, writePage, ledger } = await onSimulator({
      faults: [{ match: { method: 'GET', family: 'preferences' }, fault: { status: 503 } }],
    });
    const rows = upTo(1_600).map((n) => (n % 100 === 0 ? optIn(someone(), 3) : optOut(someone(), 3)));
    const run = await stagedRun(ledger, rows);
    await plan(run);
    const page = { runId: run.run_id, fromBatch: 1, toBatch: 100 };
    for (let tries = 0; tries < 10; tries += 1) await writePage(page).catch(() => undefined);
    expect(await ledger.runs.counts(run.run_no)).toMatchObject({ updated: 1_584, pending: 16 });
  });

  it('that is cut off in the middle keeps what it has read', async () => {
    const away: FaultRule = {
      match: { method: 'GET', family: 'preferences' },
      after: 6,
      times: 1,
      fault: { status: 503 },
    };
    const { play, requests } = await onSimulator({ faults: [away] });
    const { result } = await play(upTo(10).map(() => optIn(someone(), 3)));
    expect(result.counts).toMatchObject({ updated: 10 });
    expect(await requests('GET')).toBe(11);
  });
});

describe('an objection that CXone does not take', () => {
  it('without the date of a consent is on our own list at once, and opt-ins that are older stop there', async () => {
    const { play, ledger, requests } = await onSimulator();
    const n = someone();
    const undated = optOut(n, 20, { consentTimestamp: null });
    const first = await play([undated, optIn(n, 10)]);
    expect(await outcomesOf(ledger, first.run)).toEqual({
      1: 'rejected gdpr_needs_consent_date on_our_suppression_list',
      2: 'duplicate duplicate_in_source',
    });
    expect(first.result).toMatchObject({ violations: 1, suppressions: 1, complianceRatePercent: 50 });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toMatchObject([
      { since: new Date(day(20)) },
    ]);
    const second = await play([optIn(n, 15)], { guard: false });
    expect(await outcomesOf(ledger, second.run)).toEqual({ 1: 'conflict older_than_withdrawal' });
    expect(await requests('POST')).toBe(0);
  });

  it('ends when CXone takes a consent that is newer', async () => {
    const { play, ledger } = await onSimulator();
    const n = someone();
    await play([optOut(n, 20, { consentTimestamp: null })]);
    const { run } = await play([optIn(n, 21)]);
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'updated' });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toEqual([]);
  });

  it('is not put on the list by a rehearsal', async () => {
    const { plan, ledger } = await onSimulator();
    const n = someone();
    const run = await stagedRun(ledger, [optOut(n, 20, { consentTimestamp: null })], { dryRun: true });
    expect(await plan(run)).toMatchObject({ toWrite: 0, rejected: 1 });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toEqual([]);
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'rejected gdpr_needs_consent_date' });
  });

  it('in a row that is wrong otherwise is on the list too', async () => {
    const { play, ledger } = await onSimulator();
    const n = someone();
    const { run } = await play([optOut(n, 20, { source: '' })]);
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'invalid source_missing on_our_suppression_list' });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toHaveLength(1);
  });

  it('because of a newer opt-in is a conflict with both dates, and nobody is suppressed', async () => {
    const { play, admin, ledger } = await onSimulator();
    const [again, unclear] = [someone(), someone()];
    await admin.seedPreferences([stored(optIn(again, 25)), stored(optIn(unclear, 5), day(25))]);
    const { run } = await play([optOut(again, 20), optOut(unclear, 20)]);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'conflict newer_in_cxone',
      2: 'conflict newer_in_cxone on_our_suppression_list',
    });
    expect(await ledger.suppressions.find([guid(again), guid(unclear)], ['email'])).toMatchObject([
      { contactId: guid(unclear) },
    ]);
  });

  it('in a 409 that names it is settled, and the rest is sent again', async () => {
    const { play, admin, ledger, requests } = await onSimulator();
    const [named, rest] = [someone(), someone()];
    // The same updatedAt, another content: timestamps cannot settle it.
    await admin.seedPreferences([stored(optIn(named, 5), day(20))]);
    const { run } = await play([optOut(named, 20), optOut(rest, 20)]);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'conflict newer_in_cxone on_our_suppression_list',
      2: 'updated',
    });
    expect(await requests('POST')).toBe(2);
  });

  it('and cannot be read back is on our own list', async () => {
    const { play, admin, ledger } = await onSimulator();
    const [odd, rest] = [someone(), someone()];
    await admin.seedPreferences([stored(optIn(odd, 5), day(20))]);
    await admin.setFaults([oneContact(odd, { status: 400 })]);
    const { run } = await play([optOut(odd, 20), optOut(rest, 20)]);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'rejected preference_unavailable on_our_suppression_list',
      2: 'updated',
    });
    expect(await ledger.suppressions.find([guid(odd)], ['email'])).toHaveLength(1);
  });

  it('of a contact without a GUID is on our own list, which the imports of that contact ask', async () => {
    const { play, ledger } = await onSimulator();
    const contactId = `crm-${someone()}`;
    const { run } = await play([optOut(0, 20, { contactId })]);
    expect(await outcomesOf(ledger, run)).toEqual({
      1: 'invalid contact_id_not_a_guid on_our_suppression_list',
    });
    const contact = { contactId, phone: '+14155550100', consentTimestamp: day(5), optInStatus: 'confirmed' };
    await play([optOut(0, 20, { contactId, channel: 'sms' })]);
    const { run: imported } = await play([contact], { listId: 'L1' }, 'contactImport');
    expect(await outcomesOf(ledger, imported)).toEqual({ 1: 'suppressed suppressed' });
  });

  it('is found by halving where the 409 names nobody', async () => {
    const { play, admin, ledger } = await onSimulator();
    await admin.change({ naming: 'none' });
    const numbers = upTo(9).map(someone);
    await admin.seedPreferences([stored(optIn(numbers[4] ?? 0, 5), day(20))]);
    const { run, result } = await play(numbers.map((n) => optOut(n, 20)));
    expect(result.counts).toMatchObject({ updated: 8, conflict: 1 });
    expect((await outcomesOf(ledger, run))[5]).toMatch(/^conflict/);
  });
});

describe('a lost answer', () => {
  const LOST: FaultRule = {
    match: { method: 'POST', family: 'preferences' },
    times: 1,
    fault: { reset: 'after' },
  };

  it('is repeated with the same key and the same bytes, and applied once', async () => {
    const { play, ledger, admin, requests } = await onSimulator({ faults: [LOST] });
    const numbers = upTo(20).map(someone);
    const { run } = await play(numbers.map((n) => optIn(n, 5)));
    expect(new Set(Object.values(await outcomesOf(ledger, run)))).toEqual(new Set(['updated']));
    // Another body under the same key would be refused with 422.
    expect(await requests('POST')).toBe(2);
    const journal = (await admin.preferenceJournal()).filter(({ action }) => action === 'update');
    expect(journal).toHaveLength(20);
    expect(new Set(journal.map(({ batchKey }) => batchKey)).size).toBe(1);
    for await (const { evidence } of ledger.records.list(run.run_no))
      expect(evidence).toBe('repeated_with_same_key');
  });

  it('of a batch that was not applied is repeated likewise', async () => {
    const { play, admin } = await onSimulator({ faults: [{ ...LOST, fault: { reset: 'before' } }] });
    const { result } = await play(upTo(5).map(() => optOut(someone(), 5)));
    expect(result.counts).toMatchObject({ updated: 5 });
    expect((await admin.preferenceJournal()).length).toBe(5);
  });

  it('is settled by reading back where CXone may have forgotten the key', async () => {
    const { play, ledger, requests } = await onSimulator({ faults: [LOST] }, { keyLifeMs: 0 });
    const { run } = await play([optIn(someone(), 5), optOut(someone(), 5)]);
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
    expect(await requests('POST')).toBe(1);
    for await (const { evidence } of ledger.records.list(run.run_no)) expect(evidence).toBe('read_back');
  });

  it('of a batch that was not applied is found out by reading back, and sent', async () => {
    const lost = { ...LOST, fault: { reset: 'before' } } as const;
    const { play, held, requests } = await onSimulator({ faults: [lost] }, { keyLifeMs: 0 });
    const n = someone();
    const { result } = await play([optIn(n, 5)]);
    expect(result.counts).toMatchObject({ updated: 1 });
    expect((await held(n))?.optIn).toBe(true);
    expect(await requests('POST')).toBe(2);
  });

  it('does not let an old opt-in back in when somebody objected in the meantime', async () => {
    const { plan, writeAll, writePage, admin, held, ledger } = await onSimulator(
      { faults: [{ ...LOST, fault: { reset: 'before' } }] },
      { keyLifeMs: 0 },
    );
    const n = someone();
    const run = await stagedRun(ledger, [optIn(n, 5)]);
    await plan(run);
    await expect(writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 })).resolves.toMatchObject({
      left: 1,
    });
    await admin.seedPreferences([stored(optOut(n, 9))]);
    await writeAll(run);
    expect(await outcomesOf(ledger, run)).toEqual({ 1: 'conflict newer_in_cxone' });
    expect((await held(n))?.optIn).toBe(false);
  });
});

it('a batch of which the answer says nothing, and which CXone does not have, is sent once more', async () => {
  const { play, requests, ledger } = await onSimulator({
    faults: [{ match: { method: 'POST', family: 'preferences' }, times: 1, fault: { dropRecords: 2 } }],
  });
  const { run } = await play([optOut(someone(), 5), optOut(someone(), 6)]);
  expect(await outcomesOf(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
  expect(await requests('POST')).toBe(2);
});

describe('what is kept', () => {
  it('proves what was sent, and what was not sent proves nothing', async () => {
    const { play, admin, ledger } = await onSimulator();
    const [sent, guarded] = [someone(), someone()];
    await admin.seedPreferences([stored(optOut(guarded, 20))]);
    const { run } = await play([optIn(sent, 5), optIn(guarded, 10)]);
    expect(await ledger.consentProof.list(guid(sent))).toMatchObject([
      { runId: run.run_id, optIn: true, source: 'web-form', outcome: 'updated', httpStatus: 200, seq: 1 },
    ]);
    expect(await ledger.consentProof.list(guid(guarded))).toEqual([]);
  });

  it('of the run is in the audit: latency, violations, rate; and nobody', async () => {
    const { play, ledger } = await onSimulator();
    const { run } = await play([optIn(someone(), 5), optIn(someone(), 5, { source: '' })]);
    while ((await ledger.audit.seal()) > 0);
    const entries: { action: string; data: unknown }[] = [];
    for await (const entry of ledger.audit.list(run.run_id)) entries.push(entry);
    expect(entries.at(-1)).toMatchObject({
      action: 'run_closed',
      data: { violations: 1, complianceRatePercent: 50, averageLatencyMs: expect.any(Number) as number },
    });
    expect(JSON.stringify(entries)).not.toContain('a1b2c3d4');
  });
});

describe('marketing', () => {
  it('is told each batch with its result items, the same bytes on every try, and nothing that was not written', async () => {
    const told: { id: string; body: string }[] = [];
    let refusals = 1;
    const post = (id: string, body: string): Promise<void> => {
      told.push({ id, body });
      refusals -= 1;
      return refusals < 0 ? Promise.resolve() : Promise.reject(new Error('status 503'));
    };
    const { plan, writeAll, close, admin, activities, ledger } = await onSimulator(
      {},
      { webhooks: { crm: null, marketing: post } },
    );
    const [written, guarded] = [someone(), someone()];
    await admin.seedPreferences([stored(optOut(guarded, 20))]);
    const run = await stagedRun(ledger, [optIn(written, 5), optIn(guarded, 10)], { notify: 'run' });
    await plan(run);
    await writeAll(run);
    await ledger.runs.setPhase(run.run_no, 'delivering', null);
    await expect(perform(() => activities.deliverEvents(run.run_id))).rejects.toMatchObject({
      type: 'SubscriberUnavailable',
    });
    await perform(() => activities.deliverEvents(run.run_id));
    expect(told).toHaveLength(2);
    expect(told[1]).toEqual(told[0]);
    expect(JSON.parse(told[0]?.body ?? '')).toMatchObject({
      event: 'preferences.batch.updated',
      id: told[0]?.id,
      payload: [
        {
          contactId: guid(written),
          channel: 'email',
          optIn: true,
          status: 'updated',
          conflictResolved: false,
        },
      ],
    });
    expect((await close(run)).events).toEqual({ delivered: 1, undelivered: 0 });
  });

  it('is not told of who was erased before it could be told', async () => {
    const told: string[] = [];
    const { plan, writeAll, activities, ledger } = await onSimulator(
      {},
      { webhooks: { crm: null, marketing: (_, body) => Promise.resolve(void told.push(body)) } },
    );
    const [anna, ben] = [someone(), someone()];
    const run = await stagedRun(ledger, [optIn(anna, 5), optIn(ben, 5)]);
    await plan(run);
    await writeAll(run);
    const erasure = { erasureId: someId('erasure'), contactId: guid(anna), datasets: [], requestedBy: null };
    expect(await ledger.erasures.erase(erasure)).toMatchObject({ records: 1, waitingFor: [] });
    await ledger.runs.setPhase(run.run_no, 'delivering', null);
    await perform(() => activities.deliverEvents(run.run_id));
    expect(told.map((body) => (JSON.parse(body) as { payload: object[] }).payload)).toMatchObject([
      [{ contactId: guid(ben), status: 'updated' }],
    ]);
  });
});
