/** Campaigns on the wire: what leaves, byte for byte, and what each answer means. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { UpdateSelectionRequest } from '../../src/cxone/outbound.ts';
import { errorOf, json, startVendor, type Vendor } from './vendor.ts';

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
  it('gives the version, the ETag, the selection with its defaults, and the document as it came', async () => {
    vendor.answer(json(200, DOCUMENT, { etag: '"abc"' }));
    expect(await read()).toEqual({
      version: 4,
      etag: '"abc"',
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

  it('a campaign without a selection has an empty one', async () => {
    vendor.answer(json(200, { version: 1 }));
    expect((await read()).selection).toMatchObject({ targetListIds: [], filterRules: [] });
  });

  it.each([
    ['no version', { contactSelection: {} }],
    ['a version that is no whole number', { version: 1.5 }],
    ['lists that are none', { version: 1, contactSelection: { targetListIds: 'L1' } }],
    ['no object', ['version']],
  ])('%s is unreadable, and nothing was changed by asking', async (_, body) => {
    vendor.answer(json(200, body));
    expect(await errorOf(read())).toMatchObject({ name: 'CxoneUnreadable', status: 200 });
  });
});

describe('writing a selection', () => {
  it('sends the whole document with only the selection changed, guarded by its version', async () => {
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

  it.each([409, 412])('%i: somebody else wrote, which is a value and no error', async (status) => {
    vendor.answer(json(status, { message: 'old' }));
    expect(await update()).toMatchObject({ kind: 'outdated', status });
  });

  it.each([
    [400, { message: 'unknown field age' }, 'unknown field age'],
    [422, 'nothing', 'refused (422)'],
  ])("%i is refused, with CXone's words where it has some", async (status, body, message) => {
    vendor.answer(json(status, body));
    expect(await update()).toMatchObject({ kind: 'refused', status, message });
  });

  it.each([
    ['a measure that is none', { 'x-request-duration-ms': 'fast' }],
    ['no measure', {}],
  ])('%s is null', async (_, headers) => {
    vendor.answer(json(200, { ...DOCUMENT, version: 5 }, headers));
    expect(await update()).toMatchObject({ durationMs: null });
  });

  it('an answer that never comes, or says nothing, may have been carried out', async () => {
    const hurried = vendor.cxone({ deadlines: { campaignMs: 200 } });
    vendor.answer(() => undefined);
    expect(await errorOf(hurried.outbound.updateSelection(REQUEST))).toMatchObject({ applied: 'unknown' });
    vendor.answer(json(200, { ok: true }));
    expect(await errorOf(update())).toMatchObject({ name: 'CxoneUnreadable', applied: 'unknown' });
    vendor.answer(json(503, {}));
    expect(await errorOf(update())).toMatchObject({ name: 'CxoneUnavailable', applied: 'unknown' });
  });

  it('a lease that ran out keeps the request from leaving', async () => {
    const stop = () => {
      throw new Error('the lease ran out');
    };
    await expect(update({ beforeSend: stop })).rejects.toThrow('the lease ran out');
    expect(vendor.api).toEqual([]);
  });

  it('403 names the scopes, 404 says so', async () => {
    vendor.answer(json(403, {}));
    expect(await errorOf(update())).toMatchObject({ name: 'CxoneForbidden', family: 'outbound' });
    vendor.answer(json(404, {}));
    expect(await errorOf(update())).toMatchObject({ name: 'CxoneNotFound' });
  });
});
