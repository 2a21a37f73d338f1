/** Email sends: who is sent a message and who is not, what CXone refuses, and that nobody is sent one twice. */
import { expect, it } from 'vitest';
import type { PreferenceItem } from '../../src/cxone/preferences.wire.ts';
import {
  acceptedBy,
  addressOf,
  FAST_JOB,
  guid,
  outcomesOf,
  recipients,
  send,
  startSending,
} from './emails.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();

const permission = (n: number, change: Partial<PreferenceItem> = {}): PreferenceItem => ({
  ...{ contactId: guid(n), channel: 'email', optIn: true, consentTimestamp: '2025-01-01T00:00:00.000Z' },
  ...{ withdrawalTimestamp: null, regulatoryRegion: 'TCPA', source: 'crm' },
  ...{ idempotencyKey: guid(900 + n), updatedAt: '2025-01-01T00:00:00.000Z' },
  ...change,
});
const OPTED_OUT = { optIn: false, withdrawalTimestamp: '2025-06-01T00:00:00.000Z' } as const;

const instantly = ({ admin }: Stand) => admin.setEmailPlan({ jobs: [FAST_JOB] });

it('only people whose preferences permit email are sent one, unless consent is not to be looked up', async () => {
  await onStand({}, async (stand) => {
    await instantly(stand);
    await stand.admin.seedPreferences([permission(1), permission(2, OPTED_OUT)]);
    const rows = [
      ...recipients(1, 3),
      { email: addressOf(4) },
      { email: addressOf(5), contactId: 'customer-5' },
    ];
    const result = await send(stand, rows, { channelConsent: 'require' });
    expect(await outcomesOf(stand, result.runId)).toEqual([
      'sent',
      'ineligible explicit_opt_out',
      'ineligible no_consent_on_record',
      'ineligible no_contact_id',
      'ineligible no_contact_id',
    ]);
    expect(await acceptedBy(stand)).toEqual([addressOf(1)]);
    await stand.conserved(result.runId, { result });
    const { plan } = await stand.client.ledger.runs.get(result.runId);
    expect(JSON.stringify(plan)).toMatch(/2 recipients have no contact id .*--channel-consent ignore/);

    const everybody = await send(stand, rows, { template: 2 });
    expect(everybody.counts).toEqual({ total: 5, pending: 0, sent: 5 });
    await stand.conserved(everybody.runId, { result: everybody });
  });
});

it('whom CXone or our own list suppresses is not sent a message, and the evidence is kept', async () => {
  await onStand({}, async (stand) => {
    await instantly(stand);
    const { admin, client } = stand;
    await admin.seedEmailSuppressions({
      entries: [{ email: addressOf(12), reason: 'HARD_BOUNCE', addedDate: '2026-03-01T00:00:00Z' }],
    });
    const objection = { ...permission(13), ...OPTED_OUT, regulatoryRegion: 'TCPA' };
    const { source } = await client.stageRows([objection]);
    await client.result((await client.startPreferenceUpdate({ source })).runId);

    const result = await send(stand, recipients(11, 13), { template: 3 });
    expect(await outcomesOf(stand, result.runId)).toEqual([
      'sent',
      'suppressed suppressed_by_cxone',
      'suppressed suppressed',
    ]);
    const { run_no } = await client.ledger.runs.get(result.runId);
    const evidence: (string | null)[] = [];
    for await (const record of client.ledger.records.list(run_no)) evidence.push(record.evidence);
    expect(evidence[1]).toBe('HARD_BOUNCE, 2026-03-01T00:00:00Z');
    await stand.conserved(result.runId, { result });

    const none = await send(stand, recipients(12, 13), { template: 4 });
    expect(none).toMatchObject({ counts: { total: 2, pending: 0, suppressed: 2 }, jobs: 0 });
    expect(await acceptedBy(stand, 4), 'if all are suppressed, nothing is posted').toEqual([]);
    await stand.conserved(none.runId, { result: none });
  });
});

