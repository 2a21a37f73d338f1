import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CxoneNotFound, CxoneRateLimited, CxoneUnreadable } from '../../src/cxone/errors.ts';
import { captureError, json, raw, startVendor, type Vendor } from './vendor.ts';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

const ADDRESS = 'canary@example.com';
const email = () => vendor.cxone().email;
const suppression = (address = ADDRESS) => email().getSuppression({ address });
const job = (jobId = 'J 1') => email().getJob({ jobId });
const events = () => email().readEvents({ jobId: 'J1', offset: 0 });
const LOGIN = '<html>canary@example.com</html>';

describe('getSuppression', () => {
  it('reads why and since when an address is suppressed', async () => {
    const entry = { email: 'CANARY@example.com ', reason: 'hard_bounce', addedDate: '2026-01-01' };
    vendor.answer(json(200, { results: [entry] }));
    const order: string[] = [];
    const found = await email().getSuppression({
      address: ADDRESS,
      beforeRequest: () => Promise.resolve(void order.push(`asked ${vendor.api.length}`)),
    });
    expect(found).toEqual({ reason: 'hard_bounce', addedDate: '2026-01-01' });
    expect(order).toEqual(['asked 0']);
    expect(vendor.api).toHaveLength(1);
    expect(vendor.api[0]).toMatchObject({
      method: 'GET',
      url: '/v1/communications/email/suppressions?email=canary%40example.com&limit=1',
    });
  });

  it('encodes the address, so that a plus stays a plus', async () => {
    vendor.answer(json(404, {}));
    await suppression('a+b&c@example.com');
    expect(new URL(vendor.api[0]?.url ?? '', vendor.url).searchParams.get('email')).toBe('a+b&c@example.com');
  });

  it.each([
    ['404', json(404, { message: 'none' })],
    ['404 without a body', raw(404, '')],
    ['an empty list', json(200, { results: [] })],
  ])('%s: not suppressed', async (_, handler) => {
    vendor.answer(handler);
    expect(await suppression()).toBeNull();
  });

  it('what it cannot read of the evidence is null, and the address is suppressed', async () => {
    vendor.answer(json(200, { results: [{ email: ADDRESS, reason: 7, addedDate: 1767225600 }] }));
    expect(await suppression()).toEqual({ reason: null, addedDate: '1767225600' });
    vendor.answer(json(200, { results: [{ email: 'x@example.com' }, { email: ADDRESS }] }));
    expect(await suppression()).toEqual({ reason: null, addedDate: null });
  });

  it.each([
    ['an entry about another address', json(200, { results: [{ email: 'x@example.com', reason: 'r' }] })],
    ['an entry about nobody', json(200, { results: [{ reason: 'r' }] })],
    ['another shape', json(200, { result: [] })],
    ['no list', json(200, { results: null })],
    ['a bare text', json(200, 'canary@example.com')],
    ['an empty 200', raw(200, '')],
    ['204', raw(204, '')],
    ['a login page', raw(200, LOGIN)],
    ['the 404 page of a proxy', raw(404, LOGIN)],
    ['half of an answer', raw(200, `{"results":[{"email":"${ADDRESS}","rea`)],
  ])('%s does not say that the person may be contacted', async (_, handler) => {
    vendor.answer(handler);
    const error = await captureError(suppression());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(String(error)).not.toMatch(/canary|x@example/);
  });

  it.each([
    [403, 'CxoneForbidden'],
    [429, 'CxoneRateLimited'],
    [503, 'CxoneUnavailable'],
    [418, 'CxoneRefused'],
  ])('%i is an error', async (status, name) => {
    vendor.answer(json(status, { message: ADDRESS }));
    const error = await captureError(suppression());
    expect(error).toMatchObject({ name, status, applied: 'no' });
    expect(JSON.stringify(error) + String(error)).not.toContain('canary@');
  });
});

describe('getJob', () => {
  it.each([
    ['queued', 'queued'],
    ['Processing ', 'processing'],
    ['COMPLETED', 'completed'],
    ['failed', 'failed'],
    ['cancelled', 'cancelled'],
    ['paused', 'unknown'],
    ['', 'unknown'],
  ])('reads the status %j as %s', async (status, known) => {
    vendor.answer(json(200, { jobId: 'J 1', status, more: {} }));
    expect(await job()).toEqual({ status, known, spamScore: null });
    expect(vendor.api[0]?.url).toBe('/v1/communications/email/jobs/J%201');
  });

  it.each([
    [2.5, 2.5],
    [0, 0],
    ['2.5', null],
    [null, null],
  ])('a spam score of %j is %j', async (spamScore, expected) => {
    vendor.answer(json(200, { status: 'completed', spamScore }));
    expect(await job()).toMatchObject({ spamScore: expected });
  });

  it.each([json(404, { message: 'no such job' }), raw(404, '')])('a 404 is null', async (handler) => {
    vendor.answer(handler);
    expect(await job()).toBeNull();
  });

  it.each([
    ['another job', json(200, { jobId: 'J2', status: 'completed' })],
    ['no status', json(200, { jobId: 'J 1' })],
    ['a status that is no text', json(200, { status: 4 })],
    ['a login page', raw(200, LOGIN)],
    ['the 404 page of a proxy', raw(404, LOGIN)],
    ['half of an answer', raw(200, '{"status":"completed"')],
  ])('%s is unreadable', async (_, handler) => {
    vendor.answer(handler);
    expect(await captureError(job())).toBeInstanceOf(CxoneUnreadable);
  });
});

