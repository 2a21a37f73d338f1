/** Writes that are claimed before a request slot is free (src/activities/engine/rate-limiter.ts), and what happens until then. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CxoneRateLimited } from '../../src/cxone/errors.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { LEASE_MARGIN_MS } from '../../src/ledger/writes/claims.ts';
import { until } from '../harness/wait.ts';
import { ledgerOfFile, plannedRun, someId, upTo, writesOf } from '../ledger/harness.ts';
import {
  allBatches,
  CONTEXT,
  createEnvironment,
  createWorker,
  fakeCxone,
  runActivity,
  type WorkerOptions,
} from './harness.ts';

const opened = ledgerOfFile();
const SLOTS = 4;
const AHEAD = 2;

const planned = (): Promise<Run> =>
  plannedRun(opened().ledger, 100, 10, { listId: 'L1', source: { dataset: 'd' } });

const times = (n: number, state: string) => Array.from({ length: n }, () => state);

/** The states of the open writes. */
async function listStates(run: Run): Promise<string[]> {
  return (await writesOf(opened().ledger, run)).map(({ state }) => state).sort();
}

const countSending = async (run: Run): Promise<number> =>
  (await listStates(run)).filter((state) => state === 'sending').length;

/** Starts a page whose first requests are all in flight until `answer` is called. */
async function startPage(options: WorkerOptions = {}) {
  const run = await planned();
  const env = createEnvironment();
  let answer: (n: number) => void = () => undefined;
  const answered = new Promise<number>((resolve) => (answer = resolve));
  const cxone = fakeCxone({
    async before(n) {
      if (n > SLOTS) return;
      const refused = await answered;
      if (n === refused) throw new CxoneRateLimited({ ...CONTEXT, status: 429 }, 60_000);
    },
  });
  const worker = createWorker(opened().ledger, cxone.cxone, {
    tenant: someId('tenant'),
    maxInFlight: SLOTS,
    ...options,
  });
  const page = runActivity(() => worker.activities.writePage(allBatches(run)), env);
  page.catch(() => undefined);
  const claimed = SLOTS + (options.duplicatesRefused === false ? 0 : AHEAD);
  await until(
    () => countSending(run),
    (n) => n === claimed,
  );
  return { run, env, page, answer, cxone };
}

describe('a write that is claimed before a request slot is free', () => {
  it('is one of half as many as there are slots, and is sent as soon as a slot is free', async () => {
    const { run, page, answer, cxone } = await startPage();
    await delay(50);
    expect(await listStates(run)).toEqual([...times(4, 'planned'), ...times(6, 'sending')]);
    answer(0);
    expect(await page).toMatchObject({ left: 0, counts: { created: 100, pending: 0 } });
    expect(cxone.posts).toHaveLength(10);
  });

  it('is not sent while a 429 to another request blocks the tenant', async () => {
    const { run, page, answer, cxone } = await startPage();
    answer(1);
    await expect(page).rejects.toMatchObject({ type: 'RateLimited' });
    expect(cxone.posts).toHaveLength(SLOTS - 1);
    expect(await listStates(run)).toEqual(times(7, 'planned'));
  });

  it('is released unsent when the activity is cancelled', async () => {
    const { run, env, page, answer, cxone } = await startPage();
    env.cancel();
    answer(0);
    expect(await page).toMatchObject({ halted: 'cancelled', left: 6 });
    expect(cxone.posts).toHaveLength(SLOTS);
    expect(await listStates(run)).toEqual(times(6, 'planned'));
  });

  it('is not sent after a long wait if another worker has taken it over', async () => {
    const { run, page, answer, cxone } = await startPage();
    const { db } = opened().database;
    await db.updateTable('writes').set({ fence: 99 }).where('run_no', '=', run.run_no).execute();
    await delay(LEASE_MARGIN_MS / 2);
    answer(0);
    // Of the six that were claimed, four had been sent. The remaining four of the ten were claimed later.
    expect(await page).toMatchObject({ left: SLOTS + AHEAD });
    expect(cxone.posts).toHaveLength(8);
  });

  it('does not exist if requests are not safe to repeat: after a crash it would be in doubt', async () => {
    const { run, page, answer } = await startPage({ duplicatesRefused: false });
    await delay(50);
    expect(await listStates(run)).toEqual([...times(6, 'planned'), ...times(4, 'sending')]);
    answer(0);
    expect(await page).toMatchObject({ left: 0, counts: { created: 100, pending: 0 } });
  });

  it('does not exist for writes of many requests, because they occupy a slot for long', async () => {
    const existing = { listId: 'L1', source: { dataset: 'd' }, existing: 'update' };
    const run = await plannedRun(opened().ledger, 100, 10, existing);
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const before = (n: number) => (n > 10 ? answered : undefined);
    const cxone = fakeCxone({ before }, new Set(upTo(100).map((seq) => `c${seq}`)));
    const worker = createWorker(opened().ledger, cxone.cxone, {
      tenant: someId('tenant'),
      maxInFlight: SLOTS,
    });
    const page = worker.writePage(allBatches(run));
    await until(
      () => cxone.posts.length,
      (n) => n === 10,
    );
    await until(
      () => countSending(run),
      (n) => n === SLOTS,
    );
    await delay(50);
    expect(await countSending(run)).toBe(SLOTS);
    answer();
    expect(await page).toMatchObject({ left: 0, counts: { updated: 100, pending: 0 } });
  });
});
