import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CxoneForbidden,
  CxoneNotFound,
  CxoneRateLimited,
  CxoneRefused,
  CxoneUnavailable,
  CxoneUnreadable,
} from '../../src/cxone/errors.ts';
import { CREATED, captureError, json, LIST, RECORD, startVendor, TOKEN, type Vendor } from './vendor.ts';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

const create = () => vendor.cxone().contactLists.createRecords(LIST);
const update = () =>
  vendor.cxone().contactLists.updateRecord({ listId: 'L1', recordId: 'r/1', record: RECORD });

describe('createRecords', () => {
  it('sends the records as documented, with the token and a request id', async () => {
    const answer = await create();
    const [seen] = vendor.api;
    expect(seen).toMatchObject({ method: 'POST', url: '/api/v2/contactlists/L1/records' });
    expect(JSON.parse(seen?.body ?? '')).toEqual({ records: [RECORD] });
    expect(seen?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
    });
    expect(answer).toMatchObject({
      kind: 'created',
      recordsCreated: 1,
      requestId: seen?.headers['x-request-id'],
    });
  });

  it('ids that are numbers arrive with all their digits', async () => {
    const [contactId, recordId] = ['12345678901234567891', '900719925474099301'];
    const entry = `{"index":0,"contactId":${contactId},"recordId":${recordId},"code":"DUPLICATE"}`;
    vendor.answer((_req, res) => void res.writeHead(409).end(`{"message":"x","warnings":[${entry}]}`));
    const records = [{ ...RECORD, contactId }];
    expect(await vendor.cxone().contactLists.createRecords({ listId: 'L1', records })).toMatchObject({
      kind: 'duplicates',
      named: [{ index: 0, contactId, recordId }],
      notes: ['x'],
    });
  });

  it('a 409 names the duplicates', async () => {
    const warnings = [{ index: 0, contactId: RECORD.contactId, recordId: 'r7', code: 'DUPLICATE' }];
    vendor.answer(json(409, { message: 'duplicates', warnings }));
    expect(await create()).toMatchObject({
      kind: 'duplicates',
      named: [{ index: 0, recordId: 'r7', code: 'DUPLICATE' }],
      notes: ['duplicates'],
    });
  });

  it("an answer has CXone's id, as text or as a number, and warnings that name no record", async () => {
    vendor.answer(json(200, { id: 'a-1', recordsCreated: 1, warnings: ['list is nearly full'], errors: [] }));
    expect(await create()).toMatchObject({ kind: 'created', id: 'a-1', notes: ['list is nearly full'] });
    vendor.answer(json(200, { id: 7, recordsCreated: 1 }));
    expect(await create()).toMatchObject({ kind: 'created', id: '7', notes: [] });
    vendor.answer(json(409, { message: 'the list is locked' }));
    expect(await create()).toMatchObject({ kind: 'duplicates', id: null, notes: ['the list is locked'] });
  });

  it.each([400, 422])('a %i names the records that are wrong', async (status) => {
    vendor.answer(json(status, { message: 'no', errors: [{ index: 0, code: 'X', field: 'f' }, 'and more'] }));
    expect(await create()).toMatchObject({
      kind: 'refused',
      status,
      message: 'no',
      named: [{ index: 0, code: 'X', field: 'f', severity: 'error' }],
      notes: ['no', 'and more'],
    });
  });

  it('an unreadable refusal is no answer, since it may have named records; nothing was applied', async () => {
    vendor.answer((_req, res) => void res.writeHead(409).end('<html>conflict'));
    await expect(create()).rejects.toMatchObject({ name: 'CxoneUnreadable', status: 409, applied: 'no' });
  });

  it('a refusal with an empty body names nobody', async () => {
    vendor.answer((_req, res) => void res.writeHead(409).end());
    expect(await create()).toMatchObject({ kind: 'duplicates', named: [] });
  });

  it.each([0, 101])('throws RangeError for a batch of %i records', async (length) => {
    const records = Array.from({ length }, () => RECORD);
    await expect(vendor.cxone().contactLists.createRecords({ ...LIST, records })).rejects.toThrow(RangeError);
    expect(vendor.api).toEqual([]);
  });

  it.each(['', '.', '..'])('refuses the list id "%s", which would lead to another path', async (listId) => {
    const error = await captureError(vendor.cxone().contactLists.createRecords({ ...LIST, listId }));
    expect(error).toBeInstanceOf(CxoneRefused);
    expect(vendor.api).toEqual([]);
  });

  it('encodes an id as one path segment', async () => {
    await vendor.cxone().contactLists.createRecords({ ...LIST, listId: '../x?y#z/ä' });
    expect(vendor.api[0]?.url).toBe('/api/v2/contactlists/..%2Fx%3Fy%23z%2F%C3%A4/records');
  });
});

