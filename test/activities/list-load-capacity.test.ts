/** How many items fit into the campaign, also if several runs load it at the same time. */
import { describe, expect, it, vi } from 'vitest';
import { eventually } from '../harness/wait.ts';
import { claimed, group, settlement } from '../ledger/harness.ts';
import { allBatches, createEnvironment, createWorker, runActivity } from './harness.ts';
import { CAMPAIGN, figuresOf, lead, leads, listLoadStand, phone, phones } from './list-loads.ts';
import { getFailure } from './pages.ts';

const { opened, start } = listLoadStand();

describe('the capacity of a campaign', () => {
  it('is counted after suppression and deduplication', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(1), replace: true });
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 8, maxListSize: 10 });
    const { plan } = await cxone.plan(leads(1, 2, 2, 3));
    expect(figuresOf(plan).capacity).toEqual({ before: 8, after: 10, max: 10, reserved: 0 });
  });

  it('ends a run that does not fit, with figures and without a plan', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 99_999, maxListSize: 100_001 });
    const failure = await getFailure(cxone.plan(leads(1, 2, 3)));
    expect(failure).toMatchObject({ type: 'NoCapacity', nonRetryable: true });
    expect(failure.message).toContain(
      'campaign C1 has 99,999 of at most 100,001 items: there is room for 2 of 3.',
    );
    expect(failure.message).toContain('--fit');
  });

  it('0 means full, and without any figure it is a million, with a note', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 0 });
    expect(await getFailure(cxone.plan(leads(1)))).toMatchObject({ type: 'NoCapacity' });
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: null, currentListSize: null });
    const { plan } = await cxone.plan(leads(1));
    expect(figuresOf(plan).capacity).toMatchObject({ before: 0, max: 1_000_000 });
    expect(plan.notes).toEqual([
      'CXone does not state the current size of the campaign; it counts as 0',
      'CXone states no maximum for the campaign; it counts as 1,000,000',
    ]);
  });

  it('with fit is filled with the best, and the others are cancelled before the plan', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 7, maxListSize: 10 });
    const { run, plan, result } = await cxone.runToEnd(leads(1, 2, 3, 4, 5), { fit: true });
    expect(plan).toMatchObject({ toWrite: 3, cancelled: 2 });
    expect(await cxone.uploaded()).toEqual([5, 4, 3].map(phone));
    expect(await cxone.outcomes(run)).toMatchObject({
      1: 'cancelled no_capacity',
      2: 'cancelled no_capacity',
    });
    expect(result.capacity).toEqual({ before: 7, after: 10, max: 10 });
  });

  it('with fit and a full campaign everything is cancelled', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 12, maxListSize: 10 });
    const { plan, result } = await cxone.runToEnd(leads(1, 2), { fit: true });
    expect(plan).toMatchObject({ toWrite: 0, cancelled: 2, batches: 0 });
    expect(result.counts).toMatchObject({ cancelled: 2 });
  });

  it('with fit no duplicate takes the place of its winner if the worker dies before the plan', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 2 });
    const run = await cxone.open([lead(1, 90), lead(2, 80), lead(3, 70), lead(3, 60), lead(4, 50)], {
      fit: true,
    });
    await cxone.stage(run);
    const { ledger } = opened();
    const gone = () => Promise.reject(Object.assign(new Error('gone'), { code: '57P01' }));
    const options = { tenant: cxone.tenant, listLoad: cxone.settings };
    const dies = createWorker({ ...ledger, writes: { ...ledger.writes, plan: gone } }, cxone.cxone, options);
    const { planWrites } = dies.activities;
    await expect(runActivity(() => planWrites(run.run_id))).rejects.toMatchObject({
      type: 'LedgerUnavailable',
    });
    // Meanwhile there is more room.
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 3 });
    expect(await cxone.planOnly(run)).toMatchObject({ toWrite: 3, duplicate: 1, cancelled: 1 });
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([1, 2, 3].map(phone));
    const { counts } = await cxone.close(run);
    expect(counts).toMatchObject({ created: 3, duplicate: 1, cancelled: 1, pending: 0 });
    expect(await ledger.runs.counts(run.run_no)).toEqual(counts);
  });

  it('changes the hash of the plan, like the suppression list', async () => {
    const cxone = await start();
    const run = await cxone.open(leads(1));
    await cxone.stage(run);
    const first = await cxone.planOnly(run);
    expect((await cxone.planOnly(run)).hash).toBe(first.hash);
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 5 });
    expect((await cxone.planOnly(run)).hash).not.toBe(first.hash);
  });
});

describe('a lost answer about the campaign', () => {
  const CAMPAIGNS = { path: '^/api/v2/campaigns/' };

  it('is asked for again by the page, which keeps the order of the ranks', async () => {
    const cxone = await start();
    const { run } = await cxone.plan(leads(1, 2, 3, 4, 5));
    await cxone.admin.setFaults([{ match: CAMPAIGNS, times: 2, fault: { status: 503 } }]);
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([5, 4, 3, 2, 1].map(phone));
  });

  it('is waited for without a slot, so that other runs go on', async () => {
    const cxone = await start({}, { maxInFlight: 1 });
    const waiting = await cxone.plan(leads(1));
    const other = await cxone.plan(leads(2, 3, 4), { campaignId: 'C2' });
    // As long as a page waits.
    const fault = { status: 503, retryAfter: '10' };
    await cxone.admin.setFaults([{ match: { path: `${CAMPAIGNS.path}${CAMPAIGN}` }, fault }]);
    const asked = vi.spyOn(cxone.cxone.lists, 'getCampaign');
    const env = createEnvironment();
    const { activities } = cxone.worker;
    const page = runActivity(() => activities.writePage(allBatches(waiting.run)), env);
    await eventually(() => expect(asked).toHaveBeenCalled());
    await cxone.writeAll(other.run);
    expect(asked.mock.calls.filter(([{ campaignId }]) => campaignId === CAMPAIGN)).toHaveLength(1);
    env.cancel();
    expect(await page).toMatchObject({ halted: 'cancelled', left: 1 });
    expect(await cxone.uploaded()).toEqual([4, 3, 2].map(phone));
  });

  it('ends the page if it asks for a longer wait than a page waits, and nothing was sent', async () => {
    const cxone = await start();
    const { run } = await cxone.plan(leads(1, 2));
    await cxone.admin.setFaults([{ match: CAMPAIGNS, fault: { status: 503, retryAfter: '60' } }]);
    const failure = await getFailure(cxone.writeAll(run));
    expect(failure).toMatchObject({ type: 'CxoneUnavailable', nextRetryDelay: 60_000 });
    expect(await cxone.uploaded()).toEqual([]);
  });
});

