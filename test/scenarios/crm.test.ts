/** The events of an import, and subscribers that fail for a while. */
import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { apiShape, csv, rowAt, rows } from './contacts.ts';
import { CRM, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const secretOf = (fill: string) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`;
/** Two, as during a rotation: a receiver knows either of them. */
const SECRETS = [secretOf('old'), secretOf('new')];

const ENV = {
  CRM_WEBHOOK_URL: 'CRM',
  CRM_SYNC_TOKEN: 'sync-token-of-the-test',
  CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
  CXFLOW_WEBHOOK_SECRET: SECRETS.join(' '),
};

interface Event {
  readonly id: string;
  readonly event: string;
  readonly timestamp: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly auditTrailer: Readonly<Record<string, unknown>> & { readonly recordCount: number };
}

/** Imports 500 records in five batches: 20 of them already exist in CXone, 5 are invalid. */
async function importInto(stand: Stand, list: string, ...more: string[]): Promise<ContactImportResult> {
  const invalid = Array.from({ length: 5 }, (_, i) => rowAt(1_000 + i, { optInStatus: 'maybe' }));
  stand.file('contacts.csv', csv([...rows(1, 495), ...invalid]));
  await stand.admin.seedList(list, rows(1, 20).map(apiShape));
  const args = ['contacts', 'import', 'contacts.csv', '--list', list, ...more];
  const { code, document } = await stand.json<ContactImportResult>(args);
  expect(code).toBe(3);
  expect(document.counts).toEqual({ total: 500, pending: 0, created: 475, existing: 20, invalid: 5 });
  return document;
}

const receivedEvents = async ({ admin }: Stand) => {
  const received = await admin.webhooks(CRM);
  for (const { headers, raw, body } of received)
    for (const secret of SECRETS)
      expect(new Webhook(secret).verify(raw, headers as Record<string, string>)).toEqual(body);
  return received.map(({ headers, raw, body }) => ({ headers, raw, event: body as Event }));
};

function expectTotals(event: Event | undefined, { counts }: ContactImportResult): void {
  const successCount = (counts.created ?? 0) + (counts.existing ?? 0);
  expect(event?.metrics).toMatchObject({
    totalProcessed: counts.total,
    successCount,
    failureCount: counts.total - successCount,
    successRatePercent: 99,
  });
  expect(event?.metrics.averageLatencyMs).toBeGreaterThan(0);
}

it('delivers one event for each batch, with cumulative metrics, a unique id and no personal data', async () => {
  await onStand({ env: ENV }, async (stand) => {
    const result = await importInto(stand, 'L1');
    const events = await receivedEvents(stand);
    // CXone refuses the first batch because of its duplicates, and the rest is sent again: two writes, two events.
    expect(events).toHaveLength(result.requests);
    expect(result.events).toEqual({ delivered: events.length, undelivered: 0 });
    expect(new Set(events.map(({ event }) => event.id)).size).toBe(events.length);
    for (const { headers, event, raw } of events) {
      expect(event).toMatchObject({ event: 'cxone_contact_import_batch_complete', runId: result.runId });
      expect(Number.isNaN(Date.parse(event.timestamp))).toBe(false);
      expect(headers).toMatchObject({
        'webhook-id': event.id,
        'x-sync-token': ENV.CRM_SYNC_TOKEN,
        'content-type': 'application/json',
      });
      expect(headers).not.toHaveProperty('authorization');
      expect(raw).not.toMatch(/\+1415555|Name \d|"c-\d/);
    }
    const processed = events.map(({ event }) => event.metrics.totalProcessed ?? 0);
    expect(processed).toEqual(processed.toSorted((a, b) => a - b));
    expectTotals(events.at(-1)?.event, result);
    const recordCount = events.reduce((sum, { event }) => sum + event.auditTrailer.recordCount, 0);
    expect(recordCount, 'sum of the batches').toBe(495);
    await stand.conserved(result.runId, { result });
  });
});

it('repeats an event with the same bytes until its subscriber accepts it', async () => {
  const faults = [
    { match: { family: 'webhooks' }, times: 2, fault: { status: 503, when: 'after' } },
  ] as const;
  await onStand({ env: ENV, faults }, async (stand) => {
    const result = await importInto(stand, 'L2');
    const events = await receivedEvents(stand);
    expect(events).toHaveLength(result.requests + 2);
    const [first, second, third] = events.map(({ raw }) => raw);
    expect([second, third]).toEqual([first, first]);
    expect(new Set(events.map(({ headers }) => headers['webhook-id'])).size).toBe(result.requests);
    expectTotals(events.at(-1)?.event, result);
    await stand.conserved(result.runId, { result });
  });
});

it('writes on while the subscriber is down, and `show` lists the events that are not delivered', async () => {
  const faults = [{ match: { family: 'webhooks' }, fault: { status: 500 } }] as const;
  await onStand({ env: ENV, faults }, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, 150)));
    const terminal = stand.start(['contacts', 'import', 'contacts.csv', '--list', 'L3']);
    const [, runId = ''] = await terminal.waitFor(/run (contact-import:\S+)\n/);
    await terminal.waitFor(/delivering events: 150 of 150 .*its events to be delivered/);
    const shown = await stand.cxflow(['show', runId]);
    expect(shown.stdout).toMatch(/events not delivered yet \(2 of 2\)[^]*status 500/);
    await stand.admin.clearFaults();
    await until(
      () => stand.client.ledger.runs.get(runId),
      ({ state }) => state === 'completed',
    );
    expect(await receivedEvents(stand)).toHaveLength(2);
    expect((await terminal.exited).code).toBe(0);
    await stand.conserved(runId);
  });
});

it('delivers one event with --notify run, and at most one for each batch with --notify page', async () => {
  await onStand({ env: ENV }, async (stand) => {
    const once = await importInto(stand, 'L4', '--notify', 'run');
    const events = await receivedEvents(stand);
    expect(events).toHaveLength(1);
    expect(events[0]?.event.auditTrailer.recordCount).toBe(495);
    expectTotals(events[0]?.event, once);
    await stand.conserved(once.runId, { isListShared: true });

    const paged = await importInto(stand, 'L5', '--notify', 'page');
    const later = (await receivedEvents(stand)).slice(1);
    expect(later.length).toBeLessThanOrEqual(paged.requests);
    expectTotals(later.at(-1)?.event, paged);
    expect(later.reduce((sum, { event }) => sum + event.auditTrailer.recordCount, 0)).toBe(495);
    await stand.conserved(paged.runId, { isListShared: true });
  });
});
