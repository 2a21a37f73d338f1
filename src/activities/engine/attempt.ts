/**
 * The one way in which a write reaches CXone: claim, lease, send, and on failure release it, note the lost answer, or
 * leave it in doubt. Settling an answer is the caller's, since only the operation can read it. The order of the steps is
 * what makes it safe (docs/adr/0014-lost-answers.md): a claim is committed before the request leaves, the lease is checked
 * right before the first byte, and an answer settles only under the fence of its claim.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CxoneError, CxoneRateLimited } from '../../cxone/errors.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type Claim, type Claimed, LEASE_MARGIN_MS } from '../../ledger/writes/claims.ts';
import type { SentClaim } from '../../ledger/writes/writes.ts';
import { isAbort, RateWait, throwIfAborted } from '../failures.ts';
import { nameFailure } from './failing.ts';
import { GateInterrupted, MustNotRepeat } from './gate.ts';
import { Lease, LeaseExpired, type Moment, momentNow } from './lease.ts';
import { RateLimitBackoff } from './rate-limit-backoff.ts';
import { LONGEST_WAIT_MS, RateLimitedMeanwhile, type RateLimiter } from './rate-limiter.ts';
import { SentMarks } from './sent-marks.ts';
import type { WriteRules } from './write-definition.ts';

export interface AttemptDeps {
  readonly ledger: Ledger;
  readonly rateLimiter: RateLimiter;
  /** Names this process in the ledger. */
  readonly holder: string;
  /** Aborted when nothing more is to be claimed or sent. */
  readonly signal: AbortSignal;
  /** How long a claim waits for the end of a block; a longer one is a RateWait. */
  readonly longestBlockMs?: number;
}

/** A write that this process has claimed and not settled. */
export interface HeldWrite {
  readonly id: string;
  readonly fence: number;
  /** How many answers to it were lost. */
  readonly lostAnswers: number;
  readonly payload: string;
  readonly lease: Lease;
  /** When the claim was requested, on the monotonic clock. */
  readonly claimedAtMs: number;
}

/** Why a write could not be claimed; `blocked` is waited for. */
export type NotClaimed = Exclude<Claimed, { verdict: 'claimed' | 'blocked' }>;

export type ClaimResult<Other = never> =
  | { readonly verdict: 'held'; readonly write: HeldWrite }
  | NotClaimed
  | Other;

/**
 * `unsent`: nothing left, and the write is open again. `unanswered`: there is no answer, and the ledger knows it. `given_up`:
 * there is none, and the write is settled. `left`: it must not be repeated, and is in doubt.
 */
export type SendResult<A, E> =
  | { readonly kind: 'answered'; readonly answer: A; readonly latencyMs: number }
  | { readonly kind: 'unsent'; readonly error: Error }
  | { readonly kind: 'unanswered'; readonly error: CxoneError; readonly latencyMs: number }
  | { readonly kind: 'left'; readonly error: MustNotRepeat }
  | { readonly kind: 'given_up'; readonly error: CxoneError; readonly ending: E };

type ClaimWrite<Other> = (
  claim: Claim,
) => Promise<Claimed | (Extract<Claimed, { verdict: 'claimed' }> & { id: string }) | Other>;

/** What becomes of a write without an answer, where that is not simply to be repeated. */
export interface Unanswered<E> {
  /** For one that must not be repeated; others do not need it. */
  readonly leaveInDoubt?: (why?: string) => Promise<void>;
  /** For one that may have always failed: settles it, and returns how it ended. Null: it is not given up. */
  readonly giveUp?: (error: CxoneError) => Promise<E | null>;
}

export class Attempts {
  readonly #deps: AttemptDeps;
  readonly #backoff = new RateLimitBackoff();
  readonly #sentMarks: SentMarks;

  constructor(deps: AttemptDeps) {
    this.#deps = deps;
    this.#sentMarks = new SentMarks((claims) => deps.ledger.writes.markSent(claims));
  }

  /**
   * Waits for a permit, then claims the write. `claim` replaces the ledger's plain claim where more has to be stored with
   * it. Throws RateWait if the wait is longer than a page waits, SpacingWait if the turn of a write that is kept apart has not
   * come, and an AbortError once the signal is aborted.
   */
  async claim<Other extends { readonly verdict: string } = never>(
    runNo: number,
    id: string,
    { deadlineMs, spacing }: WriteRules,
    claim: ClaimWrite<Other> = (plain) => this.#deps.ledger.writes.claim(plain),
  ): Promise<ClaimResult<Other>> {
    const { rateLimiter, holder, signal, longestBlockMs = LONGEST_WAIT_MS } = this.#deps;
    const leaseMs = deadlineMs + LEASE_MARGIN_MS;
    for (;;) {
      if (spacing && spacing.intervalMs > 0) await rateLimiter.acquireTurn(spacing, signal);
      else await rateLimiter.acquire(signal);
      throwIfAborted(signal);
      // The lease began no later than this: the time that the claim itself took counts.
      const since = momentNow();
      const claimed = await claim({ runNo, id, leaseMs, holder, tenant: rateLimiter.tenant });
      if (isClaimed(claimed)) return { verdict: 'held', write: this.#hold(id, claimed, since, leaseMs) };
      if (!isBlocked(claimed)) return claimed;
      rateLimiter.noteBlock(claimed.waitMs);
      if (claimed.waitMs > longestBlockMs) throw new RateWait(claimed.waitMs);
      await delay(claimed.waitMs, undefined, { signal });
    }
  }

  #hold(
    id: string,
    claimed: Extract<Claimed, { verdict: 'claimed' }> & { readonly id?: string },
    since: Moment,
    leaseMs: number,
  ): HeldWrite {
    const { fence, lostAnswers, payload } = claimed;
    const heldId = claimed.id ?? id;
    const renew = () => this.#deps.ledger.writes.renew(heldId, fence, leaseMs);
    return {
      id: heldId,
      fence,
      lostAnswers,
      payload,
      lease: new Lease(since, renew),
      claimedAtMs: since.monotonic,
    };
  }

