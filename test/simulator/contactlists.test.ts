import { describe, expect, it } from 'vitest';
import type { ContactRecord } from '../../src/cxone/contact-lists.ts';
import { captureError } from '../cxone/vendor.ts';
import { contact, contacts, startSimulator } from './stand.ts';

const PATH = '/api/v2/contactlists/L1/records';

describe('POST records', () => {
  it('creates all of a batch and answers as the tutorial shows', async () => {
    const { api, admin } = await startSimulator();
    const { status, body } = await api('POST', PATH, { records: contacts(1, 100) });
    expect(status).toBe(200);
    expect(body).toEqual({ id: expect.any(String) as string, recordsCreated: 100, warnings: [], errors: [] });
    expect(await admin.records('L1', { limit: 2 })).toEqual({
      total: 100,
      records: [
        { recordId: 'r1', contactId: 'c1', phones: ['+14155550001'] },
        { recordId: 'r2', contactId: 'c2', phones: ['+14155550002'] },
      ],
    });
  });

  it('is atomic: answers a batch with duplicates with a 409 that names them, and creates nothing', async () => {
    const { create, admin } = await startSimulator();
    await create('L1', contacts(1, 2));
    expect(await create('L1', contacts(2, 4))).toMatchObject({
      kind: 'duplicates',
      named: [{ index: 0, contactId: 'c2', recordId: 'r2', code: 'DUPLICATE', severity: 'warning' }],
    });
    expect((await admin.records('L1')).total).toBe(2);
  });

  it('rejects a number that the tenant blocks', async () => {
    const { create, admin } = await startSimulator({ blockedNumbers: ['+14155550002'] });
    const answer = await create('L1', contacts(1, 3));
    expect(answer).toMatchObject({ kind: 'refused', named: [{ index: 1, code: 'NUMBER_BLOCKED' }] });
    expect((await admin.records('L1')).total).toBe(0);
  });

  it('names every record of a batch that is sent twice', async () => {
    const { create } = await startSimulator();
    await create('L1', contacts(1, 50));
    const again = await create('L1', contacts(1, 50));
    expect(again.named.map((record) => record.index)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('regards the same contact id with a number in common as a duplicate', async () => {
    const { create } = await startSimulator();
    const two = (type: string, a: number, b: number) =>
      [a, b].flatMap((n) => contact(n).phoneNumbers.map(({ number }) => ({ type, number })));
    await create('L1', [contact(1, { phoneNumbers: two('mobile', 1, 2) })]);
    const kinds = [
      await create('L1', [contact(1, { phoneNumbers: contact(3).phoneNumbers })]),
      await create('L1', [contact(2, { phoneNumbers: contact(1).phoneNumbers })]),
      await create('L2', [contact(1)]),
      await create('L1', [contact(1, { phoneNumbers: two('work', 9, 2) })]),
    ].map((answer) => answer.kind);
    expect(kinds).toEqual(['created', 'created', 'created', 'duplicates']);
  });

  it('finds duplicates within a batch too', async () => {
    const { create, admin } = await startSimulator();
    const answer = await create('L1', [contact(1), contact(2), contact(1)]);
    expect(answer).toMatchObject({ kind: 'duplicates', named: [{ index: 2, recordId: null }] });
    expect((await admin.records('L1')).total).toBe(0);
  });

  it('creates duplicates as separate records if refuseDuplicates is off', async () => {
    const { create, admin, cxone } = await startSimulator({ refuseDuplicates: false });
    await create('L1', contacts(1, 2));
    const answer = await create('L1', [contact(2), contact(2), contact(3)]);
    expect(answer).toMatchObject({ kind: 'created', recordsCreated: 3, named: [] });
    const { total, records } = await admin.records('L1');
    expect([total, records.map(({ contactId }) => contactId)]).toEqual([5, ['c1', 'c2', 'c2', 'c2', 'c3']]);
    expect(await admin.journal({ list: 'L1' })).toHaveLength(5);
    const update = { listId: 'L1', recordId: records[4]?.recordId ?? '', record: contact(2) };
    expect(await cxone.contactLists.updateRecord(update), 'a duplicate is accepted here').toMatchObject({
      kind: 'updated',
    });
  });

  it('not atomic: creates the other records and warns about the duplicates', async () => {
    const { create, admin } = await startSimulator({ atomic: false });
    await create('L1', contacts(1, 2));
    const answer = await create('L1', contacts(2, 4));
    expect(answer).toMatchObject({
      kind: 'created',
      recordsCreated: 2,
      named: [{ index: 0, code: 'DUPLICATE' }],
    });
    expect((await admin.records('L1')).total).toBe(4);
  });

  it.each([
    ['CONTACT_ID_MISSING', { contactId: '' }],
    ['PHONE_NUMBERS_MISSING', { phoneNumbers: [] }],
    ['PHONE_NOT_E164', { phoneNumbers: [{ type: 'mobile', number: '0415' }] }],
    ['PHONE_TYPE_MISSING', { phoneNumbers: [{ type: '', number: '+14155550001' }] }],
    ['CONSENT_INVALID', { consentTimestamp: 'garbage' }],
    ['CONSENT_INVALID', { consentTimestamp: '2026-13-01' }],
    ['CONSENT_IN_FUTURE', { consentTimestamp: '2099-01-01T00:00:00Z' }],
    ['CONSENT_TOO_OLD', { consentTimestamp: '2015-01-01T00:00:00Z' }],
    ['OPT_IN_STATUS_INVALID', { optInStatus: 'yes' }],
    ['CUSTOM_FIELDS_INVALID', { customFields: [] }],
    ['UNKNOWN_FIELD', { surname: 'x' }],
  ])('%s: 400 names the record, and nothing is created', async (code, wrong) => {
    const { create, admin } = await startSimulator();
    const answer = await create('L1', [contact(1), contact(2, wrong as Partial<ContactRecord>)]);
    expect(answer).toMatchObject({
      kind: 'refused',
      status: 400,
      named: [{ index: 1, code, severity: 'error' }],
    });
    expect((await admin.health()).applied).toBe(0);
  });

  it('accepts a consent that is exactly 1825 days old', async () => {
    const nowMs = Date.parse('2026-11-21T00:00:00Z');
    const { create } = await startSimulator({ nowMs: () => nowMs });
    const consentTimestamp = new Date(nowMs - 1_825 * 86_400_000).toISOString();
    expect(await create('L1', [contact(1, { consentTimestamp })])).toMatchObject({ kind: 'created' });
  });

  it.each([
    ['no records', { records: [] }],
    ['more than 100', { records: contacts(1, 101) }],
    ['a bare array', contacts(1, 1)],
    ['a field besides records', { records: contacts(1, 1), mode: 'x' }],
    ['null', null],
  ])('answers %s with 400', async (_, body) => {
    const { api } = await startSimulator();
    expect((await api('POST', PATH, body)).status).toBe(400);
  });

  it('names no record if naming is off', async () => {
    const { create } = await startSimulator({ naming: 'none' });
    await create('L1', contacts(1, 1));
    expect(await create('L1', contacts(1, 2))).toMatchObject({ kind: 'duplicates', named: [] });
    expect(await create('L1', [contact(3, { contactId: '' })])).toMatchObject({ kind: 'refused', named: [] });
  });

  it('strict lists: a list exists only once it has been created', async () => {
    const { create, admin } = await startSimulator({ strictLists: true });
    expect(await captureError(create('L1', [contact(1)]))).toMatchObject({ name: 'CxoneNotFound' });
    await admin.seedList('L1');
    expect(await create('L1', [contact(1)])).toMatchObject({ kind: 'created' });
  });
});

describe('PUT record', () => {
  it('replaces the record each time, and journals each time', async () => {
    const { create, cxone, admin } = await startSimulator();
    await create('L1', [contact(1)]);
    const put = {
      listId: 'L1',
      recordId: 'r1',
      record: contact(1, { phoneNumbers: contact(2).phoneNumbers }),
    };
    for (let i = 0; i < 2; i += 1)
      expect(await cxone.contactLists.updateRecord(put)).toEqual({ kind: 'updated' });
    expect((await admin.records('L1')).records).toEqual([
      { recordId: 'r1', contactId: 'c1', phones: ['+14155550002'] },
    ]);
    expect((await admin.journal()).map((entry) => entry.action)).toEqual(['create', 'update', 'update']);
    // The old number is available again.
    expect(await create('L1', [contact(1)])).toMatchObject({ kind: 'created' });
  });

  it('rejects an invalid record, an unknown one, and one that would duplicate another', async () => {
    const { create, cxone } = await startSimulator();
    await create('L1', [contact(1), contact(2)]);
    const status = async (recordId: string, record = contact(1)) => {
      const answer = await cxone.contactLists.updateRecord({ listId: 'L1', recordId, record });
      return answer.kind === 'refused' ? answer.status : 200;
    };
    expect(await status('r1', contact(1, { optInStatus: 'x' }))).toBe(400);
    expect(await status('r99')).toBe(404);
    expect(await status('r2', contact(1))).toBe(409);
    expect(await status('r1')).toBe(200);
  });
});
