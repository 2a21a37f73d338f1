import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PreferenceItem } from '../../src/cxone/preferences.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { captureError } from '../cxone/vendor.ts';
import { connect, startSimulator } from './stand.ts';

const BATCH = '/api/v2/preferences/batch';
const guid = (n: number): string => `a1b2c3d4-e5f6-7890-abcd-${String(n).padStart(12, '0')}`;
const day = (n: number): string => `2026-01-${String(n).padStart(2, '0')}T00:00:00.000Z`;

/** Contact n opts in to email on day 1. The item's key is derived from its content. */
function item(n: number, over: Partial<PreferenceItem> = {}): PreferenceItem {
  const plain = {
    contactId: guid(n),
    channel: 'email',
    optIn: true,
    consentTimestamp: day(1),
    withdrawalTimestamp: null,
    regulatoryRegion: 'GDPR',
    source: 'web-form',
    updatedAt: day(1),
    ...over,
  };
  return { idempotencyKey: keyFor(JSON.stringify(plain)), ...plain };
}
const optOut = (n: number, on: number): PreferenceItem =>
  item(n, { optIn: false, withdrawalTimestamp: day(on), updatedAt: day(on) });

/** A GUID derived from a text by an FNV hash, which is good enough for tests. */
function keyFor(text: string): string {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return `${hash.toString(16).padStart(8, '0')}-0000-0000-0000-${String(text.length).padStart(12, '0')}`;
}

async function startPreferences(options: Parameters<typeof startSimulator>[0] = {}) {
  const stand = await startSimulator(options);
  let batches = 0;
  const { preferences } = stand.cxone;
  const update = (items: readonly PreferenceItem[], idempotencyKey = `batch-${(batches += 1)}`) =>
    preferences.updateBatch({ items, idempotencyKey });
  const find = (n: number, channel = 'email') => preferences.find({ contactId: guid(n), channel });
  const post = async (body: unknown, headers: Readonly<Record<string, string>>) => {
    const authorization = `Bearer ${await stand.token('preferences')}`;
    const init = { headers: { authorization, 'content-type': 'application/json', ...headers } };
    return stand.request('POST', BATCH, { ...init, body: JSON.stringify(body) });
  };
  return { ...stand, update, find, post };
}
const HEADERS = { 'x-idempotency-key': 'k', 'x-conflict-resolution': 'timestamp-wins' };

