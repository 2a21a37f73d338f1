/** What works through one page: pages.ts says what for. One of these for each try of a page. */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CxoneError, CxoneRateLimited } from '../../cxone/errors.ts';
import { type Claimed, LEASE_MARGIN_MS } from '../../ledger/writes/claims.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Answer, BulkKindName, Write } from './definition.ts';
import { doubtOf, mayBeSent } from './prior-attempt.ts';
import { asError, isAbort, isFinal } from '../failures.ts';
import { createLease, type Lease, LeaseExpired, type Moment, momentNow } from './lease.ts';
import { RateWait } from '../failures.ts';
import { RateLimitedMeanwhile, LONGEST_WAIT_MS } from './rate-limiter.ts';
import type { Page, PageDeps, PageResult } from './write-page.ts';
import { contentsOf, sentSince } from './write-contents.ts';
import { createPageSettling } from './settle.ts';
import { backoffMs, createRateLimitBackoff } from './rate-limit-backoff.ts';

type ClaimedNow = Extract<Claimed, { verdict: 'claimed' }>;

/** A claim of ours, and when its lease began at the latest. */
interface Mine {
  readonly claimed: ClaimedNow;
  readonly since: Moment;
}

/** An answer that is not settled yet. */
interface Sent {
  readonly answer: Answer;
  readonly fence: number;
  readonly latencyMs: number;
}

/** Why a page claims nothing more; the first reason stays. */
type Halt =
  | { readonly why: 'paused' | 'stopped' | 'draining' | 'cancelled' }
  | { readonly why: 'failed'; readonly error: Error };

/** Source: cxone-api.md "What every answer means", POSTs. */
const REQUEST_DEADLINE_MS = 15_000;
const LEASE_MS = REQUEST_DEADLINE_MS + LEASE_MARGIN_MS;
const DRAIN_MS = 7_000;
/** So many lost or refused connections in a row are an outage: the page ends, and Temporal's backoff takes over. */
const OUTAGE_AFTER = 5;
/** Where CXone answers some and loses others, those that were lost most often wait 4 s at most. */
const MOST_DOUBLINGS = 3;