describe('a lost batch', () => {
  it('keeps its room, whoever fills the campaign meanwhile', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 4 });
    const { run } = await cxone.plan(leads(1, 2, 3, 4));
    // Somebody outside of cxflow.
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 2 });
    await cxone.admin.setFaults([
      { match: { method: 'POST', family: 'lists' }, times: 1, fault: { reset: 'before' } },
    ]);
    const waiting = await getFailure(cxone.writeAll(run));
    expect(waiting).toMatchObject({ type: 'WritesInFlight', nonRetryable: false });
    expect(waiting.message).toContain(`items that have no answer yet (2 of ${run.run_id})`);
    expect(waiting.message).toContain('What this run has sent itself it sends again');
    expect(await cxone.uploaded()).toEqual([]);
    const full = await getFailure(cxone.writeAll(run));
    expect(full).toMatchObject({ type: 'NoCapacity', nonRetryable: true });
    expect(await cxone.uploaded()).toEqual([4, 3].map(phone));
  });
});

describe('several runs into one campaign', () => {
  it('never plan more than fits together, and the message names the run that has reserved the rest', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 10 });
    const first = await cxone.plan(leads(1, 2, 3, 4, 5, 6));
    const failure = await getFailure(cxone.plan(leads(11, 12, 13, 14, 15)));
    expect(failure.message).toContain(`6 of ${first.run.run_id}`);
    expect(failure.message).toContain('there is room for 4 of 5');
    const fitted = await cxone.plan(leads(21, 22, 23, 24, 25), { fit: true });
    expect(fitted.plan).toMatchObject({ toWrite: 4, cancelled: 1 });
    expect(figuresOf(fitted.plan).capacity).toMatchObject({ reserved: 6 });
    await Promise.all([cxone.writeAll(first.run), cxone.writeAll(fitted.run)]);
    expect(await cxone.uploaded()).toHaveLength(10);
    expect((await cxone.admin.campaignCapacity(CAMPAIGN)).currentListSize).toBe(10);
  });

  it('a run that ends gives back what it has not used, and a dry run reserves nothing', async () => {
    const cxone = await start();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 3 });
    const { run } = await cxone.plan(leads(1, 2, 3));
    await cxone.close(run, 'cancelled');
    await cxone.plan(leads(4, 5, 6), { dryRun: true });
    const { plan } = await cxone.plan(leads(7, 8, 9));
    expect(plan).toMatchObject({ toWrite: 3 });
  });

  it('that fit at the same moment share the campaign without exceeding it', async () => {
    const cxone = await start({}, { listLoad: { itemsPerBatch: 3 } });
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 10 });
    const rows = [0, 10, 20].map((first) => leads(...[1, 2, 3, 4, 5, 6].map((n) => first + n)));
    const planned = await Promise.all(rows.map((each) => cxone.plan(each, { fit: true })));
    expect(planned.reduce((sum, { plan }) => sum + plan.toWrite, 0)).toBeLessThanOrEqual(10);
    await Promise.all(planned.map(({ run }) => cxone.writeAll(run)));
    const uploaded = await cxone.uploaded();
    expect(uploaded.length).toBeLessThanOrEqual(10);
    const counts = await Promise.all(planned.map(({ run }) => opened().ledger.runs.exactCounts(run.run_no)));
    expect(counts.reduce((sum, { created = 0 }) => sum + created, 0)).toBe(uploaded.length);
    for (const { pending } of counts) expect(pending).toBe(0);
  });

  it('wait for what another run has sent until it has its answer, and cancel nothing meanwhile', async () => {
    const cxone = await start();
    const { ledger } = opened();
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 6 });
    const first = await cxone.plan(leads(1, 2));
    const second = await cxone.plan(leads(11, 12), { fit: true });
    const [write] = await ledger.writes.listOpen(first.run.run_no, 1, 9);
    const { fence } = await claimed(ledger, first.run, write?.id ?? '');
    // It has arrived, and its worker has died. Others have left room for the two only.
    await cxone.admin.seedCapacity(CAMPAIGN, { currentListSize: 4 });
    const waiting = { type: 'WritesInFlight', nonRetryable: false };
    const failure = await getFailure(cxone.writeAll(second.run));
    expect(failure).toMatchObject(waiting);
    expect(failure.message).toContain(`2 of ${first.run.run_id}`);
    expect(failure.message).not.toContain('itself');
    await ledger.writes.settle(settlement(write?.id ?? '', fence, [group('created', write?.seqs ?? [])]));
    await cxone.writeAll(second.run);
    expect(await ledger.runs.exactCounts(second.run.run_no)).toMatchObject({ created: 2, pending: 0 });
  });
});
