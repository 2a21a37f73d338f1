/** A campaign is never filled beyond its capacity, by one run or by several. */
import { expect, it } from 'vitest';
import { csv } from './contacts.ts';
import { leads, load } from './leads.ts';
import { endOf, type Stand, useStand } from './stand.ts';

const onStand = useStand();

const SMALL_BATCHES = { CXFLOW_LIST_ITEMS_PER_BATCH: '10', CXFLOW_LIST_INTERVAL_MS: '0' };
const size = async ({ admin }: Stand, campaign: string) =>
  (await admin.campaignCapacity(campaign)).currentListSize;
const scoresOf = async ({ json }: Stand, runId: string, outcome: string): Promise<number[]> => {
  const { document } = await json<{ cxflow_score: unknown }[]>(['records', runId, '--outcome', outcome]);
  return document.map(({ cxflow_score: score }) => Number(score));
};

it('without room for all the run fails with figures; with --fit the best that fit are loaded', async () => {
  await onStand({ env: SMALL_BATCHES }, async (stand) => {
    await stand.admin.seedCapacity('F1', { currentListSize: 70, maxListSize: 100, lists: ['L1'] });
    const refused = await load(stand, 'L1', leads(1, 50), '--campaign', 'F1', '--id', 'too-many');
    expect(refused.code).toBe(1);
    expect(refused.document.failure).toMatchObject({ type: 'NoCapacity' });
    expect(refused.document.failure?.message).toMatch(/70 of at most 100 .*room for 30 of 50/);
    await stand.conserved('too-many', { state: 'failed' });
    expect(await size(stand, 'F1')).toBe(70);

    const fitted = await load(stand, 'L1', leads(1, 50), '--campaign', 'F1', '--fit');
    expect(fitted.document.counts).toEqual({ total: 50, pending: 0, created: 30, cancelled: 20 });
    expect(fitted.document.capacity).toEqual({ before: 70, after: 100, max: 100 });
    await stand.conserved(fitted.document.runId, { result: fitted.document });
    const created = await scoresOf(stand, fitted.document.runId, 'created');
    const cancelled = await scoresOf(stand, fitted.document.runId, 'cancelled');
    expect([created.length, cancelled.length]).toEqual([30, 20]);
    expect(Math.min(...created)).toBeGreaterThanOrEqual(Math.max(...cancelled));
  });
});

it.each([
  [{ currentListSize: 0, maxListSize: 0 }],
  [{ currentListSize: 100, maxListSize: null, listCapacity: 100 }],
])('a full campaign takes nobody: %j', async (sizes) => {
  await onStand({ env: SMALL_BATCHES }, async (stand) => {
    const campaign = `full-${sizes.currentListSize}`;
    await stand.admin.seedCapacity(campaign, { ...sizes, lists: [campaign] });
    const { document } = await load(stand, campaign, leads(1, 5), '--campaign', campaign, '--fit');
    expect(document.counts).toEqual({ total: 5, pending: 0, cancelled: 5 });
    await stand.conserved(document.runId, { result: document });
  });
});

it('suppressed and duplicate records need no room', async () => {
  await onStand({ env: SMALL_BATCHES, ownLedger: true }, async (stand) => {
    await stand.admin.seedCapacity('F2', { currentListSize: 95, maxListSize: 100, lists: ['L3'] });
    await stand.admin.seedSuppressions({
      entries: leads(1, 20).map((row) => ({ contactId: row.contact_id })),
    });
    const rows = [...leads(1, 25), ...leads(21, 25)];
    const { document } = await load(stand, 'L3', rows, '--campaign', 'F2');
    expect(document.counts).toEqual({ total: 30, pending: 0, created: 5, suppressed: 20, duplicate: 5 });
    await stand.conserved(document.runId, { result: document });
  });
});

it('two runs into one campaign never exceed it together', async () => {
  await onStand({ env: SMALL_BATCHES, latencyMs: 20 }, async (stand) => {
    await stand.admin.seedCapacity('F3', { currentListSize: 0, maxListSize: 100, lists: ['T1', 'T2', 'T3'] });
    stand.file('a.csv', csv(leads(1, 80)));
    stand.file('b.csv', csv(leads(101, 180)));
    stand.file('c.csv', csv(leads(201, 280)));
    const start = (file: string, list: string, ...more: string[]) =>
      stand.start([
        ...['list', 'load', file, '--list', list, '--campaign', 'F3', '--id', `load-${list}`],
        ...more,
      ]);
    const terminals = [start('a.csv', 'T1', '--fit'), start('b.csv', 'T2', '--fit'), start('c.csv', 'T3')];
    const [, , third] = await Promise.all(terminals.map(endOf));
    expect(await size(stand, 'F3')).toBeLessThanOrEqual(100);
    const counts = [await stand.conserved('load-T1'), await stand.conserved('load-T2')];
    const state = third?.code === 1 ? 'failed' : 'completed';
    const last = await stand.conserved('load-T3', { state });
    const created = [...counts, last].map((each) => each.created ?? 0);
    expect(await size(stand, 'F3')).toBe(created.reduce((sum, n) => sum + n, 0));
  });
});

it('a run that waits for approval keeps its room, and gives it back when it is rejected', async () => {
  await onStand({ env: SMALL_BATCHES }, async (stand) => {
    await stand.admin.seedCapacity('F4', { currentListSize: 0, maxListSize: 50, lists: ['W1', 'W2'] });
    stand.file('waiting.csv', csv(leads(1, 40)));
    const waiting = stand.start([
      ...['list', 'load', 'waiting.csv', '--list', 'W1', '--campaign', 'F4', '--id', 'load-w1', '--approval'],
    ]);
    await waiting.waitFor(/approve load-w1/);
    const refused = await load(stand, 'W2', leads(101, 120), '--campaign', 'F4', '--id', 'load-w2');
    expect(refused.document.failure?.message).toMatch(/load-w1.*room for 10 of 20/s);
    await stand.cxflow(['reject', 'load-w1']);
    await endOf(waiting);
    await stand.conserved('load-w1', { state: 'rejected' });
    const again = await load(stand, 'W2', leads(101, 120), '--campaign', 'F4', '--id', 'load-w2');
    expect(again.document.counts).toEqual({ total: 20, pending: 0, created: 20 });
    await stand.conserved('load-w2', { result: again.document });
  });
});
