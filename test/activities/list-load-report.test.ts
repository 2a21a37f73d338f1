/** What a list load reports: its event, its audit entry, its result; and the sample of the campaign list tutorial. */
import { describe, expect, it } from 'vitest';
import type { PostWebhook } from '../../src/activities/outbox/webhook.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { RAW_LIST_RECORDS } from '../harness/tutorial-samples.ts';
import { createWorker, runActivity } from './harness.ts';
import {
  CAMPAIGN,
  figuresOf,
  itemOf,
  LIST,
  lead,
  leads,
  listLoadStand,
  phone,
  phones,
} from './list-loads.ts';

const { opened, start } = listLoadStand();

function subscriber() {
  const bodies: Record<string, unknown>[] = [];
  const post: PostWebhook = (_id, body) => {
    bodies.push(JSON.parse(body) as Record<string, unknown>);
    return Promise.resolve();
  };
  return { bodies, post };
}

async function listAudit(run: Run): Promise<[string, unknown][]> {
  const { audit } = opened().ledger;
  await audit.seal();
  const entries: [string, unknown][] = [];
  for await (const { action, data } of audit.list(run.run_id)) entries.push([action, data]);
  return entries;
}

describe('the sample of the campaign list tutorial', () => {
  it('has one duplicate of three, and priorities 10 and 1', async () => {
    const cxone = await start();
    const { run, plan, result } = await cxone.runToEnd(RAW_LIST_RECORDS, { scoring: undefined } as object);
    const journal = await cxone.admin.itemJournal(LIST);
    expect(journal.map(({ item }) => item.priority)).toEqual([10, 1]);
    expect(figuresOf(plan).scores).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(result.metrics).toMatchObject({
      ...{ rawIngested: 3, uniqueProcessed: 2, deduplicationRate: '33.33%' },
      ...{ successes: 2, conflicts: 0, failures: 0, suppressed: 0, invalid: 0, cancelled: 0 },
    });
    expect(await cxone.outcomes(run)).toEqual({
      1: 'created',
      2: 'created',
      3: 'duplicate duplicate_in_source',
    });
  });
});

describe('the event', () => {
  it('is one for the run, with what became of every row', async () => {
    const { bodies, post } = subscriber();
    const cxone = await start({}, { webhooks: { crm: null, marketing: post } });
    await cxone.admin.seedSuppressions({ entries: phones(3), replace: true });
    await cxone.admin.seedItems(LIST, [itemOf(4)]);
    const { run } = await cxone.plan([...leads(1, 2, 3, 4, 1), lead(5, 5, { score: 'best' })]);
    await cxone.writeAll(run);
    await opened().ledger.runs.setPhase(run.run_no, 'delivering', null);
    await runActivity(() => cxone.worker.activities.deliverEvents(run.run_id));
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).toMatchObject({
      event: 'list_update_complete',
      runId: run.run_id,
      listId: LIST,
      campaignId: CAMPAIGN,
      metrics: {
        ...{ rawIngested: 6, uniqueProcessed: 3, deduplicationRate: '16.67%' },
        ...{ successes: 3, conflicts: 1, failures: 0, suppressed: 1, invalid: 1, cancelled: 0 },
        throughputPerMinute: expect.stringMatching(/^\d+\.\d$/) as string,
      },
    });
    const { metrics } = await cxone.close(run);
    expect(bodies[0]?.metrics).toEqual(metrics);
  });
});

