/**
 * The sample of the vendor's tutorial on campaign lists, from the file to event and audit: three raw records, of which the third
 * is a duplicate of the first (docs/cxone-contract.md#campaign-lists).
 */
import { expect, it } from 'vitest';
import type { ListLoadResult } from '../../src/contract/list-load.ts';
import { RAW_LIST_RECORDS } from '../harness/tutorial-samples.ts';
import { CRM, useStand } from '../scenarios/stand.ts';

const onStand = useStand();

const ENV = { MARKETING_WEBHOOK_URL: 'CRM', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };
const LOAD = ['list', 'load', 'contacts.json', '--list', 'L1', '--campaign', 'C1'];
const [FIRST, SECOND] = RAW_LIST_RECORDS;

const phoneOf = (record: { readonly fields: readonly { name: string; value: string }[] } | undefined) =>
  record?.fields.find(({ name }) => name === 'phone_number');

it("of the tutorial's three records two are loaded, the best first, and event and audit say so", async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    stand.file('contacts.json', JSON.stringify(RAW_LIST_RECORDS));
    const { code, document } = await stand.json<ListLoadResult>(LOAD);
    expect({ code, counts: document.counts }).toEqual({
      code: 0,
      counts: { total: 3, pending: 0, created: 2, duplicate: 1 },
    });
    const metrics = {
      rawIngested: 3,
      uniqueProcessed: 2,
      deduplicationRate: '33.33%',
      throughputPerMinute: expect.stringMatching(/^\d+\.\d$/) as string,
      successes: 2,
      conflicts: 0,
      failures: 0,
      suppressed: 0,
      invalid: 0,
      cancelled: 0,
    };
    expect(document.metrics).toEqual(metrics);
    expect(document.capacity).toEqual({ before: 0, after: 2, max: 100_000 });
    await stand.conserved(document.runId, { result: document });

    const items = await stand.admin.itemJournal();
    expect(items.map(({ listId, item }) => ({ listId, ...item }))).toEqual([
      { listId: 'L1', deduplicationKeys: [phoneOf(FIRST)], fields: FIRST?.fields, priority: 10 },
      { listId: 'L1', deduplicationKeys: [phoneOf(SECOND)], fields: SECOND?.fields, priority: 1 },
    ]);

    const records = await stand.cxflow(['records', document.runId]);
    expect(records.stdout).toMatch(/100.*\n.*15.*\n/);

    const [event, ...others] = await stand.admin.webhooks(CRM);
    expect(others).toEqual([]);
    expect(event?.body).toEqual({
      event: 'list_update_complete',
      timestamp: expect.any(String) as string,
      id: expect.any(String) as string,
      runId: document.runId,
      listId: 'L1',
      campaignId: 'C1',
      metrics,
    });

    const uploads: unknown[] = [];
    for await (const { action, data } of stand.client.ledger.audit.list(document.runId))
      if (action === 'BULK_UPLOAD') uploads.push(data);
    expect(uploads).toEqual([
      {
        listId: 'L1',
        campaignId: 'C1',
        recordsProcessed: 2,
        deduplicationRate: '33.33%',
        successCount: 2,
        conflictCount: 0,
      },
    ]);
  });
});
