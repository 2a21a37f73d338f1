import { describe, expect, it } from 'vitest';
import { eventually } from '../harness/wait.ts';
import { ledgerOfFile, upTo, writesOf } from '../ledger/harness.ts';
import { allBatches, createEnvironment, createWorker, fakeCxone, runActivity, writeAll } from './harness.ts';
import { pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countExactly } = pageHelpers(opened);

describe('halting', () => {
  it.each(['paused', 'stopped'] as const)('a page of a %s run sends nothing', async (steering) => {
    const run = await planned(50);
    const cxone = fakeCxone();
    await opened().ledger.runs.steer(run.run_no, steering);
    const result = await createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run));
    expect(result).toMatchObject({ halted: steering, left: 5 });
    expect(cxone.posts).toEqual([]);
  });

  it('a stop settles what is in flight, and nothing more is sent', async () => {
    const run = await planned(100);
    const cxone = fakeCxone({
      after: async (n) => {
        if (n === 2) await opened().ledger.runs.steer(run.run_no, 'stopped');
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    expect(await worker.writePage(allBatches(run))).toMatchObject({ halted: 'stopped', left: 8 });
    expect(await countExactly(run)).toEqual({ total: 100, pending: 80, created: 20 });
  });

  it('a cancelled activity settles what is in flight and returns', async () => {
    const run = await planned(100);
    const env = createEnvironment();
    const cxone = fakeCxone({
      after: (n) => {
        if (n === 3) env.cancel();
      },
    });
    const { activities } = createWorker(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    expect(await runActivity(() => activities.writePage(allBatches(run)), env)).toMatchObject({
      halted: 'cancelled',
      left: 7,
    });
    expect(await countExactly(run)).toEqual({ total: 100, pending: 70, created: 30 });
  });

  it('an activity that was cancelled before it began sends nothing', async () => {
    const run = await planned(10);
    const env = createEnvironment();
    const cxone = fakeCxone();
    env.cancel();
    const { activities } = createWorker(opened().ledger, cxone.cxone);
    expect(await runActivity(() => activities.writePage(allBatches(run)), env)).toMatchObject({
      halted: 'cancelled',
    });
    expect(cxone.posts).toEqual([]);
  });

  it('a cancel in the middle of many updates settles those that are done', async () => {
    const run = await planned(10, 10, { existing: 'update' });
    const env = createEnvironment();
    const cxone = fakeCxone(
      {
        after: (n) => {
          if (n === 4) env.cancel();
        },
      },
      new Set(upTo(10).map((seq) => `c${seq}`)),
    );
    const worker = createWorker(opened().ledger, cxone.cxone);
    expect(await runActivity(() => worker.activities.writePage(allBatches(run)), env)).toMatchObject({
      left: 1,
    });
    expect(await countExactly(run)).toEqual({ total: 10, pending: 7, updated: 3 });
    await writeAll(worker, allBatches(run));
    expect(cxone.puts).toHaveLength(10);
  });

  it('a pause in the middle of many updates begins no further request, and settles those that are done', async () => {
    const run = await planned(10, 10, { existing: 'update' });
    const cxone = fakeCxone(
      {
        after: async (n) => {
          if (n === 4) await opened().ledger.runs.steer(run.run_no, 'paused');
        },
      },
      new Set(upTo(10).map((seq) => `c${seq}`)),
    );
    const worker = createWorker(opened().ledger, cxone.cxone);
    expect(await worker.writePage(allBatches(run))).toMatchObject({ halted: 'paused', left: 1 });
    expect(cxone.puts).toHaveLength(3);
    expect(await countExactly(run)).toEqual({ total: 10, pending: 7, updated: 3 });
  });

  it('a draining worker claims nothing more and settles what is in flight', async () => {
    const run = await planned(100);
    const worker = createWorker(
      opened().ledger,
      fakeCxone({
        before: async (n) => {
          if (n === 2) worker.draining.abort();
          await new Promise((resolve) => setTimeout(resolve, 50));
        },
      }).cxone,
      { maxInFlight: 3 },
    );
    const result = await worker.writePage(allBatches(run));
    expect(result.halted).toBe('draining');
    expect(result.counts.pending).toBeGreaterThanOrEqual(70);
    const open = await writesOf(opened().ledger, run);
    expect(new Set(open.map(({ state }) => state))).toEqual(new Set(['planned']));
  });

  it('a draining worker does not wait for ever for an answer, but still settles a late one', async () => {
    const run = await planned(10);
    let answer: () => void = () => undefined;
    let drainingSince = Infinity;
    const late = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const after = () => {
      drainingSince = performance.now();
      worker.draining.abort();
      return late;
    };
    const worker = createWorker(opened().ledger, fakeCxone({ after }).cxone);
    expect(await worker.writePage(allBatches(run))).toMatchObject({ halted: 'draining', left: 1 });
    // After the grace of twelve seconds (src/worker.ts) Temporal would cancel the page instead of getting it back.
    expect(performance.now() - drainingSince).toBeLessThan(12_000);
    answer();
    await eventually(async () => expect(await countExactly(run)).toMatchObject({ created: 10 }));
  });
});
