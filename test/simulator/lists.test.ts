import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ListItem } from '../../src/cxone/lists.ts';
import { generatedSuppression } from '../../src/simulator/lists.suppressions.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { captureError } from '../cxone/vendor.ts';
import { startSimulator } from './stand.ts';

const PATH = '/api/v2/lists/L1/items';
const field = (name: string, value: string) => ({ name, value });
const phone = (n: number) => field('phone_number', `+1415555${String(n).padStart(4, '0')}`);
const item = (n: number, over: Partial<ListItem> = {}): ListItem => ({
  deduplicationKeys: [phone(n)],
  fields: [phone(n), field('plan', 'gold')],
  priority: 6,
  ...over,
});
const items = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => item(from + index));

async function start(options: SimulatorOptions = {}) {
  const sim = await startSimulator(options);
  const create = (listId: string, batch: readonly ListItem[]) =>
    sim.cxone.lists.createItems({ listId, items: { count: batch.length, json: JSON.stringify(batch) } });
  async function api(method: string, path: string, body?: unknown) {
    const headers = {
      authorization: `Bearer ${await sim.token('lists')}`,
      'content-type': 'application/json',
    };
    return sim.request(method, path, { headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  }
  async function suppressions() {
    const entries: unknown[] = [];
    const outcome = await sim.cxone.lists.readSuppressions({
      onEntries: (some) => Promise.resolve(void entries.push(...some)),
    });
    return { ...outcome, entries };
  }
  const count = async (listId: string) => (await sim.admin.itemJournal(listId)).length;
  return { ...sim, create, api, suppressions, count };
}

describe('POST items', () => {
  it('creates all of a batch, and the journal has each item in its order', async () => {
    const { api, admin } = await start();
    const { status, body } = await api('POST', PATH, { items: items(1, 500) });
    expect({ status, body }).toEqual({ status: 200, body: { itemsCreated: 500, warnings: [], errors: [] } });
    const journal = await admin.itemJournal('L1');
    expect(journal.map((entry) => entry.item)).toEqual(items(1, 500));
    expect(journal[0]).toEqual({
      n: 1,
      at: expect.any(String) as string,
      family: 'lists',
      action: 'create',
      listId: 'L1',
      requestId: null,
      itemId: 'i1',
      item: item(1),
    });
  });

  it('may leave out the count', async () => {
    const { create } = await start({ countItems: false });
    expect(await create('L1', items(1, 2))).toMatchObject({ kind: 'created', itemsCreated: null });
  });

  it('is atomic: answers a batch with a key that the list has with a 409 that names it, and creates nothing', async () => {
    const { create, count } = await start();
    await create('L1', items(1, 2));
    expect(await create('L1', items(2, 4))).toMatchObject({
      kind: 'duplicates',
      named: [{ index: 0, code: 'DUPLICATE' }],
    });
    expect(await create('L1', [item(5), item(6), item(5)])).toMatchObject({
      kind: 'duplicates',
      named: [{ index: 2, code: 'DUPLICATE' }],
    });
    expect(await count('L1')).toBe(2);
    expect(await create('L2', items(2, 4))).toMatchObject({ kind: 'created', itemsCreated: 3 });
  });

  it('one common key of several is enough, under the same name', async () => {
    const { create } = await start();
    const two = (a: number, b: number): ListItem => {
      const fields = [phone(a), field('phone2', phone(b).value)];
      return { deduplicationKeys: fields, fields, priority: 1 };
    };
    await create('L1', [two(1, 2)]);
    expect(await create('L1', [two(3, 2)])).toMatchObject({ kind: 'duplicates' });
    expect(await create('L1', [two(2, 4)])).toMatchObject({ kind: 'created' });
  });

  it.each([
    [{ naming: 'none' }, { kind: 'duplicates', named: [] }, 2],
    [{ atomic: false }, { kind: 'created', itemsCreated: 2, named: [{ index: 0, code: 'DUPLICATE' }] }, 4],
    [{ refuseDuplicates: false }, { kind: 'created', itemsCreated: 3, named: [] }, 5],
  ] as const)('%j: %j', async (settings, answer, total) => {
    const { create, admin, count } = await start();
    await create('L1', items(1, 2));
    await admin.change(settings);
    expect(await create('L1', items(2, 4))).toMatchObject(answer);
    expect(await count('L1')).toBe(total);
  });

  const LONG = 'x'.repeat(480);
  it.each([
    ['PRIORITY_OUT_OF_RANGE', item(1, { priority: 11 })],
    ['PRIORITY_OUT_OF_RANGE', item(1, { priority: 1.5 })],
    ['FIELDS_INVALID', item(1, { fields: [] })],
    ['FIELDS_INVALID', item(1, { fields: [phone(1), { name: 'n', value: 7 } as never] })],
    ['FIELDS_INVALID', item(1, { fields: [phone(1), field(' ', 'x')] })],
    ['FIELD_REPEATED', item(1, { fields: [phone(1), field('a', '1'), field('a', '2')] })],
    ['ROW_TOO_LONG', item(1, { fields: [phone(1), field('a', LONG), field('b', 'y'.repeat(21))] })],
    ['PHONE_NOT_E164', item(1, { fields: [phone(1), field('phone_number', '4155550101')] })],
    ['KEYS_MISSING', item(1, { deduplicationKeys: [] })],
    ['KEY_NOT_A_FIELD', item(1, { deduplicationKeys: [phone(2)] })],
    ['UNKNOWN_PART', { ...item(1), score: 60 } as ListItem],
    ['NUMBER_BLOCKED', item(9)],
    ['NOT_AN_OBJECT', 7 as never],
  ])('refuses %s, and creates nothing of the batch', async (code, wrong) => {
    const { create, admin, count } = await start({ blockedNumbers: [phone(9).value] });
    const answer = await create('L1', [item(2), wrong]);
    expect(answer).toMatchObject({ kind: 'refused' });
    expect(answer.named).toContainEqual(expect.objectContaining({ index: 1, code, severity: 'error' }));
    await admin.change({ naming: 'none' });
    expect(await create('L1', [item(2), wrong])).toMatchObject({ kind: 'refused', named: [] });
    expect(await count('L1')).toBe(0);
  });

  it('takes 512 characters in a row, and 1 to 500 items', async () => {
    const { create, api } = await start();
    const longest = item(1, { fields: [phone(1), field('a', LONG), field('b', 'y'.repeat(20))] });
    expect(await create('L1', [longest])).toMatchObject({ kind: 'created' });
    for (const batch of [[], items(1, 501)])
      expect((await api('POST', PATH, { items: batch })).status).toBe(400);
  });
});

describe('campaigns', () => {
  it('on first use a campaign counts every list', async () => {
    const { create, cxone } = await start();
    await create('L1', items(1, 3));
    await create('L2', items(1, 2));
    expect(await cxone.lists.getCampaign({ campaignId: 'C1' })).toEqual({
      currentListSize: 5,
      maxListSize: 100_000,
      listCapacity: null,
    });
  });

  it('a seeded one counts its lists beside the size that it has', async () => {
    const { create, cxone, admin } = await start();
    await admin.seedCapacity('C1', {
      currentListSize: 10,
      maxListSize: null,
      listCapacity: 0,
      lists: ['L1'],
    });
    await create('L1', items(1, 3));
    await create('L2', items(1, 2));
    const read = () => cxone.lists.getCampaign({ campaignId: 'C1' });
    expect(await read()).toEqual({ currentListSize: 13, maxListSize: null, listCapacity: 0 });
    await admin.seedCapacity('C1', { currentListSize: null });
    expect(await read()).toEqual({ currentListSize: null, maxListSize: null, listCapacity: 0 });
    expect(await admin.campaignCapacity('C1')).toEqual({ id: 'C1', listCapacity: 0 });
  });

  it('with strictLists, a campaign or list that nobody has created is a 404', async () => {
    const { api, admin } = await start({ strictLists: true });
    const statuses = async () => [
      (await api('GET', '/api/v2/campaigns/C1')).status,
      (await api('POST', PATH, { items: [item(1)] })).status,
    ];
    expect(await statuses()).toEqual([404, 404]);
    await admin.seedCapacity('C1', { lists: ['L1'] });
    expect(await statuses()).toEqual([200, 200]);
  });
});

describe('suppressions', () => {
  it('a new tenant has a few; more can be added, or all replaced', async () => {
    const { admin, suppressions } = await start();
    expect((await suppressions()).entries).toHaveLength(11);
    await admin.seedSuppressions({ entries: [{ contactId: 'c1' }] });
    expect((await suppressions()).entries[11]).toEqual({ contactId: 'c1' });
    await admin.seedSuppressions({ replace: true, entries: [{ phoneNumber: '1' }, {}] });
    expect(await suppressions()).toEqual({ isComplete: true, entries: [{ phoneNumber: '1' }, {}] });
    await admin.seedSuppressions({ replace: true });
    expect(await suppressions()).toEqual({ isComplete: true, entries: [] });
  });

  it.each([1, 7, 100])('in pages of %i they are the same as in one answer', async (suppressionsPerPage) => {
    const { admin, suppressions } = await start({ suppressionsPerPage });
    await admin.seedSuppressions({ replace: true, entries: [{ contactId: 'c1' }], generated: { count: 20 } });
    const whole = await suppressions();
    await admin.change({ suppressionsAs: 'pages' });
    expect(await suppressions()).toEqual(whole);
    expect(whole.entries).toHaveLength(21);
  });

  it('100,000 generated ones are all different, phones and addresses, and the same for the same seed', async () => {
    const { admin, suppressions } = await start();
    await admin.seedSuppressions({ replace: true, generated: { count: 100_000, seed: 7 } });
    const { entries, isComplete } = await suppressions();
    expect(isComplete).toBe(true);
    const texts = entries.map((entry) => Object.values(entry as object).join());
    expect(new Set(texts).size).toBe(100_000);
    expect(texts.filter((text) => /^\+1\d{3}[2-9]\d{6}$/.test(text))).toHaveLength(90_000);
    expect(entries[42]).toEqual(generatedSuppression(7, 42));
    expect(generatedSuppression(8, 42)).not.toEqual(generatedSuppression(7, 42));
  });

  it('refuses another status and an unknown cursor', async () => {
    const { api } = await start({ suppressionsAs: 'pages' });
    const path = '/api/v2/compliance/suppressions';
    expect((await api('GET', path)).status).toBe(400);
    expect((await api('GET', `${path}?status=ALL`)).status).toBe(400);
    expect((await api('GET', `${path}?status=ACTIVE&cursor=x`)).status).toBe(400);
  });

  it.each([true, 'cut'] as const)('an answer can be cut off: %s', async (truncate) => {
    const { admin, suppressions } = await start({
      faults: [{ fault: { truncate }, match: { method: 'GET' } }],
    });
    await admin.seedSuppressions({ replace: true, generated: { count: 10_000 } });
    const { entries, isComplete } = await suppressions();
    expect(isComplete).toBe(false);
    expect(entries.length).toBeGreaterThan(1_000);
    expect(entries.length).toBeLessThan(10_000);
  });
});

describe('faults and access', () => {
  it('a lost answer was applied; a repetition names every item', async () => {
    const { impatient, create, admin, count } = await start();
    await admin.setFaults([
      { match: { method: 'POST', family: 'lists' }, times: 1, fault: { answerLost: true } },
    ]);
    const lost = impatient.lists.createItems({
      listId: 'L1',
      items: { count: 3, json: JSON.stringify(items(1, 3)) },
    });
    expect(await captureError(lost)).toMatchObject({ reason: 'timeout', applied: 'unknown' });
    expect(await count('L1')).toBe(3);
    expect((await create('L1', items(1, 3))).named.map(({ index }) => index)).toEqual([0, 1, 2]);
  });

  it.each([
    [{ dropRecords: 2 }, 1],
    [{ underreport: 2 }, 3],
  ])('fewer created than sent, and nobody is named: %j', async (fault, total) => {
    const { create, count } = await start({
      faults: [{ match: { family: 'lists', method: 'POST' }, fault }],
    });
    expect(await create('L1', items(1, 3))).toMatchObject({ kind: 'created', itemsCreated: 1, named: [] });
    expect(await count('L1')).toBe(total);
  });

  it('an empty batch is a probe, which uses up no fault', async () => {
    const faults = [{ match: { family: 'lists' }, times: 1, fault: { status: 503 } }] as const;
    const { cxone, create, admin } = await start({ faults });
    await cxone.lists.probe({ listId: 'L1' });
    expect(await captureError(create('L1', items(1, 1)))).toMatchObject({ status: 503 });
    expect((await admin.stats()).requests).toMatchObject({
      'POST /api/v2/lists/:listId/items (without records)': { 400: 1 },
      'POST /api/v2/lists/:listId/items': { 503: 1 },
    });
  });

  it.each([
    ['lists:write', 'POST', PATH],
    ['campaigns:read', 'GET', '/api/v2/campaigns/C1'],
    ['compliance:read', 'GET', '/api/v2/compliance/suppressions?status=ACTIVE'],
  ])('needs the scope %s for %s %s', async (scope, method, path) => {
    const { api, admin } = await start();
    const body = method === 'POST' ? { items: [item(1)] } : undefined;
    expect((await api(method, path, body)).status).toBe(200);
    await admin.change({ withheldScopes: [scope] });
    expect((await api(method, path, body)).status).toBe(403);
  });

  it('a restarted one continues with its items, campaigns and suppressions', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cxflow-lists-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const journalPath = join(folder, 'journal.ndjson');
    const first = await start({ journalPath });
    await first.admin.seedCapacity('C1', { currentListSize: 5, maxListSize: 9, lists: ['L1'] });
    await first.admin.seedItems('L1', items(1, 1));
    await first.create('L1', items(2, 3));
    await first.admin.seedSuppressions({ replace: true, entries: [{}], generated: { count: 2 } });
    const before = await first.admin.itemJournal();
    const list = await first.suppressions();
    await first.simulator.close();
    const second = await start({ journalPath });
    expect(await second.admin.itemJournal()).toEqual(before);
    expect(await second.suppressions()).toEqual(list);
    expect(await second.admin.campaignCapacity('C1')).toEqual({
      id: 'C1',
      currentListSize: 8,
      maxListSize: 9,
    });
    expect(await second.create('L1', items(1, 4))).toMatchObject({ kind: 'duplicates' });
    await second.create('L1', items(4, 4));
    expect((await second.admin.itemJournal('L1')).map(({ itemId }) => itemId)).toEqual([
      'i2',
      'i3',
      'i4',
      'i6',
    ]);
  });
});
