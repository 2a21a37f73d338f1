import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ListItem } from '../../src/cxone/lists.ts';
import { captureError } from '../cxone/vendor.ts';
import { field, item, items, PATH, phone, startLists as start } from './lists-stand.ts';

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
