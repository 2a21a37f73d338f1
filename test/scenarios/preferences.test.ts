/** A preference update, the events that marketing receives, and an import that requires consent. */
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import { rowAt } from './contacts.ts';
import { CRM, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const ENV = {
  MARKETING_WEBHOOK_URL: 'CRM',
  CRM_SYNC_TOKEN: 'sync-token-of-the-test',
  CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
};

const guid = (n: number): string => `7b2c3d4e-1111-4000-8000-${String(n).padStart(12, '0')}`;

const preference = (n: number, more: object = {}) => ({
  contactId: guid(n),
  channel: 'sms',
  optIn: true,
  consentTimestamp: '2025-02-01T10:00:00+01:00',
  withdrawalTimestamp: null,
  regulatoryRegion: 'TCPA',
  source: 'crm-sync',
  ...more,
});
const objection = (n: number, more: object = {}) =>
  preference(n, { optIn: false, withdrawalTimestamp: '2025-06-01', ...more });

/** 1–150 opt in, 151–200 object, two of these without the date that CXone requires; one row is invalid. */
const ROWS = [
  ...Array.from({ length: 150 }, (_, i) => preference(i + 1)),
  ...Array.from({ length: 48 }, (_, i) => objection(i + 151)),
  objection(199, { regulatoryRegion: 'GDPR', consentTimestamp: null }),
  objection(200, { regulatoryRegion: 'GDPR', consentTimestamp: null }),
  preference(201, { channel: 'fax' }),
];

async function update(stand: Stand, rows: readonly object[]): Promise<PreferenceUpdateResult> {
  const { source } = await stand.client.stageRows(rows);
  const { runId } = await stand.client.startPreferenceUpdate({ source });
  return stand.client.result<PreferenceUpdateResult>(runId);
}

it('a preference update is written and delivered, and an import that requires consent respects it', async () => {
  await onStand({ env: ENV }, async (stand) => {
    const result = await update(stand, ROWS);
    expect(result).toMatchObject({
      kind: 'preferenceUpdate',
      state: 'completed',
      counts: { total: 201, pending: 0, updated: 198, rejected: 2, invalid: 1 },
      violations: 3,
      complianceRatePercent: 98.51,
      suppressions: 2,
      events: { delivered: 2, undelivered: 0 },
    });
    await stand.conserved(result.runId, { result });
    await expectDelivered(stand);
    await expectSameRun(stand, result);
    await expectImportObeys(stand);
  });
});

/** The preferences tutorial sends CXone's bearer token to the webhook, too; ours must not. */
async function expectDelivered({ admin }: Stand): Promise<void> {
  const received = await until(
    () => admin.webhooks(CRM),
    (all) => all.length >= 2,
  );
  const items = received.flatMap(({ body }) => (body as { payload: { contactId: string }[] }).payload);
  expect(new Set(items.map(({ contactId }) => contactId)).size).toBe(198);
  for (const { headers, raw } of received) {
    expect(headers.authorization).toBe(undefined);
    // The sync token is for the CRM only, and this subscriber is the marketing platform.
    expect(headers['x-sync-token']).toBe(undefined);
    expect(raw.length).toBeLessThan(20_000);
    expect(raw).not.toMatch(/consentTimestamp|crm-sync/);
  }
}

async function expectSameRun({ client }: Stand, { runId }: PreferenceUpdateResult): Promise<void> {
  const { source } = await client.stageRows(ROWS);
  const again = await client.startPreferenceUpdate({ source });
  expect(again).toMatchObject({ runId, status: 'finished' });
}

async function expectImportObeys(stand: Stand): Promise<void> {
  const rows = [1, 2, 151, 199, 300].map((n) => rowAt(n, { contactId: guid(n) }));
  const { source } = await stand.client.stageRows([...rows, rowAt(301)]);
  const input = { listId: 'L-consent', source, requireConsent: 'sms' } as const;
  const { runId } = await stand.client.startContactImport(input);
  const result = await stand.client.result<ContactImportResult>(runId);
  // An objection takes effect when it is staged, whether CXone accepts it later or not.
  expect(result.counts).toEqual({ total: 6, pending: 0, created: 2, ineligible: 2, suppressed: 2 });
  await stand.conserved(runId, { result });
  const run = await stand.client.ledger.runs.get(runId);
  expect(run.plan).toMatchObject({ lookups: { requests: 5, withoutContactId: 1 } });
  const reasons = (await stand.client.ledger.records.countReasons(run.run_no)).map(({ code, n }) => [
    code,
    n,
  ]);
  expect(Object.fromEntries(reasons)).toEqual({
    no_consent_on_record: 1,
    no_contact_id: 1,
    suppressed: 2,
  });
}
