/** What is shown of one recipient of an email send. */
import { Readable } from 'node:stream';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { renderReceipt } from '../../src/cli/render/email-receipt.ts';
import { formatTime } from '../../src/cli/terminal/format.ts';
import type { EmailReceipt } from '../../src/queries/email-receipt.ts';
import { each } from '../harness/fake-run.ts';
import { fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

const AT = new Date('2026-03-01T10:00:00Z');
const JOB = {
  ...{
    jobId: 'job-1',
    writeId: '12',
    batch: 1,
    attempt: 1,
    submittedAt: AT,
    recipients: 25,
    status: 'completed',
  },
  ...{ isFinal: true, spamScore: null, polls: 3, polledAt: AT, finalAt: new Date(AT.getTime() + 4_000) },
  ...{ nextPollAt: null, endedAt: AT, endedHow: 'completed', announcedAt: AT },
};

const RECEIPT: EmailReceipt = {
  ...{
    runId: 'email-send:t:abc',
    line: 7,
    outcome: 'sent',
    reasons: [],
    evidence: null,
    duplicateLines: [9, 11],
  },
  approval: { planHash: 'p1', required: true, by: 'dana', at: AT, reason: 'checked' },
  consent: { channelConsent: 'require' },
  writes: [
    {
      ...{ id: '12', batch: 1, kind: 'send', state: 'settled', records: 25, attempts: 1, lostAnswers: 0 },
      ...{ httpStatus: 202, requestId: 'req-1', sentAt: AT, settledAt: AT },
    },
  ],
  messages: [
    {
      ...{ attempt: 1, messageId: 'm-1', recipientId: null, state: 'bounced', reason: null },
      ...{ bounceClass: 'soft', bounceCode: '4.2.2', complained: false, unsubscribed: false },
      ...{ opened: false, clicked: false, deliveredAt: null, syncedAt: null, retried: true, summary: null },
      consent: { checkedAt: AT, consentedAt: AT, source: 'web form', region: 'GDPR', rules: 'consent-2' },
      job: JOB as unknown as EmailReceipt['messages'][number]['job'],
      events: [
        { type: 'bounce', at: AT, data: { bounceCode: '452 4.2.2', bounceDescription: 'mailbox full' } },
        { type: 'open', at: null, data: { machine: true } },
      ],
    },
  ],
  optOutRuns: [],
  suppressions: [{ of: 'mailbox', reason: 'HARD_BOUNCE', code: '5.1.1', since: AT }],
  audit: [
    { seq: 3, auditId: 'a-3', at: AT, action: 'approve', previousHash: 'e'.repeat(64), hash: 'f'.repeat(64) },
  ],
  verifications: [{ attempt: 1, verdict: 'verified', entry: 3 }],
  unsealedWrites: 1,
};

const render = (change: Partial<EmailReceipt> = {}) =>
  renderReceipt('ann@example.com', { ...RECEIPT, ...change }, pc.createColors(false), 'cxflow');

describe('a receipt', () => {
  it('has the row, the approval, the requests, every message with its events, and the audit', () => {
    const text = render();
    for (const part of [
      /^ann@example\.com\n/,
      /row +line 7 of the source/,
      /also in +line 9, 11, to which nothing was sent/,
      new RegExp(`approval +by dana, ${formatTime(AT)}: checked`),
      /write 12 +sent, with 24 others, HTTP 202, .*\n +request id req-1/,
      /state +bounced, soft 4\.2\.2/,
      /latency +4 s/,
      /verification +passed: recipient, message and consent are as recorded in the audit; audit entry 3\n/,
      /but not events, states or current suppressions/,
      /consent +given .*, source web form, region GDPR\n +as CXone had it .*; permitted by the rules consent-2/,
      /sent again +yes/,
      /bounce +read as soft, 452 4\.2\.2, mailbox full/,
      /at an unknown time +open +by a machine/,
      /suppressed now +the mailbox since .*, HARD BOUNCE 5\.1\.1/,
      /3 +approve +a-3 +f{10}…/,
      /1 request not sealed yet/,
      /cxflow audit verify/,
    ])
      expect(text).toMatch(part);
  });

  it('says plainly what it could not verify', () => {
    const verdict = (given: EmailReceipt['verifications'][number]['verdict'], entry: number | null) =>
      render({ verifications: [{ attempt: 1, verdict: given, entry }] });
    expect(verdict('content_changed', 3)).toMatch(
      /verification +FAILED: recipient, message or consent was changed/,
    );
    expect(verdict('batch_changed', 3)).toMatch(
      /verification +FAILED: a hash of this batch was changed; audit entry 3\n/,
    );
    expect(verdict('entry_missing', null)).toMatch(
      /verification +not possible: this request has no sealed audit entry\n/,
    );
  });

  it('says so if nobody was asked, or nobody has answered', () => {
    const nobody = { planHash: 'p1', by: null, at: null, reason: null };
    expect(render({ approval: { ...nobody, required: false } })).toMatch(/approval +not asked for/);
    expect(render({ approval: { ...nobody, required: true } })).toMatch(/approval +asked for, and not given/);
    expect(render({ consent: { channelConsent: 'ignore' } })).toMatch(/consent +not looked up/);
  });

  it('says whether an opt-out was handed over, and to which run', () => {
    const [message] = RECEIPT.messages;
    if (!message) throw new Error('no message');
    const waiting = { ...message, unsubscribed: true };
    expect(render({ messages: [waiting] })).toMatch(/opt-out +not handed over to CXone's preferences yet/);
    const complaint = { ...message, complained: true, syncedAt: AT };
    const optOutRuns = [{ runId: 'r1.opt-outs-ds_1', state: 'failed' }] as const;
    expect(render({ messages: [complaint], optOutRuns })).toMatch(
      /complaint +handed over to CXone's preferences, .*\n +r1\.opt-outs-ds_1, failed/,
    );
  });

  it('cannot control the terminal, whatever CXone says', () => {
    const [message] = RECEIPT.messages;
    if (!message) throw new Error('no message');
    const events = [{ type: '\u001b[2J', at: AT, data: { linkUrl: 'https://x/\u202e' } }];
    expect(render({ messages: [{ ...message, events }] })).not.toMatch(/\u001b|\u202e/);
  });
});

describe('email receipt', () => {
  const audit = (writeId: string, seq: number) => ({
    ...{ seq: String(seq), audit_id: `a-${seq}`, run_id: 'r1', at: AT, action: 'batch', data: { writeId } },
    ...{ previous_hash: 'e', hash: 'f' },
  });
  const record = (seq: number, outcome: string) => ({
    ...{ seq, line: seq + 1, fields: {}, outcome, reasons: [], evidence: null, cxoneId: null },
    record: { contactId: 'c-1', toAddress: 'ann@example.com', mergeFields: {}, tags: [] },
  });

  function session(asked: string[] = [], change: Parameters<typeof finished>[0] = {}) {
    const input = { message: {}, source: { dataset: 'ds_1' }, approval: true };
    const fake = fakeSession({ run: finished({ kind: 'emailSend', input, plan_hash: 'p1', ...change }) });
    const none = () => Promise.resolve([]);
    const ledger = {
      ...fake.ledger,
      records: {
        listByKey: (_: number, mailbox: string) => {
          asked.push(mailbox);
          return Promise.resolve(
            mailbox === 'ann@example.com' ? [record(1, 'duplicate'), record(2, 'sent')] : [],
          );
        },
      },
      writes: { listOfRecord: () => Promise.resolve(RECEIPT.writes) },
      emails: { timeline: () => Promise.resolve(RECEIPT.messages), contentHashes: none },
      suppressions: { find: none, findAddresses: none },
      reports: {
        milestones: () =>
          Promise.resolve([{ at: AT, action: 'approve', data: { by: 'dana', reason: 'ok' } }]),
      },
      audit: { list: () => each([audit('11', 1), audit('12', 2)]) },
    };
    return { ...fake, ledger: ledger as unknown as NonNullable<typeof fake.ledger> };
  }

  it('finds the mailbox, however it is written, and only what concerns it', async () => {
    const asked: string[] = [];
    const cli = fakeCli(session(asked));
    expect(await run(['email', 'receipt', 'r1', ' ANN@Example.com ', '--json'], cli)).toBe(0);
    expect(asked).toEqual(['ann@example.com']);
    expect(JSON.parse(cli.out())).toMatchObject({
      ...{ mailbox: 'ann@example.com', line: 3, outcome: 'sent', duplicateLines: [2], unsealedWrites: 0 },
      approval: { planHash: 'p1', required: true, by: 'dana', reason: 'ok' },
      consent: { channelConsent: 'require' },
      audit: [{ seq: 2, auditId: 'a-2', hash: 'f' }],
    });
  });

  it('reads the address from standard input', async () => {
    const asked: string[] = [];
    const cli = fakeCli(session(asked), { stdin: Readable.from(['ann@example.com\n']) });
    expect(await run(['email', 'receipt', 'r1', '-'], cli)).toBe(0);
    expect(asked).toEqual(['ann@example.com']);
  });

  it('says what to try if there is no such recipient, and does not repeat the address', async () => {
    const cli = fakeCli(session());
    expect(await run(['email', 'receipt', 'r1', 'bob@example.com'], cli)).toBe(1);
    expect(cli.err()).toContain('run r1 has no recipient with this address');
    expect(cli.err()).toContain('--outcome invalid');
    expect(cli.err()).not.toContain('bob');
    const purged = fakeCli(session([], { purged_at: AT }));
    expect(await run(['email', 'receipt', 'r1', 'bob@example.com'], purged)).toBe(1);
    expect(purged.err()).toContain('purged');
  });

  it('refuses what is no address, and runs of other operations', async () => {
    const cli = fakeCli(session());
    expect(await run(['email', 'receipt', 'r1', 'bob'], cli)).toBe(2);
    expect(cli.err()).not.toContain('bob');
    const other = fakeCli(session([], { kind: 'contactImport' }));
    expect(await run(['email', 'receipt', 'r1', 'ann@example.com'], other)).toBe(2);
    expect(other.err()).toContain('no email send');
  });
});
