/**
 * The sample of the vendor's tutorial on contact imports, from the rows of a service to the CRM: its two contacts, and the body
 * of its request (docs/cxone-contract.md#contact-lists).
 */
import { expect, it } from 'vitest';
import { ndjson } from '../scenarios/contacts.ts';
import { CRM, runIdIn, type Stand, useStand } from '../scenarios/stand.ts';

const onStand = useStand();

const ENV = { CRM_WEBHOOK_URL: 'CRM', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };
const LIST = '65a1b2c3d4e5f60012345678';

/** Both consents are from the moment of the call, as in the tutorial. */
const sample = () => [
  {
    contactId: 'crm-001',
    phoneNumbers: [{ type: 'mobile', number: '+14155550100' }],
    customFields: { first_name: 'Marcus', last_name: 'Chen' },
    consentTimestamp: new Date().toISOString(),
    optInStatus: 'confirmed',
  },
  {
    contactId: 'crm-002',
    phoneNumbers: [{ type: 'work', number: '+442071234567' }],
    customFields: { first_name: 'Sarah', last_name: 'Jenkins' },
    consentTimestamp: new Date().toISOString(),
    optInStatus: 'confirmed',
  },
];

/** The body of the tutorial's request. Its consent is recent enough until 2029-10-31. */
const BODY = {
  records: [
    {
      contactId: 'crm-88291',
      phoneNumbers: [{ type: 'mobile', number: '+14155550100' }],
      customFields: { first_name: 'Eleanor', last_name: 'Vance' },
      consentTimestamp: '2024-11-01T09:15:00.000Z',
      optInStatus: 'confirmed',
    },
  ],
};

it("the tutorial's two contacts are created in one request, with audit trailer and event for the CRM", async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    stand.file('contacts.ndjson', ndjson(sample()));
    const imported = await stand.cxflow(['contacts', 'import', 'contacts.ndjson', '--list', LIST]);
    expect(imported, imported.stdout + imported.stderr).toMatchObject({ code: 0, stderr: '' });
    const counts = await stand.conserved(runIdIn(imported.stdout));
    expect(counts).toEqual({ total: 2, pending: 0, created: 2 });
    expect(await writeRequests(stand)).toEqual([`POST /api/v2/contactlists/${LIST}/records 200`]);
    expect(await stand.admin.journal({ list: LIST })).toMatchObject([
      { action: 'create', contactId: 'crm-001' },
      { action: 'create', contactId: 'crm-002' },
    ]);
    const [event, ...others] = await stand.admin.webhooks(CRM);
    expect(others).toEqual([]);
    expect(event?.body).toMatchObject({
      event: 'cxone_contact_import_batch_complete',
      metrics: {
        totalProcessed: 2,
        successCount: 2,
        failureCount: 0,
        successRatePercent: 100,
        averageLatencyMs: expect.any(Number) as number,
      },
      auditTrailer: { batchIndex: 1, batchStartIndex: 1, recordCount: 2, status: 'success' },
    });
  });
});

it("the body of the tutorial's request is an input, as printed: a JSON object with its records", async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    stand.file('body.json', JSON.stringify(BODY, null, 2));
    const imported = await stand.cxflow(['contacts', 'import', 'body.json', '--list', LIST]);
    expect(imported, imported.stdout + imported.stderr).toMatchObject({ code: 0 });
    await stand.conserved(runIdIn(imported.stdout));
    const { records } = await stand.admin.records(LIST);
    expect(records).toMatchObject([{ contactId: 'crm-88291' }]);
  });
});

async function writeRequests({ admin }: Stand): Promise<string[]> {
  const requests = (await admin.requests()).filter(
    ({ method, path }) => method !== 'GET' && path.includes('/contactlists/'),
  );
  return requests.map(({ method, path, status }) => `${method} ${path} ${status}`);
}
