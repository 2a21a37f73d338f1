import { describe, expect, it } from 'vitest';
import { ENVELOPE, MESSAGES, NAMES, recipient, startEmail as start } from './email-stand.ts';

describe('POST messages', () => {
  it('accepts a message, and the journal has what was sent to whom under which key', async () => {
    const { send, admin } = await start();
    const answer = await send(NAMES, 'key-9');
    expect(answer).toMatchObject({ kind: 'accepted', status: 202, jobId: 'job-1', recipients: null });
    const accepted = await admin.acceptedEmails();
    expect(accepted.map(({ index, toAddress }) => [index, toAddress])).toEqual(
      NAMES.map((name, index) => [index, `${name}@example.com`]),
    );
    expect(accepted[1]).toEqual({
      n: 3,
      at: expect.any(String) as string,
      requestId: answer.requestId,
      jobId: 'job-1',
      idempotencyKey: 'key-9',
      ...ENVELOPE,
      ...recipient('bob'),
      index: 1,
      recipientId: 'recipient-3',
      messageId: 'message-3',
    });
  });

  it('its answer has the ids of the recipients, if the tenant is so', async () => {
    const { send, admin } = await start({ emailRecipientsInAnswer: true });
    const { recipients } = (await send()) as { readonly recipients?: unknown };
    const accepted = await admin.acceptedEmails();
    expect(recipients).toEqual(
      accepted.map(({ index, recipientId, messageId }) => ({ index, recipientId, messageId })),
    );
  });

  const message = (over: object) => ({ ...ENVELOPE, recipients: [recipient('ada')], ...over });
  const to = (over: object) => message({ recipients: [recipient('ada'), { ...recipient('bob'), ...over }] });
  it.each([
    ['SUBJECT_INVALID', message({ subject: '' })],
    ['SUBJECT_INVALID', message({ subject: 'x'.repeat(999) })],
    ['SUBJECT_INVALID', message({ subject: 'a\nBcc: b@example.com' })],
    ['TEMPLATE_ID_INVALID', message({ templateId: 'welcome' })],
    ['SENDER_INVALID', message({ senderAddress: 'News' })],
    ['RECIPIENTS_INVALID', message({ recipients: [] })],
    ['RECIPIENTS_INVALID', message({ recipients: Array(1_001).fill(recipient('ada')) })],
    ['TRACKING_INVALID', message({ tracking: { enableOpens: 'yes' } })],
    ['UNKNOWN_FIELD', message({ tracking: { opens: true } })],
    ['UNKNOWN_FIELD', message({ body: 'Hello' })],
    ['ADDRESS_INVALID', to({ toAddress: 'user@@example.com' }), 1],
    ['ADDRESS_INVALID', to({ toAddress: 'user@example.com.' }), 1],
    ['ADDRESS_INVALID', to({ toAddress: undefined }), 1],
    ['ADDRESS_BLOCKED', to({ toAddress: 'Blocked@example.com' }), 1],
    ['MERGE_FIELDS_INVALID', to({ mergeFields: { firstName: null } }), 1],
    ['TAGS_INVALID', to({ tags: 'spring' }), 1],
    ['UNKNOWN_FIELD', to({ emailAddress: 'bob@example.com' }), 1],
    ['NOT_AN_OBJECT', message({ recipients: [recipient('ada'), 'bob@example.com'] }), 1],
    ['NOT_AN_OBJECT', []],
  ] satisfies readonly [string, unknown, number?][])(
    'refuses %s, and sends nothing',
    async (code, body, index?: number) => {
      const { api, admin, accepted } = await start({ blockedAddresses: ['blocked@example.com'] });
      const reply = await api('POST', MESSAGES, body);
      expect(reply.status).toBe(400);
      const { errors } = reply.body as { errors: { code: string; index?: number }[] };
      expect(errors.map((error) => [error.code, error.index])).toContainEqual([code, index]);
      await admin.change({ naming: 'none' });
      expect((await api('POST', MESSAGES, body)).body).toMatchObject({ errors: [] });
      expect(await accepted()).toEqual([]);
    },
  );

  it('takes a subject of 998 characters, 1,000 recipients, and an address twice', async () => {
    const { send, accepted } = await start();
    const subject = '\u{1F600}'.repeat(998);
    expect(await send(Array<string>(1_000).fill('ada'), 'k', { subject })).toMatchObject({
      kind: 'accepted',
    });
    expect(await accepted()).toHaveLength(1_000);
  });

  it('a tenant that does not honour keys sends a repeat once more', async () => {
    const { job, accepted } = await start();
    expect([await job(['ada'], 'k'), await job(['ada'], 'k')]).toEqual(['job-1', 'job-3']);
    expect(await accepted()).toEqual(['ada', 'ada']);
  });

  it('one that honours them answers a repeat with the first job, until it forgets the key', async () => {
    const { job, send, wait, accepted } = await start({ emailIdempotent: true, idempotencyKeySeconds: 60 });
    const first = await job(['ada'], 'k');
    wait(59);
    expect(await job(['ada'], 'k')).toBe(first);
    expect(await job(['ada'], 'other')).not.toBe(first);
    expect(await send(['bob'], 'k')).toMatchObject({ kind: 'refused', status: 422 });
    expect(await accepted()).toEqual(['ada', 'ada']);
    wait(1);
    expect(await job(['ada'], 'k')).not.toBe(first);
  });
});
