/**
 * The pace of one process: how many requests are in flight, and when the next one may leave. All pages of all runs
 * share it. The rate itself is one budget in the ledger for all workers of the tenant (decisions.md 17).
 */
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { RateBudget } from '../../ledger/writes/rate-budget.ts';

/**
 * At the limit itself, a vendor that counts over a sliding minute counts one too many whenever a request was late and
 * the one a minute after it is not. One percent below it, they may differ by 600 ms.
 */
const SHARE_OF_LIMIT = 0.99;

/**
 * Of the slots: so many writes more are claimed and wait for one, so that a free slot need not wait for a commit.
 * Few, because after a crash they have to be found out about as if they had been sent.
 */
const CLAIMED_AHEAD = 0.5;

/** Longer than a page waits for its turn: it comes back later. */
export const LONGEST_WAIT_MS = 10_000;

export class RateWait extends Error {
  override readonly name = 'RateWait';
  readonly #until: number;
  constructor(waitMs: number) {
    super('the line of the rate budget is longer than a page waits');
    this.#until = performance.now() + waitMs;
  }

  /** From now: whoever noticed it may have had places in the line to use up first. Never 0, which would mean unset. */
  get waitMs(): number {
    return Math.max(100, this.#until - performance.now());
  }
}

/** A 429 came for somebody else while a claim waited for its slot. Nothing was sent. */
export class HeldBack extends Error {
  override readonly name = 'HeldBack';
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
  const claims = pLimit(maxInFlight + Math.floor(maxInFlight * CLAIMED_AHEAD));
  // While an answer is being settled, its slot sends the next request: almost as many again may wait for the ledger.
  // Where one is in flight at a time, everything stays in its order.
  const places = pLimit(2 * maxInFlight - 1);
  const intervalMs = ratePerMinute === 0 ? 0 : 60_000 / (ratePerMinute * SHARE_OF_LIMIT);
  // Permits are taken from the ledger as many as are waited for, a second's worth at most, and used up one by one.
  const permitsAtOnce = Math.max(1, Math.floor(ratePerMinute / 60));
  let permits = { left: 0, nextAt: 0 };
  let waiting = 0;
  let line: Promise<unknown> = Promise.resolve();
  /** Blocks that are being written down. */
  let blocking: Promise<unknown> = Promise.resolve();
  /** As far as this process knows. */
  let blockedUntil = 0;

  const takePermits = async (): Promise<void> => {
    const wanted = Math.min(permitsAtOnce, waiting);
    const waitMs = await budget.take(tenant, intervalMs, wanted, LONGEST_WAIT_MS);
    if (waitMs > LONGEST_WAIT_MS) throw new RateWait(waitMs);
    permits = { left: wanted, nextAt: performance.now() + waitMs };
  };

  /** Each permit has its moment in the common line. Used later than that, it would be one too many beside the others'. */
  const dropMissed = (): void => {
    const missed = Math.max(0, Math.floor((performance.now() - permits.nextAt) / intervalMs));
    permits = { left: permits.left - missed, nextAt: permits.nextAt + missed * intervalMs };
  };

  const nextTurn = async (): Promise<number> => {
    dropMissed();
    if (permits.left <= 0) await takePermits();
    const at = permits.nextAt;
    permits = { left: permits.left - 1, nextAt: at + intervalMs };
    return at;
  };

  return {
    /** Runs a job once one of the process's slots is free: what sends a request. */
    inSlot: <T>(job: () => Promise<T>): Promise<T> => slots(job),

    /** Bounds what is claimed: a few more than there are slots. What sends in it asks for a slot. */
    claimed: <T>(job: () => Promise<T>): Promise<T> => claims(job),

    /** Bounds how much is taken up at once, from the claim to the settlement. What sends in it asks for a slot. */
    taken: <T>(job: () => Promise<T>): Promise<T> => places(job),

    /** Resolves when the next request may leave. Throws RateWait when that is more than LONGEST_WAIT_MS away. */
    async turn(signal?: AbortSignal): Promise<void> {
      // Or others would go on claiming for as long as a busy database takes to learn of the 429.
      await blocking;
      if (intervalMs === 0) return;
      waiting += 1;
      const mine = line.then(nextTurn).finally(() => {
        waiting -= 1;
      });
      line = mine.catch(() => undefined);
      const waitMs = (await mine) - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { signal });
    },

    /** A 429: nobody of this tenant sends anything for so long. */
    async block(ms: number): Promise<void> {
      this.holdBack(ms);
      permits = { left: 0, nextAt: 0 };
      const written = budget.block(tenant, ms);
      blocking = Promise.allSettled([blocking, written]);
      await written;
    },

    /** What a claim has learnt of such a block: those that are claimed already must not leave either. */
    holdBack(ms: number): void {
      blockedUntil = Math.max(blockedUntil, performance.now() + ms);
    },

    /** Errors: HeldBack. Asks this process only: a claim asks the ledger. */
    throwIfHeldBack(): void {
      if (performance.now() < blockedUntil) throw new HeldBack('a 429 asked for silence');
    },

    /** How long such a block still lasts, whoever of the tenant was told to wait; 0: it does not. */
    blockedMs: (): Promise<number> => budget.blockedMs(tenant),

    tenant,
    ratePerMinute,
  };
}

export type Pace = ReturnType<typeof createPace>;
