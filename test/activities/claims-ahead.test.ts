/** A few writes are claimed before there is a slot for them (src/activities/engine/rate-limiter.ts): what may happen meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CxoneRateLimited } from '../../src/cxone/errors.ts';
import { LEASE_MARGIN_MS } from '../../src/ledger/writes/claims.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { until } from '../harness/wait.ts';
import { ledgerOfFile, writesOf, plannedRun, someId, upTo } from '../ledger/harness.ts';
import {
  CONTEXT,
  environment,
  fakeCxone,
  perform,
  wholeOf,
  workerOf,
  type WorkerOptions,
} from './harness.ts';

const opened = ledgerOfFile();
const SLOTS = 4;
const AHEAD = 2;

const planned = (): Promise<Run> =>
  plannedRun(opened().ledger, 100, 10, { listId: 'L1', source: { dataset: 'd' } });

const times = (n: number, state: string) => Array.from({ length: n }, () => state);

/** Of those that are open. */
async function statesOf(run: Run): Promise<string[]> {
  return (await writesOf(opened().ledger, run)).map(({ state }) => state).sort();
}

const sending = async (run: Run): Promise<number> =>
  (await statesOf(run)).filter((state) => state === 'sending').length;

/** A page whose first requests are all in flight, and wait for `answer`. */
async function inFlight(options: WorkerOptions = {}) {
  const run = await planned();
  const env = environment();
  let answer: (n: number) => void = () => undefined;
  const answered = new Promise<number>((resolve) => (answer = resolve));
  const cxone = fakeCxone({
    async before(n) {
      if (n > SLOTS) return;
      const refused = await answered;
      if (n === refused) throw new CxoneRateLimited({ ...CONTEXT, status: 429 }, 60_000);
    },
  });
  const worker = workerOf(opened().ledger, cxone.cxone, {
    tenant: someId('tenant'),
    maxInFlight: SLOTS,
    ...options,
  });
  const page = perform(() => worker.activities.writePage(wholeOf(run)), env);
  page.catch(() => undefined);
  const claimed = SLOTS + (options.duplicatesRefused === false ? 0 : AHEAD);
  await until(
    () => sending(run),
    (n) => n === claimed,
  );
  return { run, env, page, answer, cxone };
}

describe('what is claimed and waits for a slot', () => {
  it('is half as much again as there are slots, and is sent as soon as there is one', async () => {
    const { run, page, answer, cxone } = await inFlight();
    await delay(50);
    expect(await statesOf(run)).toEqual([...times(4, 'planned'), ...times(6, 'sending')]);
    answer(0);
    expect(await page).toMatchObject({ left: 0, counts: { created: 100, pending: 0 } });
    expect(cxone.posts).toHaveLength(10);
  });

  it('does not leave within the silence that a 429 of another one asks for', async () => {
    const { run, page, answer, cxone } = await inFlight();
    answer(1);
    await expect(page).rejects.toMatchObject({ type: 'RateLimited' });
    expect(cxone.posts).toHaveLength(SLOTS - 1);
    expect(await statesOf(run)).toEqual(times(7, 'planned'));
  });

  it('does not leave when the activity is cancelled, and is as if it had never been claimed', async () => {
    const { run, env, page, answer, cxone } = await inFlight();
    env.cancel();
    answer(0);
    expect(await page).toMatchObject({ halted: 'cancelled', left: 6 });
    expect(cxone.posts).toHaveLength(SLOTS);
    expect(await statesOf(run)).toEqual(times(6, 'planned'));
  });

  it('does not leave when it waited long, and another worker has taken it over meanwhile', async () => {
    const { run, page, answer, cxone } = await inFlight();
    const { db } = opened().database;
    await db.updateTable('writes').set({ fence: 99 }).where('run_no', '=', run.run_no).execute();
    await delay(LEASE_MARGIN_MS / 2);
    answer(0);
    // Of the six, four had left; the other four were claimed later.
    expect(await page).toMatchObject({ left: SLOTS + AHEAD });
    expect(cxone.posts).toHaveLength(8);
  });

  it('is nothing where a request must not be repeated: after a crash it would be a person’s doubt', async () => {
    const { run, page, answer } = await inFlight({ duplicatesRefused: false });
    await delay(50);
    expect(await statesOf(run)).toEqual([...times(6, 'planned'), ...times(4, 'sending')]);
    answer(0);
    expect(await page).toMatchObject({ left: 0, counts: { created: 100, pending: 0 } });
  });

  it('is nothing for writes of many requests: they keep a slot for long', async () => {
    const existing = { listId: 'L1', source: { dataset: 'd' }, existing: 'update' };
    const run = await plannedRun(opened().ledger, 100, 10, existing);
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const before = (n: number) => (n > 10 ? answered : undefined);
    const cxone = fakeCxone({ before }, new Set(upTo(100).map((seq) => `c${seq}`)));
    const worker = workerOf(opened().ledger, cxone.cxone, { tenant: someId('tenant'), maxInFlight: SLOTS });
    const page = worker.writePage(wholeOf(run));
    await until(
      () => cxone.posts.length,
      (n) => n === 10,
    );
    await until(
      () => sending(run),
      (n) => n === SLOTS,
    );
    await delay(50);
    expect(await sending(run)).toBe(SLOTS);
    answer();
    expect(await page).toMatchObject({ left: 0, counts: { updated: 100, pending: 0 } });
  });
});
