/**
 * Limits what one process sends: how many requests are in flight, and when the next one may leave. All pages of all runs
 * share it. The rate itself is one budget per tenant, kept in the ledger for all workers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import { CxoneRateLimited } from '../../cxone/errors.ts';
import { type RateBudget, toQueue } from '../../ledger/writes/rate-budget.ts';
import { RateWait, SpacingWait } from '../failures.ts';
import type { Spacing } from './write-definition.ts';

/**
 * At the limit itself, a vendor that counts over a sliding minute would count one request too many whenever one was late
 * and the one a minute after it was not. One percent below the limit leaves room for a difference of 600 ms.
 */
const SHARE_OF_LIMIT = 0.99;

/**
 * Claims held beyond the request slots, as a share of them, so that a free slot need not wait for a commit. Kept small:
 * after a crash every claimed write has to be reconciled as if it had been sent.
 */
const CLAIMS_AHEAD = 0.5;

/** A page does not wait longer than this for a permit; it settles what is in flight and comes back later. */
export const LONGEST_WAIT_MS = 10_000;

/** How long a 429 without `Retry-After` blocks, where nobody counts how many came in a row. */
const BACKOFF_MS = 5_000;

/** Another request received a 429 while this claim was waiting for its slot. Nothing was sent. */
export class RateLimitedMeanwhile extends Error {
  override readonly name = 'RateLimitedMeanwhile';
}

/**
 * How many writes of a process may be between claim and settlement. While one answer is being settled, its slot sends the next
 * request, so almost as many writes again as may be in flight are waiting for the ledger. With one request in flight at a time,
 * everything stays in order.
 */
export const mostUnsettled = (maxInFlight: number): number => 2 * maxInFlight - 1;

type Budget = Pick<RateBudget, 'take' | 'block' | 'blockedMs'>;

export interface RateLimiterOptions {
  readonly budget: Budget;
  readonly tenant: string;
  /** Of all workers together; 0 means unlimited. */
  readonly ratePerMinute: number;
  /** Of this process. */
  readonly maxInFlight: number;
  /** Called for each request that got a permit, with how long it waited for it. Longer waits than LONGEST_WAIT_MS are given up. */
  readonly onPermit?: ((waitedMs: number) => void) | undefined;
}

export class RateLimiter {
  readonly tenant: string;
  readonly ratePerMinute: number;
  readonly #budget: Budget;
  readonly #onPermit: (waitedMs: number) => void;
  readonly #requests: LimitFunction;
  readonly #claims: LimitFunction;
  readonly #pipeline: LimitFunction;
  readonly #intervalMs: number;
  /** Permits are taken from the ledger as many at a time as are waited for, at most a second's worth, and used one by one. */
  readonly #maxPermits: number;
  #permits = { left: 0, nextAt: 0 };
  #isTakingTurn = false;
  #waiting = 0;
  #queue: Promise<unknown> = Promise.resolve();
  /** Settles once every block requested so far is stored in the ledger. */
  #storedBlocks: Promise<unknown> = Promise.resolve();
  /** As far as this process knows, on the monotonic clock. */
  #block = { until: 0, knownSince: 0 };

  constructor({ budget, tenant, ratePerMinute, maxInFlight, onPermit }: RateLimiterOptions) {
    this.tenant = tenant;
    this.ratePerMinute = ratePerMinute;
    this.#budget = budget;
    this.#onPermit = onPermit ?? (() => undefined);
    this.#requests = pLimit(maxInFlight);
    this.#claims = pLimit(maxInFlight + Math.floor(maxInFlight * CLAIMS_AHEAD));
    this.#pipeline = pLimit(mostUnsettled(maxInFlight));
    this.#intervalMs = ratePerMinute === 0 ? 0 : 60_000 / (ratePerMinute * SHARE_OF_LIMIT);
    this.#maxPermits = Math.max(1, Math.floor(ratePerMinute / 60));
  }

  /** Runs a job that sends a request, once one of the process's request slots is free. */
  withRequestSlot<T>(job: () => Promise<T>): Promise<T> {
    return this.#requests(job);
  }

  /** Limits how many writes are claimed: a few more than there are request slots. */
  withClaimSlot<T>(job: () => Promise<T>): Promise<T> {
    return this.#claims(job);
  }

  /** Limits how many writes are worked on at once, from claim to settlement. */
  withPipelineSlot<T>(job: () => Promise<T>): Promise<T> {
    return this.#pipeline(job);
  }

