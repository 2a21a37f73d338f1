/** A preference that CXone already has is not sent again, unless anything about it is unclear. */
import { describe, expect, it } from 'vitest';
import { judgeBeforeSending } from '../../src/activities/preference-update/verdicts.ts';
import type { PreferenceItem, StoredPreference } from '../../src/cxone/preferences.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { RAW_PREFERENCES } from '../harness/tutorial-samples.ts';
import { upTo } from '../ledger/harness.ts';
import {
  day,
  guid,
  listOutcomes,
  listUpdates,
  nextPerson,
  oneContact,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { start } = rowWorkersOfFile();

describe('a preference that CXone already has', () => {
  it("is existing and not sent again: the preferences tutorial's sample, twice", async () => {
    const webhooks = { crm: null, marketing: () => Promise.resolve() };
    const { runToEnd, countRequests, ledger } = await start({}, { webhooks });
    const first = await runToEnd(RAW_PREFERENCES);
    expect(await listOutcomes(ledger, first.run)).toEqual({
      1: 'updated',
      2: 'updated',
      3: 'invalid consent_missing',
    });
    const second = await runToEnd(RAW_PREFERENCES);
    expect(await listOutcomes(ledger, second.run)).toEqual({
      1: 'existing identical_in_cxone',
      2: 'existing identical_in_cxone',
      3: 'invalid consent_missing',
    });
    expect(await countRequests('POST')).toBe(1);
    expect(await ledger.outbox.listUndelivered(second.run.run_no, 10)).toEqual([]);
    expect(second.result).toMatchObject({
      successRatePercent: 66.67,
      events: { delivered: 0, undelivered: 0 },
    });
  });

  it('leaves the batch, and the rest is sent', async () => {
    const { runToEnd, admin, countRequests, ledger } = await start();
    const people = upTo(6).map(nextPerson);
    const rows = people.map((n, i) => (i % 2 ? optIn(n, 5) : optOut(n, 5)));
    await admin.seedPreferences(rows.slice(0, 4).map((row) => stored(row)));
    const { run, result } = await runToEnd(rows);
    expect(result.counts).toMatchObject({ existing: 4, updated: 2 });
    expect(Object.values(await listOutcomes(ledger, run)).slice(4)).toEqual(['updated', 'updated']);
    expect(await countRequests('POST')).toBe(1);
    expect(await listUpdates(admin)).toHaveLength(2);
  });

  it('ends an older objection on our own suppression list, like a consent that was sent', async () => {
    const { runToEnd, admin, ledger } = await start();
    const n = nextPerson();
    await runToEnd([optOut(n, 20, { consentTimestamp: null })]);
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toHaveLength(1);
    await admin.seedPreferences([stored(optIn(n, 25))]);
    const { run } = await runToEnd([optIn(n, 25)]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'existing identical_in_cxone' });
    expect(await ledger.suppressions.find([guid(n)], ['email'])).toEqual([]);
  });

  it('is a conflict if a newer objection is on our own suppression list', async () => {
    const { runToEnd, admin, ledger, countRequests } = await start();
    const n = nextPerson();
    await runToEnd([optOut(n, 20, { consentTimestamp: null })]);
    await admin.seedPreferences([stored(optIn(n, 10))]);
    const { run } = await runToEnd([optIn(n, 10)]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'conflict older_than_withdrawal' });
    expect(await countRequests('POST')).toBe(0);
  });

  it('is sent without the guard', async () => {
    const { runToEnd, admin, ledger, countRequests } = await start();
    const n = nextPerson();
    await admin.seedPreferences([stored(optOut(n, 5))]);
    const { run } = await runToEnd([optOut(n, 5)], { guard: false });
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated' });
    expect([await countRequests('GET'), await countRequests('POST')]).toEqual([0, 1]);
  });
});

const OPT_OUT: PreferenceItem = {
  ...optOut(1, 20),
  idempotencyKey: '7d0c3a52-1f4e-5b6a-9c8d-2e1f0a9b8c7d',
  updatedAt: day(20),
};
const OPT_IN: PreferenceItem = { ...OPT_OUT, ...optIn(1, 20) };

