/** Requests for campaigns byte by byte, and what each answer means. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CxoneUnreadable } from '../../src/cxone/errors.ts';
import type { UpdateSelectionRequest } from '../../src/cxone/outbound.ts';
import { captureError, json, startVendor, type Vendor } from './vendor.ts';

const DOCUMENT = {
  id: 'C 1',
  version: 4,
  name: 'Spring',
  contactSelection: { targetListIds: ['L1'], sampling: { rate: 0.5 } },
  dialling: { attempts: [1, 2], window: null },
};
const SELECTION = { targetListIds: ['L2'], exclusionListIds: ['X'], filterRules: [], priorityOrder: ['a'] };
const REQUEST: UpdateSelectionRequest = {
  campaignId: 'C 1',
  document: DOCUMENT,
  version: 4,
  selection: SELECTION,
};

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

const read = () => vendor.cxone().outbound.readCampaign({ campaignId: 'C 1' });
const update = (more: Partial<UpdateSelectionRequest> = {}) =>
  vendor.cxone().outbound.updateSelection({ ...REQUEST, ...more });

describe('reading a campaign', () => {
  it('returns version, the selection with defaults, and the document as received, with or without an ETag', async () => {
    vendor.answer(json(200, DOCUMENT, { etag: '"abc"' }));
    expect(await read()).toEqual({
      version: 4,
      selection: {
        targetListIds: ['L1'],
        exclusionListIds: [],
        filterRules: [],
        priorityOrder: [],
        sampling: { rate: 0.5 },
      },
      document: DOCUMENT,
    });
    expect(vendor.api.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /api/v2/outbound/campaigns/C%201',
    ]);
  });

  it.each([
    ['a NUL', '"a\\u0000"'],
    ['half of a surrogate pair', '{"b":["\\ud800"]}'],
    ['a key with NUL', '{"a\\u0000":1}'],
    ['a rounded integer', '12345678901234567890'],
    ['a rounded fraction', '0.12345678901234567890'],
    ['an infinite number', '1e999'],
    ['a key that is there twice', '{"b":1,"b":2}'],
    ['very deep lists', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
  ])('does not read a document with %s, which could not be sent back as it is', async (_, value) => {
    for (const document of [
      `{"version":4,"name":${value}}`,
      `{"version":4,"contactSelection":{"filterRules":[{"field":"a","operator":"eq","value":${value}}]}}`,
    ]) {
      vendor.answer((_req, res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end(document);
      });
      expect(await captureError(read())).toBeInstanceOf(CxoneUnreadable);
    }
  });

  it('says where a document cannot be kept', async () => {
    const rule = (value: unknown) => ({ field: 'age', operator: 'gte', value });
    let deep: unknown = 1;
    for (let depth = 0; depth < 120; depth += 1) deep = { a: deep };
    for (const [document, what] of [
      [
        { version: 4, contactSelection: { filterRules: [rule(1), rule('\0')] } },
        'contactSelection.filterRules.1.value has NUL',
      ],
      [{ version: 4, notes: { 'a\0b': 1 } }, 'notes has a key with NUL'],
      [{ version: 4, limits: { 'x\0': 2 ** 60 } }, 'limits has a key with NUL'],
      [{ version: 4, limits: [1, 2 ** 60] }, 'limits.1 is a number that cannot be kept exactly'],
      [{ version: 4, deep }, 'is nested more than 100 levels deep'],
    ] as const) {
      vendor.answer(json(200, document));
      const error = await captureError(read());
      expect(error).toMatchObject({ name: 'CxoneUnreadable', isInexact: true });
      expect((error as Error).message).toContain(what);
      expect((error as Error).message.length).toBeLessThan(500);
    }
    for (const [document, what] of [
      [
        '{"version":4,"rates":[0.5,0.12345678901234567890]}',
        'rates.1 is a number that cannot be kept exactly',
      ],
      ['{"version":4,"a":{"list":["X1"],"list":[]}}', 'a.list is there twice'],
    ] as const) {
      vendor.answer((_req, res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end(document);
      });
      const error = await captureError(read());
      expect(error).toMatchObject({ name: 'CxoneUnreadable', isInexact: true });
      expect((error as Error).message).toContain(what);
    }
    vendor.answer((_req, res) => res.writeHead(200).end('{"version":4,"na'));
    expect(await captureError(read())).toMatchObject({ name: 'CxoneUnreadable', isInexact: false });
  });

  it('is probed with a campaign that nobody has', async () => {
    const { outbound } = vendor.cxone();
    for (const status of [200, 400, 404, 422]) {
      vendor.answer(json(status, { message: 'no such campaign' }));
      await outbound.probe();
    }
    vendor.answer(json(503, {}));
    expect(await captureError(outbound.probe())).toMatchObject({ name: 'CxoneUnavailable' });
    vendor.answer((_req, res) => res.writeHead(200).end('<html>'));
    expect(await captureError(outbound.probe())).toMatchObject({ name: 'CxoneUnreadable' });
    expect([...new Set(vendor.api.map(({ method, url }) => `${method} ${url}`))]).toEqual([
      'GET /api/v2/outbound/campaigns/cxflow-probe',
    ]);
  });

  it('returns an empty selection for a campaign without one', async () => {
    vendor.answer(json(200, { version: 1 }));
    expect((await read()).selection).toMatchObject({ targetListIds: [], filterRules: [] });
  });

  it.each([
    ['no version', { contactSelection: {} }],
    ['a version that is no whole number', { version: 1.5 }],
    ['lists that are none', { version: 1, contactSelection: { targetListIds: 'L1' } }],
    ['no object', ['version']],
    ['a text that cannot be kept, but no version', { status: 'a\0b' }],
  ])('%s is unreadable', async (_, body) => {
    vendor.answer(json(200, body));
    expect(await captureError(read())).toMatchObject({
      ...{ name: 'CxoneUnreadable', status: 200, isInexact: false },
    });
  });
});

describe('writing a selection', () => {
  it('sends the whole document with the new selection and the version', async () => {
    vendor.answer(json(200, { ...DOCUMENT, version: 5 }, { 'x-request-duration-ms': '37.5' }));
    const answer = await update();
    expect(answer).toMatchObject({ kind: 'updated', version: 5, durationMs: 37.5 });
    const [sent] = vendor.api;
    expect(sent).toMatchObject({ method: 'PATCH', url: '/api/v2/outbound/campaigns/C%201' });
    expect(sent?.headers['if-match']).toBe('version=4');
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      ...DOCUMENT,
      contactSelection: { ...SELECTION, sampling: { rate: 0.5 } },
    });
  });

  it.each([409, 412])('%i means that someone else wrote, and is not an error', async (status) => {
    vendor.answer(json(status, { message: 'old' }));
    expect(await update()).toMatchObject({ kind: 'outdated', status, message: 'old' });
  });

  it.each([
    [400, { message: 'unknown field age' }, 'unknown field age'],
    [400, { errors: [{ field: 'age' }] }, '{"errors":[{"field":"age"}]}'],
    [400, { campaign: 1234567890123456 }, '{"campaign":1234567890123456}'],
    [400, {}, 'refused (400)'],
    [422, 'nothing', 'refused (422)'],
  ])('%i is a refusal, with what CXone says about it', async (status, body, message) => {
    vendor.answer(json(status, body));
    expect(await update()).toMatchObject({ kind: 'refused', status, message });
  });

  it.each([
    ['a measure that is none', { 'x-request-duration-ms': 'fast' }],
    ['no measure', {}],
  ])('%s: no duration', async (_, headers) => {
    vendor.answer(json(200, { ...DOCUMENT, version: 5 }, headers));
    expect(await update()).toMatchObject({ durationMs: null });
  });

  it.each([
    ['NUL in another field', { ...DOCUMENT, version: 5, name: 'a\0' }],
    ['a number that is not exact', { ...DOCUMENT, version: 5, dialling: 2 ** 60 }],
    ['lists that are none', { ...DOCUMENT, version: 5, contactSelection: { targetListIds: 7 } }],
  ])('the version in the answer is enough, whatever else is in it: %s', async (_, body) => {
    vendor.answer(json(200, body));
    expect(await update()).toMatchObject({ kind: 'updated', version: 5, selection: null });
  });

  it('without a readable answer the write may have been applied', async () => {
    const hurried = vendor.cxone({ deadlines: { campaignMs: 1_500 } });
    vendor.answer(() => undefined);
    expect(await captureError(hurried.outbound.updateSelection(REQUEST))).toMatchObject({
      applied: 'unknown',
    });
    for (const body of [{ ok: true }, DOCUMENT, { ...DOCUMENT, version: 3 }]) {
      vendor.answer(json(200, body));
      expect(await captureError(update())).toMatchObject({ name: 'CxoneUnreadable', applied: 'unknown' });
    }
    vendor.answer(json(503, {}));
    expect(await captureError(update())).toMatchObject({ name: 'CxoneUnavailable', applied: 'unknown' });
  });

  it('sends nothing if beforeSend throws', async () => {
    const stop = () => {
      throw new Error('the lease ran out');
    };
    await expect(update({ beforeSend: stop })).rejects.toThrow('the lease ran out');
    expect(vendor.api).toEqual([]);
  });

  it('403 names the scopes, 404 is a CxoneNotFound', async () => {
    vendor.answer(json(403, {}));
    expect(await captureError(update())).toMatchObject({ name: 'CxoneForbidden', family: 'outbound' });
    vendor.answer(json(404, {}));
    expect(await captureError(update())).toMatchObject({ name: 'CxoneNotFound' });
  });
});
