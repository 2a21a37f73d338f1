import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CxoneNotFound, CxoneRateLimited, CxoneUnreadable } from '../../src/cxone/errors.ts';
import type { ListItem } from '../../src/cxone/lists.ts';
import { captureError, type Handler, json, startVendor, TOKEN, type Vendor } from './vendor.ts';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

const PHONE = { name: 'phone_number', value: '+14155550101' };
const ITEM: ListItem = { deduplicationKeys: [PHONE], fields: [PHONE], priority: 6 };
const serialize = (count: number) => ({ count, json: JSON.stringify(Array<ListItem>(count).fill(ITEM)) });
const create = (count = 3) => vendor.cxone().lists.createItems({ listId: 'L 1', items: serialize(count) });
const capacity = () => vendor.cxone().lists.getCampaign({ campaignId: 'C1' });

describe('getCampaign', () => {
  it('reads the size and the maximum under either name; what is missing is null', async () => {
    vendor.answer(json(200, { id: 'C1', currentListSize: 70, maxListSize: 0 }));
    expect(await capacity()).toEqual({ currentListSize: 70, maxListSize: 0, listCapacity: null });
    expect(vendor.api[0]).toMatchObject({ method: 'GET', url: '/api/v2/campaigns/C1' });
    vendor.answer(json(200, { id: 'C1', currentListSize: null, listCapacity: 500 }));
    expect(await capacity()).toEqual({ currentListSize: null, maxListSize: null, listCapacity: 500 });
  });

  it.each(['12', -1, 1.5, true])('a size that is no count (%j) is unreadable', async (currentListSize) => {
    vendor.answer(json(200, { id: 'C1', currentListSize, maxListSize: 9 }));
    const error = await captureError(capacity());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ message: expect.stringContaining('currentListSize') as string });
  });

  it('a campaign that CXone does not have is not found', async () => {
    vendor.answer(json(404, { message: 'no' }));
    expect(await captureError(capacity())).toBeInstanceOf(CxoneNotFound);
  });
});

describe('createItems', () => {
  it('sends the text as it is, and the answer says how many were created', async () => {
    vendor.answer(json(201, { itemsCreated: 3, warnings: [], errors: [] }));
    expect(await create()).toEqual({
      kind: 'created',
      status: 201,
      requestId: vendor.api[0]?.headers['x-request-id'],
      itemsCreated: 3,
      named: [],
      notes: [],
    });
    expect(vendor.api[0]).toMatchObject({
      method: 'POST',
      url: '/api/v2/lists/L%201/items',
      body: `{"items":${serialize(3).json}}`,
    });
    expect(vendor.api[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it.each([
    [200, '{}'],
    [200, '{"message":null}'],
    [201, ''],
    [204, ''],
  ])('an accepted batch may have no count: %i %s', async (status, body) => {
    vendor.answer((_req, res) => void res.writeHead(status).end(body));
    expect(await create()).toMatchObject({ kind: 'created', itemsCreated: null, named: [], notes: [] });
  });

  it('a 200 without a body may come from a proxy, and says nothing', async () => {
    vendor.answer((_req, res) => void res.writeHead(200).end(' '));
    const error = await captureError(create());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ status: 200, applied: 'unknown' });
  });

  it('a 409 names the items that the list has', async () => {
    vendor.answer(json(409, { message: 'conflict', conflicts: [{ index: 0 }, { index: 2, code: 'KEY' }] }));
    expect(await create()).toMatchObject({
      kind: 'duplicates',
      named: [
        { index: 0, code: 'DUPLICATE', severity: 'warning', field: null, message: null },
        { index: 2, code: 'KEY', severity: 'warning' },
      ],
      notes: ['conflict'],
    });
  });

  it.each([400, 422])('a %i names the items that are wrong', async (status) => {
    const errors = [{ index: 1, code: 'X', field: 'f', message: 'no' }, 'and more'];
    vendor.answer(json(status, { message: 'refused', errors }));
    expect(await create()).toMatchObject({
      kind: 'refused',
      status,
      message: 'refused',
      named: [{ index: 1, code: 'X', field: 'f', message: 'no', severity: 'error' }],
      notes: ['refused', 'and more'],
    });
  });

  it.each([400, 409, 422])('a %i that is cut off is no answer; nothing was created', async (status) => {
    vendor.answer((_req, res) => void res.writeHead(status).end('{"message":"no","conflicts":[{"ind'));
    const error = await captureError(create());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ status, applied: 'no' });
  });

  it('an entry that names no item of the request is a note', async () => {
    const conflicts = [
      { index: 3 },
      { index: -1, message: 'm' },
      { index: 0.5, code: 'c' },
      { code: 'none' },
    ];
    vendor.answer(json(409, { conflicts }));
    const notes = ['an entry that matches no item', 'm', 'c', 'none'];
    expect(await create()).toMatchObject({ kind: 'duplicates', named: [], notes });
  });

  it('every item of a full batch may be named more than once', async () => {
    const errors = Array.from({ length: 1_500 }, (_, n) => ({ index: n % 500, code: `C${n}` }));
    vendor.answer(json(400, { errors }));
    expect((await create(500)).named).toHaveLength(1_500);
  });

  it.each([
    ['more items than were sent', json(200, { itemsCreated: 4 })],
    ['a login page', (_req, res) => void res.writeHead(200).end('<html></html>')],
    ['half of an answer', (_req, res) => void res.writeHead(200).end('{"itemsCrea')],
  ] satisfies readonly [string, Handler][])('%s: it may have been applied', async (_, handler) => {
    vendor.answer(handler);
    const error = await captureError(create());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ applied: 'unknown' });
  });

  it.each([0, 501])('refuses a batch of %i items', async (count) => {
    expect(await captureError(create(count))).toBeInstanceOf(RangeError);
    expect(vendor.api).toEqual([]);
  });

  it('the probe sends no items, and a refusal is an answer', async () => {
    vendor.answer(json(400, { message: 'no items' }));
    await vendor.cxone().lists.probe({ listId: 'L1' });
    expect(vendor.api[0]?.body).toBe('{"items":[]}');
    vendor.answer(json(429, {}, { 'retry-after': '7' }));
    const error = await captureError(vendor.cxone().lists.probe({ listId: 'L1' }));
    expect(error).toBeInstanceOf(CxoneRateLimited);
    expect(error).toMatchObject({ retryAfterMs: 7_000 });
  });
});
