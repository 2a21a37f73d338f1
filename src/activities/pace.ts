/**
 * The pace of one process: how many requests are in flight, and when the next one may leave. All pages of all runs
 * share it. The rate itself is one budget in the ledger for all workers of the tenant (decisions.md 17).
 */
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { RateBudget } from '../ledger/rate-budget.ts';

/** Longer than a page waits for its turn: it comes back later. */
export const LONGEST_WAIT_MS = 10_000;

export class RateWait extends Error {
  override readonly name = 'RateWait';
  readonly waitMs: number;
  constructor(waitMs: number) {
    super(`the rate budget is free again in ${Math.ceil(waitMs / 1000)} s`);
    this.waitMs = waitMs;
  }
}

export interface PaceOptions {
  readonly budget: RateBudget;
  readonly tenant: string;
  /** Of all workers together; 0: unlimited. */
  readonly ratePerMinute: number;
  /** Of this process. */
  readonly maxInFlight: number;
}

export function createPace({ budget, tenant, ratePerMinute, maxInFlight }: PaceOptions) {
  const slots = pLimit(maxInFlight);
  const intervalMs = ratePerMinute === 0 ? 0 : 60_000 / ratePerMinute;
  // Permits are taken from the ledger a second's worth at a time, and used up one by one.
  const permitsAtOnce = Math.max(1, Math.floor(ratePerMinute / 60));
  let permits = { left: 0, nextAt: 0 };
  let line: Promise<unknown> = Promise.resolve();

  const takePermits = async (): Promise<void> => {
    const waitMs = await budget.take(tenant, intervalMs, permitsAtOnce, LONGEST_WAIT_MS);
    if (waitMs > LONGEST_WAIT_MS) throw new RateWait(waitMs);
    permits = { left: permitsAtOnce, nextAt: performance.now() + waitMs };
  };

  const nextTurn = async (): Promise<number> => {
    if (permits.left === 0) await takePermits();
    // Permits that were not used in their time do not pile up into a burst.
    const at = Math.max(permits.nextAt, performance.now());
    permits = { left: permits.left - 1, nextAt: at + intervalMs };
    return at;
  };

  return {
    /** Runs a job once one of the process's slots is free. */
    inSlot: <T>(job: () => Promise<T>): Promise<T> => slots(job),

    /** Resolves when the next request may leave. Throws RateWait when that is more than LONGEST_WAIT_MS away. */
    async turn(signal?: AbortSignal): Promise<void> {
      if (intervalMs === 0) return;
      const mine = line.then(nextTurn);
      line = mine.catch(() => undefined);
      const waitMs = (await mine) - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { signal });
    },

    /** A 429: nobody of this tenant sends anything for so long. */
    async block(ms: number): Promise<void> {
      permits = { left: 0, nextAt: 0 };
      await budget.block(tenant, ms);
    },

    tenant,
    ratePerMinute,
  };
}

export type Pace = ReturnType<typeof createPace>;