const inCxone = (item: PreferenceItem, more: Partial<StoredPreference> = {}): StoredPreference => {
  const { idempotencyKey: _, ...rest } = item;
  return { id: 'pref-1', ...rest, ...more };
};

describe.each([
  ['an opt-out', OPT_OUT],
  ['an opt-in', OPT_IN],
])('%s', (_, item) => {
  const verdict = (stored: StoredPreference | null, facts = {}) => {
    const result = judgeBeforeSending(item, stored, facts);
    return result.kind === 'settle' ? result.outcome : result.kind;
  };

  it('is existing if CXone has the same, perhaps in another notation and confirmed since', () => {
    expect(verdict(inCxone(item))).toBe('existing');
    expect(
      verdict(inCxone(item, { consentTimestamp: item.consentTimestamp?.replace('Z', '+00:00') ?? null })),
    ).toBe('existing');
    expect(verdict(inCxone(item, { updatedAt: day(30) }))).toBe('existing');
  });

  it.each<[string, Partial<StoredPreference>]>([
    ['has another region', { regulatoryRegion: 'TCPA' }],
    ['has another source', { source: 'somewhere-else' }],
    ['has no source', { source: null }],
    ['was changed last before ours', { updatedAt: day(19) }],
    ['does not say when it was changed', { updatedAt: null }],
    ['has an unreadable date of its change', { updatedAt: 'last week' }],
    ['has another date of consent', { consentTimestamp: day(2) }],
    ['has an unreadable date of consent', { consentTimestamp: 'some day' }],
    ['has no date of consent', { consentTimestamp: null }],
  ])('is sent if the one in CXone %s', (_why, more) => {
    expect(verdict(inCxone(item, more))).toBe('send');
  });

  it('is sent if CXone has none, or may have it from an earlier request of ours', () => {
    expect(verdict(null)).toBe('send');
    expect(verdict(inCxone(item), { again: true })).toBe('send');
  });
});

it.each<[string, Partial<StoredPreference>]>([
  ['has no date of withdrawal', { withdrawalTimestamp: null }],
  ['has another date of withdrawal', { withdrawalTimestamp: day(21) }],
  ['has an unreadable date of withdrawal', { withdrawalTimestamp: 'yesterday' }],
  ['is an opt-in with the same dates', { optIn: true }],
])('an opt-out is sent if the one in CXone %s', (_, more) => {
  expect(judgeBeforeSending(OPT_OUT, inCxone(OPT_OUT, more), {})).toEqual({ kind: 'send' });
});

describe('an opt-out whose preference cannot be read', () => {
  const lookups = { method: 'GET', family: 'preferences' } as const;

  it.each<[string, FaultRule['fault']]>([
    ['is refused', { status: 422 }],
    ['is not permitted', { status: 403 }],
    ['fails', { status: 500 }],
    ['is cut off', { truncate: 'cut' }],
    ['is lost', { reset: 'before' }],
  ])('is sent at once: the lookup %s', async (_, fault) => {
    const {
      runToEnd,
      inCxone: find,
      ledger,
      countRequests,
    } = await start({
      faults: [{ match: lookups, fault }],
    });
    const people = upTo(5).map(nextPerson);
    const { run } = await runToEnd(people.map((n) => optOut(n, 5)));
    expect(Object.values(await listOutcomes(ledger, run))).toEqual(people.map(() => 'updated'));
    expect((await find(people[4] ?? 0))?.optIn).toBe(false);
    expect(await countRequests('POST')).toBe(1);
  });

  it('keeps nobody else from being looked up', async () => {
    const { runToEnd, admin, ledger } = await start();
    const [odd, known, stale] = [nextPerson(), nextPerson(), nextPerson()];
    await admin.seedPreferences([stored(optOut(known, 5)), stored(optOut(stale, 20), day(1))]);
    await admin.setFaults([oneContact(odd, { status: 500 })]);
    const { run } = await runToEnd([optIn(stale, 10), optOut(odd, 5), optOut(known, 5)]);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'conflict older_than_withdrawal',
      2: 'updated',
      // Its lookup would have been the next one; it is not waited for.
      3: 'updated',
    });
  });
});