describe('POST batch', () => {
  it('stores each item and answers as the tutorial shows', async () => {
    const { post, find, admin } = await startPreferences();
    const { status, body } = await post([item(1), optOut(2, 3)], HEADERS);
    expect(status).toBe(200);
    const result = { status: 'updated', conflictResolved: false, channel: 'email' };
    expect(body).toEqual([
      { id: 'pref-1', contactId: guid(1), optIn: true, ...result },
      { id: 'pref-2', contactId: guid(2), optIn: false, ...result },
    ]);
    const { idempotencyKey: _key, ...stored } = optOut(2, 3);
    expect(await find(2)).toEqual({ id: 'pref-2', ...stored });
    expect(await admin.preferenceJournal()).toMatchObject([
      { n: 1, family: 'preferences', action: 'update', contactId: guid(1), optIn: true, batchKey: 'k' },
      { n: 2, contactId: guid(2), optIn: false, withdrawalTimestamp: day(3) },
    ]);
  });

  it('replaces the stored preference with a newer one, and answers an older one with what is stored', async () => {
    const { update, find } = await startPreferences();
    await update([optOut(1, 5)]);
    expect(await update([item(1)])).toMatchObject({
      kind: 'updated',
      results: [{ optIn: false, status: 'unchanged', conflictResolved: true }],
    });
    expect(await find(1)).toMatchObject({ optIn: false });
    const again = item(1, { consentTimestamp: day(6), updatedAt: day(6) });
    expect(await update([again])).toMatchObject({
      results: [{ optIn: true, status: 'updated', conflictResolved: false, id: 'pref-1' }],
    });
    expect(await find(1)).toMatchObject({ optIn: true, consentTimestamp: day(6) });
  });

  it('ends with the newest item, in whatever order items arrive', async () => {
    const { update, find } = await startPreferences();
    let contact = 0;
    const order = fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 5 });
    await fc.assert(
      fc.asyncProperty(order, async (days) => {
        contact += 1;
        for (const on of days) {
          await update([on % 2 === 1 ? optOut(contact, on) : item(contact, { updatedAt: day(on) })]);
        }
        expect(await find(contact)).toMatchObject({ optIn: false, withdrawalTimestamp: day(5) });
      }),
      { numRuns: 10 },
    );
  });

  it('regards two contents with the same time as a conflict, and applies nothing of the batch', async () => {
    const { update, find, admin } = await startPreferences();
    await update([optOut(1, 5)]);
    const tie = item(1, { updatedAt: day(5) });
    expect(await update([item(2), tie, item(3)])).toMatchObject({
      kind: 'conflicts',
      conflicts: [{ index: 1 }],
    });
    expect([await find(2), await find(1)]).toMatchObject([null, { optIn: false }]);
    expect((await admin.health()).applied).toBe(1);
    expect(await update([item(2), item(3)])).toMatchObject({ kind: 'updated' });
  });

  it('regards the same contact and channel twice in a batch as a conflict, but not two channels', async () => {
    const { update } = await startPreferences();
    const capitals = { ...optOut(1, 2), contactId: guid(1).toUpperCase() };
    expect(await update([item(1), capitals])).toMatchObject({ kind: 'conflicts', conflicts: [{ index: 1 }] });
    expect(await update([item(1), item(1, { channel: 'sms' })])).toMatchObject({ kind: 'updated' });
  });

  it('regards an item key that was used for another content as a conflict', async () => {
    const { update } = await startPreferences();
    await update([item(1)]);
    const stolen = { ...item(2), idempotencyKey: item(1).idempotencyKey };
    expect(await update([stolen])).toMatchObject({ kind: 'conflicts', conflicts: [{ index: 0 }] });
  });

  it('regards two items of a batch with one key as a conflict', async () => {
    const { update } = await startPreferences();
    const second = { ...item(2), idempotencyKey: item(1).idempotencyKey.toUpperCase() };
    expect(await update([item(1), second])).toMatchObject({ kind: 'conflicts', conflicts: [{ index: 1 }] });
  });

  it('names no item if naming is off', async () => {
    const { update } = await startPreferences({ naming: 'none' });
    expect(await update([item(1), item(1)])).toMatchObject({ kind: 'conflicts', conflicts: [] });
    expect(await update([item(1, { source: 'x'.repeat(51) })])).toMatchObject({ kind: 'refused', named: [] });
  });

  it.each([
    ['CONTACT_ID_INVALID', { contactId: 'crm-1' }],
    ['CHANNEL_INVALID', { channel: 'fax' }],
    ['OPT_IN_INVALID', { optIn: 'true' as unknown as boolean }],
    ['REGION_INVALID', { regulatoryRegion: 'EU' }],
    ['SOURCE_INVALID', { source: 'x'.repeat(51) }],
    ['ITEM_KEY_INVALID', { idempotencyKey: '' }],
    ['TIMESTAMP_INVALID', { consentTimestamp: '2026-01-01' }],
    ['TIMESTAMP_INVALID', { updatedAt: '2026-01-01T00:00:00+02:00' }],
    ['TIMESTAMP_IN_FUTURE', { updatedAt: '2099-01-01T00:00:00Z' }],
    ['CONSENT_MISSING', { consentTimestamp: null }],
    ['CONSENT_MISSING', { consentTimestamp: null, regulatoryRegion: 'NONE' }],
    ['CONSENT_MISSING', { ...optOut(2, 3), consentTimestamp: null }],
    ['WITHDRAWAL_OF_OPT_IN', { withdrawalTimestamp: day(2) }],
    ['WITHDRAWAL_MISSING', { optIn: false }],
    ['UNKNOWN_FIELD', { surname: 'x' }],
  ])('%s: 400 names the item, and nothing is applied', async (code, wrong) => {
    const { post, admin } = await startPreferences();
    const { status, body } = await post([item(1), { ...item(2), ...wrong }], HEADERS);
    expect([status, body]).toMatchObject([400, { errors: [{ index: 1, code }] }]);
    expect((await admin.health()).applied).toBe(0);
  });

  it('accepts an opt-out without a consent date outside GDPR', async () => {
    const { update } = await startPreferences();
    const out = { ...optOut(1, 2), consentTimestamp: null, regulatoryRegion: 'CCPA' };
    expect(await update([out])).toMatchObject({ kind: 'updated' });
  });

  it.each([
    ['no items', [], {}],
    ['more than 100', Array.from({ length: 101 }, (_, n) => item(n)), {}],
    ['an object', { items: [item(1)] }, {}],
    ['no key', [item(1)], { 'x-idempotency-key': '' }],
    ['another conflict resolution', [item(1)], { 'x-conflict-resolution': 'mine' }],
  ])('answers %s with 400', async (_, body, headers) => {
    const { post } = await startPreferences();
    expect((await post(body, { ...HEADERS, ...headers })).status).toBe(400);
  });
});