it('one mailbox is sent one message, however it is written, and plus signs and dots count', async () => {
  await onStand({}, async (stand) => {
    await instantly(stand);
    const rows = [
      { email: 'Zoe@Example.com' },
      { email: ' zoe@example.COM' },
      { email: 'zoe+news@example.com' },
      { email: 'z.oe@example.com' },
      { email: 'zoe@b\u00fccher.example' },
      { email: 'zoe@xn--bcher-kva.example' },
      { email: 'zo\u00eb@example.com' },
      { email: 'zoe\u0308@example.com' },
    ];
    const result = await send(stand, rows, { template: 5 });
    expect(await outcomesOf(stand, result.runId)).toEqual([
      'sent',
      'duplicate duplicate_in_source',
      'sent',
      'sent',
      'sent',
      'duplicate duplicate_in_source',
      'sent',
      'duplicate duplicate_in_source',
    ]);
    await stand.conserved(result.runId, { result });
  });
});

it.each([
  ['names', []],
  ['does not name', ['--naming', 'none']],
] as const)('a recipient whom CXone refuses and %s stops nobody else', async (_, simulatorArgs) => {
  const blocked = addressOf(27);
  await onStand(
    { ownLedger: true, simulatorArgs: ['--blocked-address', blocked, ...simulatorArgs] },
    async (stand) => {
      await instantly(stand);
      const result = await send(stand, recipients(21, 32));
      expect(result.counts).toEqual({ total: 12, pending: 0, sent: 11, rejected: 1 });
      const outcomes = await outcomesOf(stand, result.runId);
      expect(outcomes[6]).toMatch(/^rejected /);
      expect(await acceptedBy(stand)).not.toContain(blocked);
      await stand.conserved(result.runId, { result });
    },
  );
});

/** A comma for a dot, two people, a name beside the address, and so on. */
const CASE_45 = [
  'ok1@example.com',
  'user@example.com.',
  'user@example,com',
  'user@@example.com',
  'Ann <ann@example.com>',
  ' ok2@example.com\u00a0',
  'a@example.com;b@example.com',
  'refused@example.com',
  'gone@no-such-domain.invalid',
  '',
  'ok3@example.com',
];

it('a bad address is named, and nobody behind it has to wait for it', async () => {
  const simulatorArgs = ['--blocked-address', 'refused@example.com'];
  await onStand({ ownLedger: true, simulatorArgs }, async (stand) => {
    const bounce = {
      does: 'soft',
      bounceCode: '4.1.2',
      bounceDescription: 'smtp; 450 4.1.2 not found',
    } as const;
    await stand.admin.setEmailPlan({ jobs: [FAST_JOB], recipients: [{ address: '^gone@', ...bounce }] });
    const rows = CASE_45.map((email, i) => ({ contactId: `A-${i + 1}`, email }));
    const result = await send(stand, rows, { retryAfter: '1s', retries: 1 });
    const outcomes = await outcomesOf(stand, result.runId);
    expect(outcomes.map((each) => each.split(' ')[0])).toEqual([
      'sent',
      ...['invalid', 'invalid', 'invalid', 'invalid'],
      'sent',
      'invalid',
      'rejected',
      'sent',
      'invalid',
      'sent',
    ]);
    expect(outcomes[6]).toBe('invalid email_has_several');
    expect(result.delivery).toMatchObject({ sent: 4, delivered: 3, bounced: { soft: 1 } });
    const gone = 'gone@no-such-domain.invalid';
    const accepted = await acceptedBy(stand);
    expect(accepted.slice(0, 4).toSorted()).toEqual([
      gone,
      'ok1@example.com',
      'ok2@example.com',
      'ok3@example.com',
    ]);
    expect(accepted.slice(4), 'tries after the first one').toEqual([gone]);
    await stand.conserved(result.runId, { result });
    expect((await stand.cxflow(['watch', result.runId])).code).toBe(3);
  });
});

it('the same send twice is the same run', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    await instantly(stand);
    const result = await send(stand, recipients(1, 2));
    expect(await startSending(stand, recipients(1, 2))).toBe(result.runId);
    expect(await acceptedBy(stand)).toEqual([addressOf(1), addressOf(2)]);
    await stand.conserved(result.runId, { result });
  });
});
