import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CxoneForbidden, CxoneUnreadable } from '../../src/cxone/errors.ts';
import { matchPreferences, matchResults } from '../../src/cxone/named-preferences.ts';
import type { PreferenceItem } from '../../src/cxone/preferences.ts';
import { PREFERENCES_BODY } from '../harness/tutorial-samples.ts';
import { captureError, json, startVendor, type Vendor } from './vendor.ts';

const ANNA = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';
const BEN = 'b2c3d4e5-f6a7-8901-bcde-f12345678901';

/** The tutorial's item, completed as its schema requires. */
const ITEM = { ...PREFERENCES_BODY[0], updatedAt: '2024-01-15T10:30:00.000Z' } as PreferenceItem;
const OTHER: PreferenceItem = { ...ITEM, contactId: BEN, channel: 'sms' };
const RESULT = { id: 'pref-1', contactId: ANNA, channel: 'email', optIn: true, status: 'updated' };
const STORED = { ...ITEM, id: 'pref-1' };

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

const update = (items: readonly PreferenceItem[] = [ITEM]) =>
  vendor.cxone().preferences.updateBatch({ items, idempotencyKey: 'key-1' });
const find = (contactId = ANNA) => vendor.cxone().preferences.find({ contactId, channel: 'email' });

describe('ids that are numbers', () => {
  const ID = '900719925474099301';
  const withoutQuotes = (body: unknown) => JSON.stringify(body).replaceAll(`"${ID}"`, ID);
  const send = (status: number, body: unknown) =>
    vendor.answer((_req, res) => void res.writeHead(status).end(withoutQuotes(body)));

  it('arrive with all their digits in the results of a batch', async () => {
    send(200, [{ ...RESULT, id: ID }]);
    expect(await update()).toMatchObject({ kind: 'updated', results: [{ id: ID }] });
  });

  it('arrive with all their digits in a stored preference', async () => {
    send(200, { ...STORED, id: ID });
    expect(await find()).toMatchObject({ id: ID });
  });

  it('name nobody else where a contact is named by one', async () => {
    send(409, { message: 'x', conflicts: [{ index: 0, contactId: ID, message: 'm' }] });
    expect(await update()).toMatchObject({ kind: 'conflicts', conflicts: [] });
  });
});

describe('updateBatch', () => {
  it('sends a plain array with the idempotency key and the conflict resolution', async () => {
    vendor.answer(json(200, [{ ...RESULT, conflictResolved: false }]));
    const answer = await update();
    const [seen] = vendor.api;
    expect(seen).toMatchObject({ method: 'POST', url: '/api/v2/preferences/batch' });
    expect(JSON.parse(seen?.body ?? '')).toEqual([ITEM]);
    expect(seen?.headers).toMatchObject({
      'x-idempotency-key': 'key-1',
      'x-conflict-resolution': 'timestamp-wins',
    });
    const requestId = seen?.headers['x-request-id'];
    const results = [{ index: 0, ...RESULT, conflictResolved: false }];
    expect(answer).toEqual({ kind: 'updated', status: 200, requestId, results, notes: [] });
  });

  it('reads a status in capitals like one in small letters', async () => {
    vendor.answer(json(200, [{ ...RESULT, status: 'Unchanged' }]));
    expect(await update()).toMatchObject({ results: [{ status: 'unchanged' }] });
  });

  it('sends the same bytes whatever the order of the fields', async () => {
    vendor.answer(json(200, [RESULT]));
    const shuffled = Object.fromEntries(Object.entries(ITEM).reverse()) as unknown as PreferenceItem;
    await update([ITEM]);
    await update([shuffled]);
    expect(vendor.api[1]?.body).toBe(vendor.api[0]?.body);
  });

  it('matches results by contact and channel, in any order and case', async () => {
    const other = { ...RESULT, id: 7, contactId: BEN.toUpperCase(), channel: 'sms', conflictResolved: true };
    vendor.answer(json(200, [other, RESULT]));
    const results = [
      { index: 0, id: 'pref-1', conflictResolved: false },
      { index: 1, id: '7', conflictResolved: true },
    ];
    expect(await update([ITEM, OTHER])).toMatchObject({ kind: 'updated', results });
  });

  it('ignores results for unknown contacts, and leaves items without a result out', async () => {
    vendor.answer(json(200, [{ ...RESULT, channel: 'voice' }]));
    expect(await update()).toMatchObject({ kind: 'updated', results: [], notes: [expect.any(String)] });
  });

  it('a 409 names the conflicts', async () => {
    const conflicts = [{ index: 1, contactId: BEN, channel: 'sms' }];
    vendor.answer(json(409, { message: 'conflict', conflicts }));
    expect(await update([ITEM, OTHER])).toMatchObject({
      kind: 'conflicts',
      status: 409,
      message: 'conflict',
      notes: ['conflict'],
      conflicts: [{ index: 1, code: 'UNSPECIFIED' }],
    });
  });

  it.each([400, 422])('a %i names the items that are wrong', async (status) => {
    const errors = [{ index: 0, code: 'X', field: 'source', message: 'too long' }, 'and more'];
    vendor.answer(json(status, { message: 'no', errors }));
    expect(await update()).toMatchObject({
      kind: 'refused',
      status,
      named: [{ index: 0, code: 'X', field: 'source', message: 'too long' }],
      notes: ['no', 'and more'],
    });
  });

  it('an unreadable refusal is no answer, since it may have named items; nothing was applied', async () => {
    vendor.answer((_req, res) => void res.writeHead(409).end('<html>conflict'));
    await expect(update()).rejects.toMatchObject({ name: 'CxoneUnreadable', status: 409, applied: 'no' });
  });

  it.each([0, 101])('throws RangeError for a batch of %i items', async (length) => {
    await expect(update(Array.from({ length }, () => ITEM))).rejects.toThrow(RangeError);
    expect(vendor.api).toEqual([]);
  });

  it.each([
    ['half an array', '[{"id":"pref-1","contactId"'],
    ['a login page', '<html>Sign in</html>'],
    ['a text instead of an array', '"updated"'],
    ['an object', '{"results":[]}'],
    ['nothing', ''],
  ])('a 200 with %s may have been applied', async (_, body) => {
    vendor.answer((_req, res) => void res.end(body));
    const error = await captureError(update());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ status: 200, applied: 'unknown' });
  });

  it('calls beforeSend right before sending, and sends nothing if that throws', async () => {
    const beforeSend = () => {
      throw new Error('somebody else has it');
    };
    const request = { items: [ITEM], idempotencyKey: 'k', beforeSend };
    await expect(vendor.cxone().preferences.updateBatch(request)).rejects.toThrow('somebody else has it');
    expect(vendor.api).toEqual([]);
  });
});