describe('the idempotency key of a batch', () => {
  it('gives a repeated batch the first answer, and applies nothing', async () => {
    const { update, admin } = await startPreferences();
    await update([optOut(2, 9)]);
    const first = await update([item(1), item(2)], 'same');
    await update([optOut(1, 7)]);
    const { requestId: _first, ...answer } = first;
    expect(await update([item(1), item(2)], 'same')).toMatchObject(answer);
    expect((await admin.preferences({ contactId: guid(1) })).preferences).toMatchObject([{ optIn: false }]);
    expect((await admin.preferenceJournal()).map((entry) => entry.optIn)).toEqual([false, true, false]);
  });

  it('stores a 409 too, but not a 400', async () => {
    const { update, admin } = await startPreferences();
    await admin.seedPreferences([item(1)]);
    const tie = optOut(1, 1);
    expect(await update([tie], 'conflict')).toMatchObject({ kind: 'conflicts' });
    await admin.seedPreferences([item(1, { updatedAt: '2025-01-01T00:00:00Z' })]);
    expect(await update([tie], 'conflict')).toMatchObject({ kind: 'conflicts' });
    expect(await update([item(2, { source: 'x'.repeat(51) })], 'invalid')).toMatchObject({ kind: 'refused' });
    expect(await update([item(2)], 'invalid')).toMatchObject({ kind: 'updated' });
  });

  it('is rejected with another body', async () => {
    const { update, find } = await startPreferences();
    await update([item(1)], 'same');
    expect(await update([item(2)], 'same')).toMatchObject({ kind: 'refused', status: 422, named: [] });
    expect(await find(2)).toBeNull();
  });

  it('expires: then a repeated batch is handled as a new one', async () => {
    let nowMs = Date.parse('2026-11-21T00:00:00Z');
    const { update, admin } = await startPreferences({ idempotencyKeySeconds: 60, nowMs: () => nowMs });
    await update([item(1)], 'same');
    nowMs += 60_000;
    expect(await update([item(1)], 'same')).toMatchObject({ results: [{ status: 'updated' }] });
    nowMs += 60_000;
    await update([optOut(1, 9)]);
    expect(await update([item(1)], 'same')).toMatchObject({ results: [{ conflictResolved: true }] });
    expect(await admin.preferenceJournal()).toHaveLength(2);
  });

  it('gives a repeated batch the answer that was lost', async () => {
    const { impatient, update, admin } = await startPreferences();
    await admin.setFaults([{ match: { family: 'preferences' }, times: 1, fault: { answerLost: true } }]);
    const lost = impatient.preferences.updateBatch({ items: [item(1)], idempotencyKey: 'lost' });
    expect(await captureError(lost)).toMatchObject({ name: 'CxoneNoAnswer', applied: 'unknown' });
    expect(await update([item(1)], 'lost')).toMatchObject({ results: [{ id: 'pref-1', status: 'updated' }] });
    expect(await admin.preferenceJournal()).toHaveLength(1);
  });

  it('gives no result for items that a fault drops', async () => {
    const { update, admin, find } = await startPreferences();
    await admin.setFaults([{ match: { family: 'preferences' }, times: 1, fault: { dropRecords: 1 } }]);
    expect(await update([item(1), item(2)])).toMatchObject({ kind: 'updated', results: [{ index: 0 }] });
    expect(await find(2)).toBeNull();
  });
});

