import { describe, expect, it } from 'vitest';
import { CxoneRateLimited } from '../../src/cxone/errors.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { ledgerOfFile, someId, upTo, writesOf } from '../ledger/harness.ts';
import { allBatches, CONTEXT, createWorker, fakeCxone, writeAll } from './harness.ts';
import { getFailure, pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countExactly } = pageHelpers(opened);

describe('a 429', () => {
  const limited = (retryAfterMs: number | null) =>
    new CxoneRateLimited({ ...CONTEXT, status: 429 }, retryAfterMs);

  it('with a long Retry-After ends the pages of all workers, and nothing is sent meanwhile', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 8);
    const tenant = someId('tenant');
    const run = await planned(200, 10);
    const cxone = fakeCxone({
      before: (n) => {
        if (n === 1) throw limited(60_000);
      },
    });
    const a = createWorker(ledger, cxone.cxone, { tenant, maxInFlight: 1 });
    const b = createWorker(other, cxone.cxone, { tenant, maxInFlight: 4 });
    for (const worker of [a, b]) {
      const failure = await getFailure(worker.writePage(allBatches(run)));
      expect(failure).toMatchObject({ type: 'RateLimited', nonRetryable: false });
      expect(Number(failure.nextRetryDelay)).toBeGreaterThan(50_000);
    }
    expect(cxone.posts).toEqual([]);
    const open = await writesOf(ledger, run);
    expect(new Set(open.map(({ state }) => state))).toEqual(new Set(['planned']));
    await other.close();
  });

  it('whose block is lifted stops nothing any more, not even the worker that received it', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const run = await planned(60, 10);
    const cxone = fakeCxone({
      before: (n) => {
        if (n === 1) throw limited(86_400_000);
      },
    });
    const worker = createWorker(ledger, cxone.cxone, { tenant, maxInFlight: 2 });
    const failure = await getFailure(worker.writePage(allBatches(run)));
    // It checks again after a minute, although the block lasts a day.
    expect(failure).toMatchObject({ type: 'RateLimited', nextRetryDelay: 60_000 });
    const block = await ledger.rateBudget.lift(tenant, { by: 'dana' });
    expect(block?.reason).toBe(limited(86_400_000).message);
    await writeAll(worker, allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 60, pending: 0, created: 60 });
  });

  it.each([0, -1, 1e-6])('that asks for %d ms is followed by the backoff, and fails nothing', async (ms) => {
    const run = await planned(10, 10);
    const cxone = fakeCxone({
      before: () => {
        throw limited(ms);
      },
    });
    const failure = await getFailure(createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run)));
    expect(failure).toMatchObject({ type: 'RateLimited', nonRetryable: false });
    expect(Number(failure.nextRetryDelay)).toBeGreaterThan(0);
  });

  it('with a short Retry-After is waited out in the page, and nothing is sent meanwhile', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 8);
    const tenant = someId('tenant');
    // Enough batches that most of them would be sent during the wait if it were ignored.
    const run = await planned(600, 10);
    let refusedAt = 0;
    const cxone = fakeCxone({
      before: (n) => {
        if (n !== 3) return;
        refusedAt = performance.now();
        throw limited(700);
      },
    });
    const workers = [ledger, other].map((mine) =>
      createWorker(mine, cxone.cxone, { tenant, maxInFlight: 1 }),
    );
    await Promise.all(workers.map((worker) => worker.writePage(allBatches(run))));
    for (const worker of workers) await writeAll(worker, allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 600, pending: 0, created: 600 });
    // Until the 429 is stored, the other worker may send a few requests.
    const meanwhile = cxone.sentAt.filter((at) => at > refusedAt && at < refusedAt + 690);
    expect(meanwhile.length).toBeLessThanOrEqual(5);
    await other.close();
  });

  it('to every request fails the page, so that Temporal waits without a growing history', async () => {
    const run = await planned(30, 10);
    const cxone = fakeCxone({
      before: () => {
        throw limited(10);
      },
    });
    const failure = await getFailure(createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run)));
    expect(failure).toMatchObject({ type: 'RateLimited', nonRetryable: false });
    expect(await countExactly(run)).toEqual({ total: 30, pending: 30 });
  });

  it('without Retry-After is followed by a backoff', async () => {
    const run = await planned(30, 10);
    let refusedAt = Infinity;
    const cxone = fakeCxone({
      before: (n) => {
        if (n !== 1) return;
        refusedAt = performance.now();
        throw limited(null);
      },
    });
    const tenant = someId('tenant');
    await writeAll(createWorker(opened().ledger, cxone.cxone, { tenant, maxInFlight: 1 }), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 30, pending: 0, created: 30 });
    const [first = 0] = cxone.sentAt;
    // Timers may be a few milliseconds early.
    expect(first - refusedAt).toBeGreaterThanOrEqual(990);
  });

  it('in the middle of many updates keeps those that are done', async () => {
    const run = await planned(10, 10, { existing: 'update' });
    const tenant = someId('tenant');
    const cxone = fakeCxone(
      {
        before: (n) => {
          // Every third request is refused.
          if (n % 3 === 0) throw limited(20);
        },
      },
      new Set(upTo(10).map((seq) => `c${seq}`)),
    );
    await writeAll(createWorker(opened().ledger, cxone.cxone, { tenant }), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, updated: 10 });
    expect(cxone.puts).toEqual(upTo(10).map((seq) => `c${seq}`));
  });
});