  /** Resolves when the next request may leave. Throws RateWait if that is more than LONGEST_WAIT_MS away. */
  async acquire(signal?: AbortSignal): Promise<void> {
    // Otherwise claims would continue for as long as a busy database takes to store a 429.
    await this.#storedBlocks;
    if (this.#intervalMs === 0) return;
    const beganAt = performance.now();
    this.#waiting += 1;
    const permit = this.#queue
      .then(() => this.#nextPermit())
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#queue = permit.catch(() => undefined);
    const waitMs = (await permit) - performance.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
    this.#onPermit(performance.now() - beganAt);
  }

  /**
   * Like `acquire`, for a request that is kept apart from others of its kind. Never waits for its turn, since the caller holds a
   * slot: throws SpacingWait instead. The turn is taken last, so that nothing delays the request after it, and none is lost to
   * a block (RateWait). One at a time, because a permit without a turn is lost.
   */
  async acquireTurn({ name, intervalMs }: Spacing, signal?: AbortSignal): Promise<void> {
    if (this.#isTakingTurn) throw new SpacingWait(intervalMs, name);
    const queue = toQueue(this.tenant, name);
    const take = async (maxWaitMs: number) => {
      const waitMs = await this.#budget.take(queue, intervalMs, 1, maxWaitMs);
      if (waitMs > 0) throw new SpacingWait(waitMs, name);
    };
    this.#isTakingTurn = true;
    try {
      // Only asks.
      await take(-1);
      await this.#acquireUnblocked(signal);
      await take(0);
    } finally {
      this.#isTakingTurn = false;
    }
  }

  /** Like `acquire`; throws RateWait while the tenant is blocked, too. */
  async #acquireUnblocked(signal?: AbortSignal): Promise<void> {
    await this.acquire(signal);
    const blockedMs = await this.blockedMs();
    if (blockedMs > 0) throw new RateWait(blockedMs);
  }

  /**
   * For a request that belongs to no claim: sends it as soon as there is a permit. Errors: those of the request, of which a
   * 429 blocks the tenant first; RateWait while the tenant is blocked; AbortError.
   */
  async sendWithPermit<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#acquireUnblocked(signal);
    try {
      return await request();
    } catch (error) {
      if (error instanceof CxoneRateLimited)
        await this.block(error.retryAfterMs ?? BACKOFF_MS, error.message);
      throw error;
    }
  }

  /** After a 429: no worker of this tenant sends anything for this long. `reason` is shown to people. */
  async block(ms: number, reason: string): Promise<void> {
    // Until it is stored, the ledger still grants claims.
    this.#noteBlock(ms, Infinity);
    this.#permits = { left: 0, nextAt: 0 };
    const stored = this.#budget
      .block(this.tenant, ms, reason)
      .finally(() => this.#noteBlock(0, performance.now()));
    this.#storedBlocks = Promise.allSettled([this.#storedBlocks, stored]);
    await stored;
  }

  /** A claim found a block in the ledger: writes that this process has claimed already must not leave either. */
  noteBlock(ms: number): void {
    this.#noteBlock(ms, performance.now());
  }

  #noteBlock(ms: number, knownSince: number): void {
    this.#block = { until: Math.max(this.#block.until, performance.now() + ms), knownSince };
  }

  /**
   * Throws RateLimitedMeanwhile if this process has learned of a block since the claim began. A later claim has asked the
   * ledger, where the block may have been lifted meanwhile.
   */
  throwIfBlocked(claimedAtMs: number): void {
    const { until, knownSince } = this.#block;
    if (performance.now() < until && claimedAtMs <= knownSince)
      throw new RateLimitedMeanwhile('a 429 has blocked this tenant');
  }

  /** How long the tenant's block lasts, whichever worker received the 429; 0 if there is none. */
  blockedMs(): Promise<number> {
    return this.#budget.blockedMs(this.tenant);
  }

  /** The moment at which the next permit may be used. */
  async #nextPermit(): Promise<number> {
    this.#dropExpired();
    if (this.#permits.left <= 0) await this.#takePermits();
    const { left, nextAt } = this.#permits;
    this.#permits = { left: left - 1, nextAt: nextAt + this.#intervalMs };
    return nextAt;
  }

  /** Every permit has its moment in the tenant's common schedule; used later, it would be one too many beside the others'. */
  #dropExpired(): void {
    const { left, nextAt } = this.#permits;
    const expired = Math.max(0, Math.floor((performance.now() - nextAt) / this.#intervalMs));
    this.#permits = { left: left - expired, nextAt: nextAt + expired * this.#intervalMs };
  }

  async #takePermits(): Promise<void> {
    const wanted = Math.min(this.#maxPermits, this.#waiting);
    const waitMs = await this.#budget.take(this.tenant, this.#intervalMs, wanted, LONGEST_WAIT_MS);
    if (waitMs > LONGEST_WAIT_MS) throw new RateWait(waitMs);
    this.#permits = { left: wanted, nextAt: performance.now() + waitMs };
  }
}