describe('updateRecord', () => {
  it('sends the record, and accepts a 200 that is empty or readable', async () => {
    for (const body of ['', '{"id":"r/1"}']) {
      vendor.answer((_req, res) => void res.end(body));
      expect(await update()).toEqual({ kind: 'updated' });
    }
    expect(vendor.api[0]).toMatchObject({ method: 'PUT', url: '/api/v2/contactlists/L1/records/r%2F1' });
  });

  it.each([400, 404, 409, 422])('%i is a refusal of this record', async (status) => {
    vendor.answer(json(status, { message: 'why' }));
    expect(await update()).toEqual({ kind: 'refused', status, message: 'why', named: [] });
  });

  it('what a refusal says in detail is about the one record, whatever it names', async () => {
    const errors = [{ index: 3, contactId: 'another', code: 'X', field: 'f', message: 'm' }, 'and more'];
    vendor.answer(json(400, { message: 'why', errors }));
    expect(await update()).toMatchObject({
      kind: 'refused',
      named: [
        { index: 0, code: 'X', field: 'f', message: 'm', severity: 'error' },
        { index: 0, code: 'UNSPECIFIED', message: 'and more' },
      ],
    });
  });

  it('a truncated answer or a login page is not a success', async () => {
    vendor.answer((_req, res) => void res.end('<html>Sign in'));
    expect(await captureError(update())).toBeInstanceOf(CxoneUnreadable);
  });
});

describe('answers that are errors', () => {
  it.each([
    [403, CxoneForbidden, 'no'],
    [404, CxoneNotFound, 'no'],
    [413, CxoneRefused, 'no'],
    [429, CxoneRateLimited, 'no'],
    [408, CxoneUnavailable, 'unknown'],
    [500, CxoneUnavailable, 'unknown'],
    [503, CxoneUnavailable, 'unknown'],
    ...[301, 302, 303, 304, 307, 308].map((status) => [status, CxoneRefused, 'unknown'] as const),
    ...[402, 405, 406, 410, 412, 414, 415, 418, 451, 499].map(
      (status) => [status, CxoneRefused, 'unknown'] as const,
    ),
  ] as const)('%i is a %o, applied: %s', async (status, type, applied) => {
    vendor.answer(json(status, { message: 'x' }));
    const error = await captureError(create());
    expect(error).toBeInstanceOf(type);
    const url = `${vendor.url}/api/v2/contactlists/L1/records`;
    const requestId = vendor.api[0]?.headers['x-request-id'];
    expect(error).toMatchObject({ family: 'contactlists', verb: 'POST', url, status, requestId, applied });
    expect(vendor.api).toHaveLength(1);
  });

  it('does not follow redirects, so the token goes nowhere else', async () => {
    const other = await startVendor();
    vendor.answer((_req, res) => void res.writeHead(307, { location: `${other.url}/api` }).end());
    expect(await captureError(create())).toBeInstanceOf(CxoneRefused);
    expect(other.api).toEqual([]);
    await other.close();
  });

  it('429 and 503 carry the time to wait', async () => {
    vendor.answer(json(429, {}, { 'retry-after': '7' }));
    expect(await captureError(create())).toMatchObject({ retryAfterMs: 7_000 });
    const [date, later] = ['Sat, 21 Nov 2026 12:00:00 GMT', 'Sat, 21 Nov 2026 12:00:09 GMT'];
    vendor.answer(json(503, {}, { 'retry-after': later, date }));
    expect(await captureError(create())).toMatchObject({ retryAfterMs: 9_000 });
    vendor.answer(json(429, {}));
    expect(await captureError(create())).toMatchObject({ retryAfterMs: null });
  });

  it('a 403 names the scopes of the family', async () => {
    vendor.answer(json(403, {}));
    const error = await captureError(create());
    expect(String(error)).toContain('contactlists:write contactlists:read');
  });

  it.each([
    ['no JSON', '{"id":"b1","recordsCreated":1,"war'],
    ['a login page', '<html>Sign in</html>'],
    ['another shape', '{"ok":true}'],
    ['a list', '[]'],
    ['nothing', ''],
    ['NaN', '{"recordsCreated":NaN}'],
    ['more than was sent', '{"recordsCreated":2}'],
  ])('a 200 with %s may have been applied', async (_, body) => {
    vendor.answer((_req, res) => void res.end(body));
    const error = await captureError(create());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ status: 200, applied: 'unknown' });
  });

  it('accepts a byte order mark', async () => {
    vendor.answer((_req, res) => void res.end(`\uFEFF${JSON.stringify(CREATED)}`));
    expect(await create()).toMatchObject({ kind: 'created' });
  });
});

describe('onRequest', () => {
  it('receives the path template, never the ids', async () => {
    await create();
    expect(vendor.facts).toEqual([
      expect.objectContaining({ family: 'contactlists', verb: 'POST', path: '/oauth2/token', status: 200 }),
      expect.objectContaining({ path: '/api/v2/contactlists/{listId}/records', status: 200 }),
    ]);
  });
});