describe('find', () => {
  it.each([
    ['an object', STORED],
    ['an array with it', [STORED]],
  ])('reads %s', async (_, body) => {
    vendor.answer(json(200, body));
    const { idempotencyKey: _key, ...stored } = STORED;
    expect(await find()).toEqual(stored);
    expect(vendor.api[0]?.url).toBe(`/api/v2/preferences?contactId=${ANNA}&channel=email`);
  });

  it('returns null for missing fields', async () => {
    const { contactId, channel, optIn, regulatoryRegion } = STORED;
    vendor.answer(json(200, { contactId, channel, optIn, regulatoryRegion }));
    expect(await find()).toMatchObject({ id: null, consentTimestamp: null, withdrawalTimestamp: null });
  });

  it.each([
    ['404', json(404, { message: 'none' })],
    ['an empty array', json(200, [])],
    ['null', json(200, null)],
  ])('%s means none on record', async (_, handler) => {
    vendor.answer(handler);
    expect(await find()).toBeNull();
  });

  it('compares contact ids without regard to case', async () => {
    vendor.answer(json(200, { ...STORED, contactId: ANNA.toUpperCase() }));
    expect(await find()).toMatchObject({ optIn: true });
  });

  it.each([
    ['another contact', { ...STORED, contactId: BEN }],
    ['another channel', { ...STORED, channel: 'sms' }],
    ['two', [STORED, { ...STORED, optIn: false }]],
    ['no optIn', { ...STORED, optIn: undefined }],
    ['optIn as text', { ...STORED, optIn: 'true' }],
    ['a login page', '<html>'],
  ])('an answer with %s is unreadable', async (_, body) => {
    vendor.answer(json(200, body));
    expect(await captureError(find())).toBeInstanceOf(CxoneUnreadable);
  });

  it('keeps contact ids out of errors and metrics', async () => {
    vendor.answer(json(403, {}));
    const error = await captureError(find());
    expect(error).toBeInstanceOf(CxoneForbidden);
    expect(`${String(error)}${JSON.stringify([error, vendor.facts])}`).not.toContain(ANNA);
    expect(vendor.facts.at(-1)).toMatchObject({ verb: 'GET', path: '/api/v2/preferences', status: 403 });
  });
});

describe('entries about single items', () => {
  const items = [ITEM, OTHER, { ...ITEM, channel: 'voice' }, { ...ITEM, channel: 'voice' }];
  const entry = (over: object) => ({
    index: null,
    contactId: null,
    channel: null,
    code: null,
    field: null,
    message: null,
    ...over,
  });
  const indexes = (...entries: object[]) =>
    matchPreferences(entries.map(entry), items).named.map((each) => each.index);

  it('match by contact and channel if the index disagrees', () => {
    expect(indexes({ index: 0, contactId: BEN, channel: 'sms' })).toEqual([1]);
    expect(indexes({ index: 99, contactId: ANNA, channel: 'email' }, { index: 1 })).toEqual([0, 1]);
    expect(indexes({ index: 3, contactId: ANNA, channel: 'voice' })).toEqual([3]);
  });

  it('become notes if they match no item or several', () => {
    expect(indexes({ index: -1 }, { index: 0.5 }, { contactId: ANNA }, {})).toEqual([]);
    expect(
      indexes({ contactId: ANNA, channel: 'voice' }, { index: 0, contactId: 'x', channel: 'sms' }),
    ).toEqual([]);
    const twin = { ...RESULT, channel: 'voice', conflictResolved: false };
    expect(matchResults([twin], items).results).toEqual([]);
  });

  it('are never lost and never match an item that was not sent', () => {
    const some = fc.record({
      index: fc.option(fc.integer({ min: -2, max: 6 })),
      contactId: fc.option(fc.constantFrom(ANNA, BEN, BEN.toUpperCase(), 'x')),
      channel: fc.option(fc.constantFrom('email', 'sms', 'voice')),
    });
    fc.assert(
      fc.property(fc.array(some), (entries) => {
        const { named, notes } = matchPreferences(entries.map(entry), items);
        expect(named.length + notes.length).toBe(entries.length);
        for (const { index } of named) expect(items[index]).toBeDefined();
      }),
    );
  });

  it('count only once per item: the first result wins', () => {
    const result = { ...RESULT, conflictResolved: false };
    const { results, notes } = matchResults([result, { ...result, optIn: false }], items);
    expect([results.map((each) => each.optIn), notes]).toEqual([[true], ['a second result for item 0']]);
  });
});
