import { sql } from 'kysely';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mostUnsettled } from '../../src/activities/engine/rate-limiter.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import { ledgerOfFile } from '../ledger/harness.ts';
import { allBatches, createWorker, fakeCxone, writeAll } from './harness.ts';
import { pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countExactly, countEvidence } = pageHelpers(opened);
afterEach(() => vi.restoreAllMocks());

function readSingleWrite({ run_no }: Run) {
  const { db } = opened().database;
  return db.selectFrom('writes').selectAll().where('run_no', '=', run_no).executeTakeFirstOrThrow();
}

describe('the fence', () => {
  it.each(['wall clock', 'monotonic clock'])(
    'stops the request of a worker that was suspended between claim and request (%s)',
    async (clock) => {
      const run = await planned(10);
      const suspendedMs = 6_000;
      const cxone = fakeCxone({
        before: (n) => {
          if (n !== 1) return;
          const [wall, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)];
          if (clock === 'wall clock') vi.spyOn(Date, 'now').mockImplementation(() => wall() + suspendedMs);
          else vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + suspendedMs);
        },
      });
      const worker = createWorker(opened().ledger, cxone.cxone);
      expect(await worker.writePage(allBatches(run))).toMatchObject({ left: 1 });
      expect(cxone.posts).toEqual([]);
      vi.restoreAllMocks();
      await writeAll(worker, allBatches(run));
      expect(await countEvidence(run)).toEqual([['created', null, 10]]);
    },
  );

  it('lets two workers write the same page without writing a record twice', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 8);
    const run = await planned(300, 10);
    const cxone = fakeCxone();
    const workers = [ledger, other].map((mine) => createWorker(mine, cxone.cxone));
    await Promise.all(workers.map((worker) => worker.writePage(allBatches(run))));
    expect(await countExactly(run)).toEqual({ total: 300, pending: 0, created: 300 });
    expect(cxone.posts).toHaveLength(30);
    await other.close();
  });

  it('keeps the answer of a worker that lost its lease as evidence, and settles by that of the new holder', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      after: async (n) => {
        if (n !== 1) return;
        await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
          opened().database.db,
        );
        // A page passes over a write whose row is locked, as it is while it is noted that its request has left.
        await writeAll(createWorker(opened().ledger, cxone.cxone), allBatches(run));
      },
    });
    await createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run));
    expect(await countEvidence(run)).toEqual([['existing', 'own_write_or_existing', 10]]);
    const write = await readSingleWrite(run);
    expect(write.late_answers).toMatchObject([{ fence: 1, httpStatus: 200, counts: { created: 10 } }]);
  });
});

describe('a slow ledger', () => {
  it('leaves as many writes unsettled as mostUnsettled says, and never more', async () => {
    const { ledger } = opened();
    const [inFlight, batch] = [4, 10];
    const run = await planned(200, batch);
    const cxone = fakeCxone();
    let settled = 0;
    const unsettled: number[] = [];
    const waiting: (() => void)[] = [];
    const slow: typeof ledger = {
      ...ledger,
      writes: {
        ...ledger.writes,
        async settle(settlement) {
          unsettled.push(cxone.posts.length - settled);
          await new Promise<void>((resolve) => waiting.push(resolve));
          settled += 1;
          return ledger.writes.settle(settlement);
        },
      },
    };
    const working = createWorker(slow, cxone.cxone, { maxInFlight: inFlight }).writePage(allBatches(run));
    for (let left = 20; left > 0; left -= 1) {
      await until(
        () => waiting.length,
        (length) => length === Math.min(mostUnsettled(inFlight), left),
      );
      waiting.shift()?.();
    }
    expect(await working).toMatchObject({ left: 0 });
    expect(Math.max(...unsettled)).toBe(mostUnsettled(inFlight));
  });
});

describe('a lost connection to the ledger', () => {
  it('fails the page with a retryable failure at any moment, and no record is lost or written twice', async () => {
    const { url, database } = opened();
    const ledger = openLedger(url, 8);
    const [breaks, inFlight, batch] = [8, 4, 10];
    const run = await planned(1_200, batch);
    const cxone = fakeCxone({
      after: async (n) => {
        if (n % 7 !== 0 || n / 7 > breaks) return;
        await sql`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`.execute(database.db);
      },
    });
    const worker = createWorker(ledger, cxone.cxone, { maxInFlight: inFlight });
    let failures = 0;
    for (let pass = 0; pass < 120; pass += 1) {
      // Expires the leases of the previous pass.
      await sql`update writes set lease_until = clock_timestamp()
        where run_no = ${run.run_no} and state = 'sending'`.execute(database.db);
      const result = await worker.writePage(allBatches(run)).catch((error: unknown) => {
        failures += 1;
        expect(error).toMatchObject({ type: 'LedgerUnavailable', nonRetryable: false });
        return null;
      });
      if (result?.left === 0) break;
    }
    expect(failures).toBeGreaterThan(0);
    const { created = 0, existing = 0, ...rest } = await countExactly(run);
    expect([created + existing, rest]).toEqual([1_200, { total: 1_200, pending: 0 }]);
    const evidence = (await countEvidence(run)).filter(([outcome]) => outcome === 'existing');
    for (const [, known] of evidence) expect(known).toBe('own_write_or_existing');
    expect(existing, 'existing contacts, at most what was not settled at each break').toBeLessThanOrEqual(
      breaks * mostUnsettled(inFlight) * batch,
    );
    expect(cxone.creations).toHaveLength(1_200);
    expect(new Set(cxone.creations).size).toBe(1_200);
    await ledger.close();
  });
});
