import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EmailEnvelope, EmailRecipient } from '../../src/cxone/email.ts';
import { CxoneError, CxoneUnreadable } from '../../src/cxone/errors.ts';
import { captureError, type Handler, json, raw, startVendor, TOKEN, type Vendor } from './vendor.ts';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

const ADDRESS = 'canary@example.com';
const ENVELOPE: EmailEnvelope = {
  subject: 'Your "plan"',
  templateId: '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23',
  senderAddress: 'news@example.com',
};
const recipient = (n: number): EmailRecipient => ({
  toAddress: `canary-${n}@example.com`,
  mergeFields: { firstName: `Canary ${n}` },
  tags: [],
});
const serialize = (count: number) => ({
  count,
  json: JSON.stringify(Array.from({ length: count }, (_, n) => recipient(n))),
});
const send = (count = 3, envelope = ENVELOPE) =>
  vendor.cxone().email.sendMessage({ envelope, recipients: serialize(count), idempotencyKey: 'key-1' });
const LOGIN = '<html>canary@example.com</html>';

describe('sendMessage', () => {
  it('sends the recipients as they are, and the answer names the job', async () => {
    vendor.answer(json(202, { jobId: 'J1' }));
    expect(await send()).toEqual({
      kind: 'accepted',
      status: 202,
      requestId: vendor.api[0]?.headers['x-request-id'],
      jobId: 'J1',
      recipients: null,
      named: [],
      notes: [],
    });
    const { subject, templateId, senderAddress } = ENVELOPE;
    expect(vendor.api[0]).toMatchObject({
      method: 'POST',
      url: '/v1/communications/email/messages',
      body:
        `{"subject":${JSON.stringify(subject)},"templateId":"${templateId}","senderAddress":"${senderAddress}",` +
        `"recipients":${serialize(3).json}}`,
    });
    expect(vendor.api[0]?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      'x-idempotency-key': 'key-1',
    });
  });

  it('repeats the same bytes, whatever the order in which its parts are given', async () => {
    vendor.answer(json(202, { jobId: 'J1' }));
    const tracking = { enableOpens: true, enableClicks: false };
    await send(1, { ...ENVELOPE, tracking });
    const { subject, ...rest } = ENVELOPE;
    await send(1, { tracking: { enableClicks: false, enableOpens: true }, ...rest, subject });
    expect(vendor.api[1]?.body).toBe(vendor.api[0]?.body);
    expect(JSON.parse(vendor.api[0]?.body ?? '')).toEqual({
      ...ENVELOPE,
      recipients: [recipient(0)],
      tracking,
    });
  });

  it.each([
    [200, 'J1', 'J1'],
    [201, 4711, '4711'],
  ])('accepts a %i with the job %j', async (status, jobId, expected) => {
    vendor.answer(json(status, { jobId }));
    expect(await send()).toMatchObject({ kind: 'accepted', status, jobId: expected });
  });

  it('a numeric id of a job keeps all of its digits', async () => {
    vendor.answer(raw(202, '{"jobId":12345678901234567890}'));
    expect(await send()).toMatchObject({ jobId: '12345678901234567890' });
  });

  it('matches the ids of recipients by address, each to one recipient only', async () => {
    const recipients = [
      { toAddress: 'CANARY-1@example.com', recipientId: 'r1', messageId: 'm1' },
      { toAddress: 'canary-0@example.com', messageId: 7 },
      { toAddress: 'canary-2@example.com', recipientId: 'r2' },
      { toAddress: 'canary-2@example.com', recipientId: 'r3' },
      { toAddress: 'stranger@example.com', recipientId: 'r9' },
      { recipientId: 'r8' },
      'canary-2@example.com',
    ];
    vendor.answer(json(202, { jobId: 'J1', recipients }));
    expect(await send()).toMatchObject({
      recipients: [
        { index: 0, recipientId: null, messageId: '7' },
        { index: 1, recipientId: 'r1', messageId: 'm1' },
      ],
    });
  });

  it.each([[7], [{}], [[]], [[{ toAddress: 'canary-0@example.com' }]]])(
    'recipients without ids that can be read (%j) cost nothing but the ids',
    async (recipients) => {
      vendor.answer(json(202, { jobId: 'J1', recipients, errors: 7 }));
      expect(await send()).toMatchObject({ kind: 'accepted', jobId: 'J1', recipients: null, named: [] });
    },
  );

  it('an accepted message may name recipients to whom nothing is sent', async () => {
    vendor.answer(
      json(202, { jobId: 'J1', errors: [{ toAddress: 'canary-2@example.com', code: 'INACTIVE' }] }),
    );
    const named = [{ index: 2, code: 'INACTIVE', field: null, message: null, severity: 'error' }];
    expect(await send()).toMatchObject({ kind: 'accepted', named });
  });

  it.each([400, 409, 422])('a %i names recipients by index or address', async (status) => {
    const errors = [
      { index: 1, code: 'X', field: 'toAddress', message: 'no' },
      { toAddress: 'Canary-2@example.com', code: 406 },
      { index: 0, toAddress: 'canary-0@example.com' },
      { index: 0, toAddress: 'canary-1@example.com', message: 'contradiction' },
      { index: 3, code: 'c' },
      { toAddress: 'stranger@example.com' },
      'and more',
    ];
    vendor.answer(json(status, { message: 'refused', errors }));
    expect(await send()).toMatchObject({
      kind: 'refused',
      status,
      message: 'refused',
      named: [
        { index: 1, code: 'X', field: 'toAddress', message: 'no', severity: 'error' },
        { index: 2, code: '406', field: null, message: null, severity: 'error' },
        { index: 0, code: 'UNSPECIFIED' },
      ],
      notes: ['refused', 'contradiction', 'c', 'an entry that matches no recipient', 'and more'],
    });
  });

  it.each([400, 409, 422])('a %i that is cut off is no answer; nothing was sent', async (status) => {
    vendor.answer(raw(status, '{"message":"canary@example.com","errors":[{"ind'));
    const error = await captureError(send());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ status, applied: 'no' });
    expect(String(error)).not.toContain('canary@');
  });

  it.each([
    ['a 202 without a job', json(202, {})],
    ['a blank id', json(202, { jobId: ' ' })],
    ['an id that is no id', json(202, { jobId: { id: 'J1' } })],
    ['an id that cannot be stored', json(202, { jobId: 'J\u00001' })],
    ['an empty 202', raw(202, '')],
    ['a login page', raw(200, LOGIN)],
    ['half of an answer', raw(202, '{"jobId":"J')],
    ['503', json(503, { message: ADDRESS })],
    ['a redirect', json(302, {}, { location: 'https://example.com' })],
    ['a connection that breaks', (req) => void req.socket.destroy()],
  ] satisfies readonly [string, Handler][])('%s: it may have been sent', async (_, handler) => {
    vendor.answer(handler);
    const error = await captureError(send());
    expect(error).toBeInstanceOf(CxoneError);
    expect(error).toMatchObject({ applied: 'unknown' });
    expect(JSON.stringify(error) + String(error)).not.toContain('canary');
  });

  it.each([
    [403, 'CxoneForbidden'],
    [404, 'CxoneNotFound'],
    [413, 'CxoneRefused'],
    [429, 'CxoneRateLimited'],
  ])('after a %i nothing was sent', async (status, name) => {
    vendor.answer(json(status, { message: ADDRESS }));
    expect(await captureError(send())).toMatchObject({ name, applied: 'no' });
  });

  it('sends nothing if beforeSend objects', async () => {
    const objection = new Error('paused');
    const beforeSend = () => {
      throw objection;
    };
    const sending = vendor.cxone().email.sendMessage({
      envelope: ENVELOPE,
      recipients: serialize(1),
      idempotencyKey: 'k',
      beforeSend,
    });
    expect(await captureError(sending)).toBe(objection);
    expect(vendor.api).toEqual([]);
  });

  it.each([
    [0, '[]'],
    [1_001, serialize(1_001).json],
    [2, serialize(3).json],
  ])('refuses %i recipients that are none, too many, or not these', async (count, text) => {
    const recipients = { count, json: text };
    const sending = vendor.cxone().email.sendMessage({ envelope: ENVELOPE, recipients, idempotencyKey: 'k' });
    expect(await captureError(sending)).toBeInstanceOf(RangeError);
    expect(vendor.api).toEqual([]);
  });
});
