/** An email send, started by a service. */
import { describe, expect, it } from 'vitest';
import type { EmailSendInput } from '../../src/client.ts';
import { someId } from '../ledger/harness.ts';
import { clientOfFile, problemsOf } from './harness.ts';

const made = clientOfFile();

const MESSAGE = {
  subject: 'Hi {{firstName}}',
  templateId: '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23',
  senderAddress: 'news@example.com',
  mergeFields: ['firstName|there'],
  preview: 'Hi {{firstName}}',
};

const start = (input: EmailSendInput) => made().client.startEmailSend(input);
const stage = async () => {
  const rows = [{ toAddress: `${someId('p')}@example.com`, mergeFields: { firstName: 'Ann' } }];
  return (await made().client.stageRows(rows, 'recipients')).source;
};

describe('an email send that a service starts', () => {
  it('is the same run if the message and its recipients are the same, however the message is written', async () => {
    const source = await stage();
    const first = await start({ message: MESSAGE, source });
    expect(first).toMatchObject({ status: 'started' });
    expect(first.runId).toMatch(/^email-send:3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23:/);
    const otherwise: EmailSendInput['message'][] = [
      MESSAGE,
      { ...MESSAGE, templateId: MESSAGE.templateId.toUpperCase() },
      { ...MESSAGE, mergeFields: [{ name: 'firstName', fallback: 'there' }] },
      { ...MESSAGE, preview: 'what it looks like is never sent' },
    ];
    for (const message of otherwise)
      expect(await start({ message, source, canary: 5, retries: 0 })).toMatchObject({
        ...{ runId: first.runId, status: 'running' },
      });
    // Another run would send the message again to those who had been sent it.
    for (const rules of [{ channelConsent: 'ignore' }, { policy: 'strict' }] as const)
      expect(await start({ message: MESSAGE, source, ...rules })).toMatchObject({ runId: first.runId });
    const others: Partial<EmailSendInput>[] = [
      { message: { ...MESSAGE, subject: 'Hello' } },
      { source: await stage() },
    ];
    for (const other of others)
      expect((await start({ message: MESSAGE, source, ...other })).runId).not.toBe(first.runId);
  });

  it('waits at most 366 days for its moment', async () => {
    const inDays = (days: number) => new Date(Date.now() + days * 24 * 60 * 60_000).toISOString();
    const source = await stage();
    expect(await problemsOf(start({ message: MESSAGE, source, sendAt: inDays(367) }))).toEqual([
      'sendAt is more than 366 days from now; start the run later',
    ]);
    expect(await start({ message: MESSAGE, source, sendAt: inDays(365) })).toHaveProperty('runId');
  });

  it('is refused with every problem of its input, each with its position', async () => {
    const message = { ...MESSAGE, subject: 'Hi {{plan}}', templateId: 'x' };
    const input = { message, source: await stage(), canary: 80, sendAt: 'tomorrow' };
    const problems = await problemsOf(start(input));
    for (const field of ['message.subject', 'message.templateId', 'canary', 'sendAt'])
      expect(problems.filter((problem) => problem.startsWith(`${field} `))).toHaveLength(1);
  });
});
