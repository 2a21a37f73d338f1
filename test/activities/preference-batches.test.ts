/** Settings for a CXone that often answers 429: smaller batches of preferences, at longer intervals. */
import { expect, it } from 'vitest';
import { LONGEST_WAIT_MS, RateLimiter } from '../../src/activities/engine/rate-limiter.ts';
import { eventually, within } from '../harness/wait.ts';
import { someId, upTo } from '../ledger/harness.ts';
import { allBatches, recordTurns, runActivity } from './harness.ts';
import { createRowWorker, nextPerson, openRunOf, optIn, rowWorkersOfFile } from './preferences.ts';

const { start } = rowWorkersOfFile();

const rowsOf = (n: number) => upTo(n).map(() => optIn(nextPerson(), 5));

it('a batch contains as many preferences as the setting says', async () => {
  const { runToEnd, countRequests } = await start({}, { preferencesPerBatch: 50 });
  const { plan, result } = await runToEnd(rowsOf(120));
  expect(plan).toMatchObject({ toWrite: 120, batches: 3 });
  expect(result.counts).toMatchObject({ updated: 120 });
  expect(await countRequests('POST')).toBe(3);
});

it('all workers of a tenant take turns to send batches, but not to send lookups', async () => {
  const { ledger, cxone, countRequests } = await start();
  const tenant = someId('tenant');
  const recorded = recordTurns(ledger);
  const options = { tenant, preferencesPerBatch: 2, preferencesIntervalMs: 40 };
  const workers = upTo(2).map(() => createRowWorker(recorded.ledger, cxone, options));
  await Promise.all(workers.map((worker) => worker.runToEnd(rowsOf(8))));
  expect([await countRequests('GET'), await countRequests('POST')]).toEqual([16, 8]);
  expect(recorded.turns.map(({ queue, intervalMs }) => [queue, intervalMs])).toEqual(
    upTo(8).map(() => [`${tenant} preference batches`, 40]),
  );
  // Listed with its tenant, which has no other requests to space and so no budget.
  const budgets = (await ledger.rateBudget.list()).filter((each) => each.tenant.startsWith(tenant));
  const nextFreeAt = expect.any(Date) as Date;
  const queues = [{ name: 'preference batches', nextFreeAt }];
  expect(budgets).toEqual([{ tenant, nextFreeAt: null, queues, block: null }]);
});

it('a batch that waits for its turn holds no request slot, which lookups and other runs need', async () => {
  const { ledger, cxone, countRequests } = await start();
  let turns = 0;
  let isOpen = false;
  // Asked whether it is a batch's turn, it says no from the second one on, until it is open.
  const take: typeof ledger.rateBudget.take = (_queue, _intervalMs, _permits, maxWaitMs) => {
    if (maxWaitMs < 0) return Promise.resolve(turns > 0 && !isOpen ? 50 : 0);
    turns += 1;
    return Promise.resolve(0);
  };
  const budget = { ...ledger.rateBudget, take };
  const rateLimiter = new RateLimiter({
    budget,
    tenant: someId('tenant'),
    ratePerMinute: 0,
    maxInFlight: 1,
  });
  const worker = createRowWorker(ledger, cxone, {
    rateLimiter,
    preferencesPerBatch: 1,
    preferencesIntervalMs: 50,
  });
  const run = await openRunOf(ledger, rowsOf(2), { guard: false });
  await worker.plan(run);
  const page = worker.writePage(allBatches(run));
  await eventually(async () => expect((await ledger.runs.counts(run.run_no)).pending).toBe(1));
  const slot = rateLimiter.withClaimSlot(() => rateLimiter.withRequestSlot(() => Promise.resolve()));
  await within(slot, 'a request slot');
  expect(await countRequests('POST')).toBe(1);
  isOpen = true;
  await page;
  expect(await countRequests('POST')).toBe(2);
});

it('no turn is taken while the tenant is blocked', async () => {
  const { ledger } = await start();
  const tenant = someId('tenant');
  const budget = ledger.rateBudget;
  const rateLimiter = new RateLimiter({ budget, tenant, ratePerMinute: 0, maxInFlight: 1 });
  const spacing = { name: 'preference batches', intervalMs: 600_000 };
  await budget.block(tenant, 60_000, 'a 429');
  await expect(rateLimiter.acquireTurn(spacing)).rejects.toThrow(/rate budget/);
  await budget.lift(tenant, { by: 'test' });
  await rateLimiter.acquireTurn(spacing);
  await expect(rateLimiter.acquireTurn(spacing)).rejects.toThrow('the interval between preference batches');
});

it('a batch whose permit takes long keeps no other batch waiting in a request slot', async () => {
  let grant: () => void = () => undefined;
  const permit = new Promise<number>((resolve) => (grant = () => resolve(0)));
  const budget = {
    take: (queue: string) => (queue === 't' ? permit : Promise.resolve(0)),
    block: () => Promise.resolve(),
    blockedMs: () => Promise.resolve(0),
  };
  const rateLimiter = new RateLimiter({ budget, tenant: 't', ratePerMinute: 60_000, maxInFlight: 2 });
  const spacing = { name: 'preference batches', intervalMs: 40 };
  const first = rateLimiter.acquireTurn(spacing);
  await expect(rateLimiter.acquireTurn(spacing)).rejects.toThrow('the interval between preference batches');
  grant();
  await first;
  await rateLimiter.acquireTurn(spacing);
});

it('a page ends without a claim if its next turn is too far away, and is retried later', async () => {
  const { ledger, cxone, countRequests } = await start();
  const tenant = someId('tenant');
  const options = { tenant, preferencesPerBatch: 1, preferencesIntervalMs: 2 * LONGEST_WAIT_MS };
  const worker = createRowWorker(ledger, cxone, options);
  const run = await openRunOf(ledger, rowsOf(3));
  await worker.plan(run);
  await expect(worker.writePage(allBatches(run))).rejects.toMatchObject({ type: 'RateLimited' });
  expect((await ledger.runs.counts(run.run_no)).pending).toBe(2);
  expect(await countRequests('POST')).toBe(1);
});

it('each batch has an event of its own, although one event for the run was requested', async () => {
  const bodies: { payload: unknown[] }[] = [];
  const marketing = (_: string, body: string) =>
    Promise.resolve(void bodies.push(JSON.parse(body) as { payload: unknown[] }));
  const options = { preferencesPerBatch: 2, webhooks: { crm: null, marketing } };
  const { plan, writeAll, activities, ledger } = await start({}, options);
  const run = await openRunOf(ledger, rowsOf(5), { notify: 'run' });
  await plan(run);
  await writeAll(run);
  await ledger.runs.setPhase(run.run_no, 'delivering', null);
  await runActivity(() => activities.deliverEvents(run.run_id));
  expect(bodies.map(({ payload }) => payload.length).toSorted()).toEqual([1, 2, 2]);
});

it('the plan takes the interval between batches into account', async () => {
  const plan = async (options: object, ratePerMinute = 0) => {
    const worker = await start({}, { preferencesPerBatch: 2, ratePerMinute, ...options });
    return worker.plan(await openRunOf(worker.ledger, rowsOf(6)));
  };
  expect(await plan({})).toMatchObject({ batches: 3, pageBatches: 100, estimatedSeconds: null });
  expect(await plan({ preferencesIntervalMs: 20_000 })).toMatchObject({
    batches: 3,
    pageBatches: 3,
    estimatedSeconds: 60,
  });
  // Three batches and six lookups.
  expect(await plan({ preferencesIntervalMs: 20_000 }, 6)).toMatchObject({ estimatedSeconds: 90 });
});