describe('GET', () => {
  it.each(['object', 'array'] as const)(
    'returns a stored preference or its absence as an %s',
    async (form) => {
      const { update, find } = await startPreferences({ preferencesAs: form });
      await update([item(1)]);
      expect([await find(1), await find(2), await find(1, 'sms')]).toMatchObject([
        { optIn: true },
        null,
        null,
      ]);
    },
  );

  it('requires a contact, a channel and the scope', async () => {
    const { token, request, cxone } = await startPreferences({ withheldScopes: ['preferences:read'] });
    const find = cxone.preferences.find({ contactId: guid(1), channel: 'email' });
    expect(await captureError(find)).toMatchObject({ name: 'CxoneForbidden' });
    const unrestricted = await startPreferences();
    const headers = { authorization: `Bearer ${await unrestricted.token('preferences')}` };
    for (const query of ['', `?contactId=${guid(1)}`, '?channel=email', '?contactId=x&channel=email']) {
      const reply = await unrestricted.request('GET', `/api/v2/preferences${query}`, { headers });
      expect(reply.status).toBe(400);
    }
    const wrong = { authorization: `Bearer ${await token('contactlists')}` };
    expect((await request('GET', '/api/v2/preferences', { headers: wrong })).status).toBe(401);
  });
});

describe('seeded preferences', () => {
  it('need no key, which nobody knows of a preference that was there before', async () => {
    const { admin } = await startPreferences();
    const { idempotencyKey: _, ...plain } = item(1);
    const keyless = [plain, { ...plain, channel: 'sms' }] as unknown as PreferenceItem[];
    expect(await admin.seedPreferences(keyless)).toEqual({ seeded: 2 });
    expect(await admin.preferences()).toMatchObject({ total: 2 });
  });

  it('need not follow the rules, and may replace a newer preference', async () => {
    const { admin, find, update } = await startPreferences();
    await update([optOut(1, 9)]);
    const odd = item(1, { withdrawalTimestamp: day(2), consentTimestamp: null, updatedAt: day(2) });
    expect(await admin.seedPreferences([odd])).toEqual({ seeded: 1 });
    expect(await find(1)).toMatchObject({ optIn: true, withdrawalTimestamp: day(2), consentTimestamp: null });
    expect((await admin.preferenceJournal()).map((entry) => entry.action)).toEqual(['update', 'seed']);
    await expect(admin.seedPreferences([item(1, { contactId: 'x' })])).rejects.toThrow(/400/);
  });

  it('are returned page by page, and by contact', async () => {
    const { admin } = await startPreferences();
    await admin.seedPreferences([item(1), item(2), item(1, { channel: 'sms' })]);
    expect(await admin.preferences({ offset: 1, limit: 1 })).toMatchObject({
      total: 3,
      preferences: [{ contactId: guid(2) }],
    });
    const one = await admin.preferences({ contactId: guid(1).toUpperCase() });
    expect(one.preferences.map((each) => each.channel)).toEqual(['email', 'sms']);
  });
});

it('a restarted simulator restores the preferences from its journal, and the same batch changes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const journalPath = join(folder, 'journal.ndjson');
  const first = createSimulator({ journalPath });
  const before = connect((await first.listen()).url);
  await before.admin.seedList('L1');
  await before.cxone.preferences.updateBatch({ items: [item(1), optOut(2, 4)], idempotencyKey: 'same' });
  const [journal, stored] = [await before.admin.preferenceJournal(), await before.admin.preferences()];
  await first.close();

  const { admin, update } = await startPreferences({ journalPath });
  expect(await admin.preferenceJournal()).toEqual(journal);
  expect(await admin.preferences()).toEqual(stored);
  expect(await update([item(1), optOut(2, 4)], 'same')).toMatchObject({
    results: [{ id: 'pref-1' }, { id: 'pref-2' }],
  });
  expect(await admin.preferenceJournal()).toEqual(journal);
  const stolen = { ...item(3), idempotencyKey: item(1).idempotencyKey };
  expect(await update([stolen])).toMatchObject({ kind: 'conflicts' });
});