export function createPageWorker(deps: PageDeps, run: Run) {
  const { ledger, rateLimiter } = deps;
  const kind = deps.kinds[run.kind as BulkKindName];
  const settling = createPageSettling(deps, run, kind);
  const waits = new AbortController();
  // As many writes wait by it as may be in flight.
  setMaxListeners(0, waits.signal);
  let halted: Halt | null = null;
  /** The line of the rate budget is too long: nothing more queues up, and those who have their place keep it. */
  let tooLong: RateWait | null = null;
  const backoff = createRateLimitBackoff();
  let failuresInARow = 0;
  let answered = false;
  let lastFailure: CxoneError | null = null;
  let leasedForMs = 0;

  let endDraining: () => void = () => undefined;
  const drained = new Promise<void>((resolve) => {
    endDraining = resolve;
  });

  const halt = (why: Halt): void => {
    halted ??= why;
    waits.abort();
    // What is unanswered by then is reconciled by the next worker.
    if (why.why === 'draining') setTimeout(endDraining, DRAIN_MS).unref();
  };

  /** `since`: when the lease began at the latest; the time that the claim itself took counts. */
  const claim = async (write: OpenWrite): Promise<{ claimed: Claimed; since: Moment }> => {
    for (;;) {
      await rateLimiter.acquire(waits.signal);
      const since = momentNow();
      const claimed = await ledger.writes.claim({
        runNo: run.run_no,
        id: write.id,
        leaseMs: LEASE_MS,
        holder: deps.holder,
        tenant: rateLimiter.tenant,
      });
      if (claimed.verdict !== 'blocked') return { claimed, since };
      rateLimiter.noteBlock(claimed.waitMs);
      if (claimed.waitMs > LONGEST_WAIT_MS) throw new RateWait(claimed.waitMs);
      await delay(claimed.waitMs, undefined, { signal: waits.signal });
    }
  };

  /** False: stop here, and let what is left be a write of its own. The first request has its turn from the claim. */
  const nextRequest = async (lease: Lease): Promise<boolean> => {
    if (lease.sent() === 0) return true;
    try {
      await rateLimiter.acquire(waits.signal);
      // A claim looks for a block of the tenant; these requests have none of their own.
      if ((await rateLimiter.blockedMs()) > 0) return false;
    } catch (error) {
      if (isAbort(error) || error instanceof RateWait) return false;
      throw error;
    }
    await lease.renewIfOld();
    return halted === null;
  };

  /** One write: claim, send, settle. Whatever goes wrong leaves it in a state that the next try understands. */
  const processWrite = async (write: OpenWrite): Promise<void> => {
    const sent = await rateLimiter.withClaimSlot(() => claimAndSend(write).catch(haltOn));
    if (!sent) return;
    const { answer, fence, latencyMs } = sent;
    await settling.settle(write, fence, answer, latencyMs);
    answered = true;
    backoff.reset();
    // Broken off in the middle: what was answered before is no part of an outage.
    if (!answer.interruptedBy || answer.groups.length > 0) failuresInARow = 0;
    if (answer.interruptedBy) recordFailure(answer.interruptedBy);
  };

  const claimAndSend = async (write: OpenWrite): Promise<Sent | null> => {
    const send = (mine: Mine) => sendClaimed(write, mine).catch(haltOn);
    if (kind.claimedAhead?.(write.kind)) {
      const mine = await claimToSend(write);
      return mine && rateLimiter.withRequestSlot(() => send(mine));
    }
    return rateLimiter.withRequestSlot(async () => {
      const mine = await claimToSend(write);
      return mine && send(mine);
    });
  };

  /** null: it is not to be sent now. */
  const claimToSend = async (write: OpenWrite): Promise<Mine | null> => {
    if (halted || tooLong) return null;
    const { claimed, since } = await claim(write);
    if (claimed.verdict === 'paused' || claimed.verdict === 'stopped') halt({ why: claimed.verdict });
    if (claimed.verdict === 'leased') leasedForMs = Math.max(leasedForMs, claimed.waitMs);
    if (claimed.verdict !== 'claimed') return null;
    if (mayBeSent(write, claimed.lostAnswers, kind.repeatable(write.kind))) return { claimed, since };
    await settling.leaveInDoubt(write, claimed.fence);
    return null;
  };

  /** null: there is no answer to settle. */
  const sendClaimed = async (write: OpenWrite, { claimed, since }: Mine): Promise<Sent | null> => {
    const { fence } = claimed;
    const lease = createLease(since, () => ledger.writes.renew(write.id, fence, LEASE_MS));
    let startedAt = performance.now();
    try {
      await assertClaimUsable(lease);
      startedAt = performance.now();
      const answer = await kind.write(writeOf(write, claimed, lease));
      const latencyMs = performance.now() - startedAt;
      if (answer.interruptedBy) await applyRateLimit(answer.interruptedBy, startedAt);
      return { answer, fence, latencyMs };
    } catch (error) {
      await giveUp(write, fence, error, startedAt);
      return null;
    }
  };

  /** What may have happened to a claim while it waited for a slot. Throws where nothing may be sent by it. */
  const assertClaimUsable = async (lease: Lease): Promise<void> => {
    waits.signal.throwIfAborted();
    rateLimiter.throwIfBlocked();
    await lease.renewIfOld();
  };

  const writeOf = (write: OpenWrite, claimed: ClaimedNow, lease: Lease): Write => {
    const contents = contentsOf(write, claimed.payload);
    return {
      run,
      writeId: write.id,
      batch: write.batch,
      kind: write.kind,
      seqs: contents.seqs,
      payload: claimed.payload,
      get records() {
        return contents.records();
      },
      refs: write.refs,
      doubt: doubtOf(write, claimed.lostAnswers),
      sentSince: sentSince(write, run),
      beforeSend: () => lease.check(),
      nextRequest: () => nextRequest(lease),
    };
  };

  /** The request failed, or was never sent. Ledger errors land here too: then the write keeps its lease. */
  const giveUp = async (write: OpenWrite, fence: number, error: unknown, sentAtMs: number): Promise<void> => {
    if (error instanceof LeaseExpired || error instanceof RateLimitedMeanwhile || isAbort(error))
      return ledger.writes.release(write.id, fence);
    if (!(error instanceof CxoneError)) throw error;
    await applyRateLimit(error, sentAtMs);
    if (error.applied === 'no') await ledger.writes.release(write.id, fence);
    else if (kind.repeatable(write.kind)) await ledger.writes.markUnanswered(write.id, fence);
    else await settling.leaveInDoubt(write, fence);
    recordFailure(error);
  };

  /** A 429, before anything else is done about it: until the ledger knows, others would claim. */
  const applyRateLimit = async (error: CxoneError, sentAtMs: number): Promise<void> => {
    if (!(error instanceof CxoneRateLimited)) return;
    const { retryAfterMs } = error;
    await rateLimiter.block(backoff.waitMs({ retryAfterMs, sentAtMs, nowMs: performance.now() }));
  };

  /** What an answer that is none means for the rest of the page; what it threw here ends the page. */
  const recordFailure = (error: CxoneError): void => {
    lastFailure = error;
    if (error instanceof CxoneRateLimited) return;
    failuresInARow += 1;
    if (isFinal(error)) throw error;
    if (failuresInARow >= OUTAGE_AFTER) throw error;
  };

  /** Said before the slot is free again, or the next one would still claim. */
  const haltOn = (error: unknown): null => {
    if (error instanceof RateWait) tooLong ??= error;
    else if (!(halted && isAbort(error))) halt({ why: 'failed', error: asError(error) });
    return null;
  };

  return {
    halt,
    counts: settling.counts,

    /** Rounds, because answers make new writes: the rest of a batch, its halves, its updates. */
    async work(page: Page): Promise<void> {
      const tried = new Set<string>();
      for (;;) {
        const open = await ledger.writes.listOpen(run.run_no, page.fromBatch, page.toBatch);
        // Whose turn never came goes first: the look-ups that an outage fails must not keep the objections behind them.
        const next = open.filter((write) => !tried.has(write.id)).toSorted((a, b) => a.attempts - b.attempts);
        if (next.length === 0 || halted || tooLong) break;
        for (const { id } of next) tried.add(id);
        const all = Promise.all(
          next.map((write) => rateLimiter.withPipelineSlot(() => processWrite(write).catch(haltOn))),
        );
        await Promise.race([all, drained]);
      }
      throwIfFailed(halted);
      if (tooLong && !halted) throw asError(tooLong);
    },

    /** Throws where CXone answered nothing at all: Temporal's backoff waits out an outage, and no history grows by it. */
    async result(page: Page): Promise<PageResult> {
      const left = await ledger.writes.listOpen(run.run_no, page.fromBatch, page.toBatch);
      if (lastFailure && !answered && left.length > 0 && !halted) throw lastFailure;
      const lostMost = Math.max(0, ...left.map((write) => write.lostAnswers));
      return {
        counts: await ledger.runs.counts(run.run_no),
        left: left.length,
        waitMs:
          left.length === 0
            ? 0
            : lostMost > 0
              ? backoffMs(Math.min(lostMost, MOST_DOUBLINGS))
              : Math.max(leasedForMs, 500),
        halted: haltedBy(halted),
      };
    },
  };
}

function throwIfFailed(halted: Halt | null): void {
  if (halted?.why === 'failed') throw halted.error;
}

function haltedBy(halted: Halt | null): PageResult['halted'] {
  return halted === null || halted.why === 'failed' ? null : halted.why;
}