  /** Right before the first byte of a request that writes. Throws LeaseExpired. */
  beforeSend(write: HeldWrite): void {
    write.lease.check();
    this.#sentMarks.add(write);
  }

  /** For an answer that is lost or cannot be settled: whoever decides about the write has to know that the request left. */
  async markSent(claim: SentClaim): Promise<void> {
    await this.#sentMarks.markNow([claim]);
  }

  /**
   * Sends a held write. `request` must call `beforeSend`, or `write.lease.check()` where nobody asks later whether the request
   * left, right before its first byte. Errors of CXone become results; errors of the ledger are thrown, and the write keeps
   * its lease until that expires.
   */
  async send<A, E = never>(
    write: HeldWrite,
    rules: WriteRules,
    request: () => Promise<A>,
    { giveUp, leaveInDoubt = neverInDoubt }: Unanswered<E> = {},
  ): Promise<SendResult<A, E>> {
    let startedAt = performance.now();
    try {
      await this.#assertClaimUsable(write);
      startedAt = performance.now();
      const answer = await request();
      this.#backoff.reset();
      return { kind: 'answered', answer, latencyMs: performance.now() - startedAt };
    } catch (error) {
      if (isUnsent(error)) {
        if (error instanceof GateInterrupted && error.cause)
          await this.applyRateLimit(error.cause, startedAt);
        await this.#deps.ledger.writes.release(write.id, write.fence);
        return { kind: 'unsent', error };
      }
      if (error instanceof MustNotRepeat) {
        await leaveInDoubt(error.message);
        return { kind: 'left', error };
      }
      if (!(error instanceof CxoneError)) throw error;
      await this.applyRateLimit(error, startedAt);
      const latencyMs = performance.now() - startedAt;
      const ending = (await giveUp?.(error)) ?? null;
      if (ending !== null) return { kind: 'given_up', error, ending };
      await this.#recordNoAnswer(write, error, rules, leaveInDoubt);
      return { kind: 'unanswered', error, latencyMs };
    }
  }

  /** Blocks the tenant after a 429, before anything else is done about it: until the ledger knows, others would claim. */
  async applyRateLimit(error: CxoneError, sentAtMs: number): Promise<void> {
    if (!(error instanceof CxoneRateLimited)) return;
    const { retryAfterMs } = error;
    await this.#deps.rateLimiter.block(
      this.#backoff.waitMs({ retryAfterMs, sentAtMs, nowMs: performance.now() }),
      error.message,
    );
  }

  /** For writes of many requests: a permit and a renewed lease for the next one. False: stop here. */
  async nextRequest(runNo: number, lease: Lease): Promise<boolean> {
    // The first request uses the permit that the claim took.
    if (lease.requests === 0) return true;
    const { ledger, rateLimiter, signal } = this.#deps;
    try {
      await rateLimiter.acquire(signal);
      // A claim checks both; these further requests have no claim of their own.
      const [blockedMs, steering] = await Promise.all([
        rateLimiter.blockedMs(),
        ledger.runs.getSteering(runNo),
      ]);
      if (blockedMs > 0 || steering !== 'go') return false;
    } catch (error) {
      if (isAbort(error) || error instanceof RateWait) return false;
      throw error;
    }
    await lease.renewIfOld();
    return !signal.aborted;
  }

  /** Much may have happened while a claimed write waited for its slot. Throws if it must not be sent any more. */
  async #assertClaimUsable({ lease, claimedAtMs }: HeldWrite): Promise<void> {
    throwIfAborted(this.#deps.signal);
    this.#deps.rateLimiter.throwIfBlocked(claimedAtMs);
    await lease.renewIfOld();
  }

  async #recordNoAnswer(
    { id, fence }: HeldWrite,
    error: CxoneError,
    { repeatable }: WriteRules,
    leaveInDoubt: () => Promise<void>,
  ): Promise<void> {
    const { writes } = this.#deps.ledger;
    const failure = nameFailure(error);
    if (error.applied === 'no') await writes.release(id, fence, failure);
    else if (repeatable) await writes.markUnanswered(id, fence, failure ?? error.name);
    else {
      await this.markSent({ id, fence });
      await leaveInDoubt();
    }
  }
}

function isClaimed(claimed: {
  readonly verdict: string;
}): claimed is Extract<Claimed, { verdict: 'claimed' }> {
  return claimed.verdict === 'claimed';
}

function isBlocked(claimed: {
  readonly verdict: string;
}): claimed is { readonly verdict: 'blocked'; readonly waitMs: number } {
  return claimed.verdict === 'blocked';
}

/** The request was stopped before its first byte. */
function isUnsent(error: unknown): error is Error {
  return (
    error instanceof LeaseExpired ||
    error instanceof RateLimitedMeanwhile ||
    error instanceof GateInterrupted ||
    isAbort(error)
  );
}

function neverInDoubt(): Promise<void> {
  return Promise.reject(new Error('a write that must not be repeated needs a way to be left in doubt'));
}