describe('readEvents', () => {
  const EVENT = {
    eventType: 'bounce',
    eventId: 'e1',
    messageId: 'm1',
    recipientId: 'r1',
    emailAddress: ADDRESS,
    timestamp: '2026-11-28T10:00:00.000+01:00',
    bounceCode: ' 5.1.1 ',
    bounceDescription: 'smtp; 550 5.1.1 no such user',
    bounceType: 'Permanent',
  };
  const NOTHING = { jobId: null, linkUrl: null, method: null, machine: null, isPartial: false };

  it('asks for one page, and keeps the texts as they are', async () => {
    const click = { eventType: 'click', linkUrl: 'https://example.com/?a=1', machine: true, method: 'GET' };
    vendor.answer(json(200, { results: [EVENT, click] }));
    const page = await email().readEvents({ jobId: 'J&1', offset: 2_000, limit: 500 });
    expect(page.count).toBe(2);
    expect(page.events[0]).toEqual({ ...NOTHING, ...EVENT });
    expect(page.events[1]).toMatchObject({ ...click, eventId: null, timestamp: null, isPartial: false });
    expect(vendor.api[0]?.url).toBe(
      '/v1/communications/email/events?jobId=J%261&limit=500&offset=2000&' +
        'eventType=delivery%2Cbounce%2Cdeferred%2Ccomplaint%2Cunsubscribe%2Copen%2Cclick',
    );
  });

  it.each([
    ['a text', 'bounce', { eventType: '', messageId: null }],
    ['null', null, { eventType: '' }],
    ['a list', [EVENT], { eventType: '', eventId: null }],
    ['no type', { ...EVENT, eventType: undefined }, { eventType: '', eventId: 'e1' }],
    ['a type that is no text', { ...EVENT, eventType: {} }, { eventType: '', messageId: 'm1' }],
    [
      'a nested id',
      { ...EVENT, messageId: { id: 1 } },
      { eventType: 'bounce', messageId: null, recipientId: 'r1' },
    ],
    ['a machine that is a text', { ...EVENT, machine: 'yes' }, { machine: null, eventId: 'e1' }],
    ['an id that cannot be stored', { ...EVENT, eventId: 'e\u0000' }, { eventId: null, messageId: 'm1' }],
    ['an id that is far too long', { ...EVENT, eventId: 'e'.repeat(5_000) }, { eventId: null }],
  ])('%s costs only what is wrong with it', async (_, wrong, readable) => {
    vendor.answer(json(200, { results: [EVENT, wrong, EVENT] }));
    const { events: page, count } = await events();
    expect(count).toBe(3);
    expect(page[1]).toMatchObject({ ...readable, isPartial: true });
    expect([page[0], page[2]]).toEqual([
      { ...NOTHING, ...EVENT },
      { ...NOTHING, ...EVENT },
    ]);
  });

  it('reads numbers as texts, and cuts only descriptions', async () => {
    const wide = { ...EVENT, timestamp: 1764324000000, bounceCode: 550, messageId: 12 };
    vendor.answer(json(200, { results: [{ ...wide, bounceDescription: `${'x'.repeat(5_000)}` }] }));
    const [event] = (await events()).events;
    expect(event).toMatchObject({ timestamp: '1764324000000', bounceCode: '550', messageId: '12' });
    expect(event?.bounceDescription).toHaveLength(2_000);
    expect(event?.isPartial).toBe(false);
  });

  it('an unknown type is passed on', async () => {
    vendor.answer(json(200, { results: [{ eventType: 'amp_open', eventId: 'e1' }] }));
    expect((await events()).events).toMatchObject([{ eventType: 'amp_open', isPartial: false }]);
  });

  it('a tenant may have larger pages', async () => {
    vendor.answer(json(200, { results: Array.from({ length: 1_500 }, () => EVENT) }));
    expect((await events()).count).toBe(1_500);
  });

  it.each([
    ['no list', json(200, { results: {} })],
    ['a bare array', json(200, [EVENT])],
    ['a login page', raw(200, LOGIN)],
    ['an empty 200', raw(200, '')],
    ['half of a page', raw(200, `{"results":[${JSON.stringify(EVENT)},{"eventTy`)],
  ])('%s is unreadable: events would be missing', async (_, handler) => {
    vendor.answer(handler);
    const error = await captureError(events());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(String(error)).not.toContain('canary@');
  });

  it('a job that CXone does not know has no events to read', async () => {
    vendor.answer(json(404, {}));
    expect(await captureError(events())).toBeInstanceOf(CxoneNotFound);
  });

  it.each([0, 1_001])('refuses a page of %i', async (limit) => {
    expect(await captureError(email().readEvents({ jobId: 'J1', offset: 0, limit }))).toBeInstanceOf(
      RangeError,
    );
  });
});

describe('probe', () => {
  it('only reads, and a refusal is an answer', async () => {
    for (const status of [400, 404, 422]) {
      vendor.answer(json(status, {}));
      await email().probe();
    }
    expect(vendor.api.every(({ method, body }) => method === 'GET' && body === '')).toBe(true);
    vendor.answer(json(429, {}, { 'retry-after': '7' }));
    const error = await captureError(email().probe());
    expect(error).toBeInstanceOf(CxoneRateLimited);
    expect(error).toMatchObject({ retryAfterMs: 7_000 });
  });
});