describe('the audit entry', () => {
  it('of an upload names counts and no person', async () => {
    const cxone = await start();
    const { run } = await cxone.runToEnd(leads(1, 2, 2));
    expect((await listAudit(run)).at(-1)).toEqual([
      'BULK_UPLOAD',
      {
        ...{ listId: LIST, campaignId: CAMPAIGN, recordsProcessed: 2, deduplicationRate: '33.33%' },
        ...{ successCount: 2, conflictCount: 0 },
      },
    ]);
  });

  it('counts what was sent: neither who had no room nor whom a cancel came before', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 3 });
    const { run, result } = await cxone.runToEnd(leads(1, 2, 3, 4), { fit: true });
    expect(result.metrics.uniqueProcessed).toBe(4);
    expect((await listAudit(run)).at(-1)).toMatchObject(['BULK_UPLOAD', { recordsProcessed: 3 }]);

    const other = await start();
    const cancelled = await other.plan(leads(1, 2, 3));
    await other.worker.writePage({ runId: cancelled.run.run_id, fromBatch: 1, toBatch: 1 });
    await other.close(cancelled.run, 'cancelled');
    expect((await listAudit(cancelled.run)).at(-1)).toMatchObject(['BULK_UPLOAD', { recordsProcessed: 2 }]);
  });

  it('is missing if nothing was to be written', async () => {
    const cxone = await start();
    const { run } = await cxone.plan(leads(1), { dryRun: true });
    await cxone.close(run);
    const other = await cxone.plan(leads(2));
    await cxone.close(other.run, 'rejected');
    for (const each of [run, other.run])
      expect((await listAudit(each)).map(([action]) => action)).not.toContain('BULK_UPLOAD');
  });
});

describe('the result', () => {
  it('counts who was rejected for the hour apart: CXone was not asked about them', async () => {
    const cxone = await start();
    const region = {
      region: 'US',
      effective: '2000-01-01',
      source: 'test',
      windows: [{ from: '00:00', to: '24:00' }],
    };
    const never = { ...region, region: 'US-CA', windows: [] };
    const callingHours = { defaultRegion: 'US', regions: [region, never] };
    const at = (zone: string, state: string) => ({
      time_zone: zone,
      state,
      phone_number: state === 'CA' ? phone(1) : '+12125550101',
    });
    const rows = [
      lead(1, 1, at('America/New_York', 'NY')),
      lead(2, 2, { ...at('PST', 'NY'), phone_number: '+12125550102' }),
      lead(3, 3, at('America/Los_Angeles', 'CA')),
    ];
    const { result } = await cxone.runToEnd(rows, { callingHours, outsideHours: 'reject' });
    expect(result.metrics).toMatchObject({ successes: 1, failures: 0 });
    expect(result).toMatchObject({ counts: { rejected: 2 }, outsideHours: 2 });
  });

  it('of a run that ended before it planned has no figures', async () => {
    const cxone = await start();
    const run = await cxone.open(leads(1));
    const result = await cxone.close(run, 'cancelled');
    expect(result).toMatchObject({ listId: LIST, campaignId: CAMPAIGN, capacity: null, suppressions: null });
    expect(result.metrics).toMatchObject({
      rawIngested: 0,
      deduplicationRate: '0.00%',
      throughputPerMinute: '0.0',
    });
  });
});

describe('a worker that is shutting down', () => {
  const draining = { type: 'WorkerDraining', nonRetryable: false };

  it('does not go through all records for the notes of a plan', async () => {
    const cxone = await start();
    const { ledger } = opened();
    const windows = [{ from: '08:00', to: '21:00' }];
    const regions = [{ region: 'US', effective: '2000-01-01', source: 'test', windows }];
    const run = await cxone.open(leads(1), { callingHours: { defaultRegion: 'US', regions } });
    await cxone.stage(run);
    // The last step before the notes.
    const countReasons = (runNo: number) => {
      worker.draining.abort();
      return ledger.records.countReasons(runNo);
    };
    const watched = { ...ledger, records: { ...ledger.records, countReasons } };
    const worker = createWorker(watched, cxone.cxone, { tenant: cxone.tenant, listLoad: cxone.settings });
    await expect(runActivity(() => worker.activities.planWrites(run.run_id))).rejects.toMatchObject(draining);
    expect(await cxone.planOnly(run)).toMatchObject({ toWrite: 1 });
  });

  it('does not seek objections among all records for a result', async () => {
    const cxone = await start();
    const { run } = await cxone.plan(leads(1));
    await cxone.writeAll(run);
    const objection = { contactId: 'somebody', channel: 'voice', reason: 'test' } as const;
    await opened().ledger.suppressions.add([{ ...objection, since: new Date().toISOString() }], null);
    cxone.worker.draining.abort();
    await expect(cxone.close(run)).rejects.toMatchObject(draining);
  });
});
