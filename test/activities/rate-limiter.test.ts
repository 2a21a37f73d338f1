import { describe, expect, it, onTestFinished } from 'vitest';
import {
  LONGEST_WAIT_MS,
  RateLimitedMeanwhile,
  RateLimiter,
} from '../../src/activities/engine/rate-limiter.ts';
import { RateWait } from '../../src/activities/failures.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { ledgerOfFile, someId, upTo } from '../ledger/harness.ts';

const opened = ledgerOfFile();

function createRateLimiter(
  ratePerMinute: number,
  tenant = someId('tenant'),
  ledger = opened().ledger,
  maxInFlight = 100,
) {
  return new RateLimiter({ budget: ledger.rateBudget, tenant, ratePerMinute, maxInFlight });
}

/** Measures how late a permit may be on a busy machine: the slowest answer of the ledger plus the latest timer. */
function measureDelays(ledgers: readonly Ledger[]) {
  let [slowest, latest, last] = [0, 0, performance.now()];
  for (const { rateBudget } of ledgers) {
    const take = rateBudget.take.bind(rateBudget);
    rateBudget.take = async (...args) => {
      const before = performance.now();
      return take(...args).finally(() => {
        slowest = Math.max(slowest, performance.now() - before);
      });
    };
  }
  const timer = setInterval(() => {
    latest = Math.max(latest, performance.now() - last);
    last = performance.now();
  }, 5);
  onTestFinished(() => clearInterval(timer));
  return { maxMs: () => slowest + latest };
}

describe('the rate limiter', () => {
  it('keeps several processes together below the rate, through bursts and pauses', async () => {
    const { url } = opened();
    const intervalMs = 10;
    const tenant = someId('tenant');
    const ledgers = upTo(3).map(() => openLedger(url, 4));
    const delays = measureDelays(ledgers);
    const rateLimiters = ledgers.map((ledger) => createRateLimiter(60_000 / intervalMs, tenant, ledger));
    const times: number[] = [];
    const sendMany = async (n: number) => {
      const rateLimiter = rateLimiters[n % 3];
      for (let i = 0; i < 25; i += 1) {
        await rateLimiter?.acquire();
        times.push(performance.now());
        if (i % 8 === n % 8) await new Promise((resolve) => setTimeout(resolve, 40));
      }
    };
    await Promise.all(upTo(9).map(sendMany));
    times.sort((a, b) => a - b);
    // The rate holds for every interval, except that a late request may be close to those behind it.
    const toleranceMs = 60 + delays.maxMs();
    for (const [i, from] of times.entries())
      for (let j = i + 20; j < times.length; j += 20)
        expect((times[j] ?? 0) - from).toBeGreaterThan((j - i) * intervalMs * 0.7 - toleranceMs);
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  });

  it('takes no more permits from the ledger than are waited for', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const rateLimiter = createRateLimiter(600, tenant);
    await rateLimiter.acquire();
    // At 600 a minute a block may have ten permits, but only one was waited for.
    expect(await ledger.rateBudget.take(tenant, 100, 1, 1e9)).toBeLessThan(150);
  });

  it('stays one percent below the limit, so that a late request and the one a minute later do not exceed it', async () => {
    const intervals: number[] = [];
    const budget = {
      take: (_: string, intervalMs: number) => {
        intervals.push(intervalMs);
        return Promise.resolve(0);
      },
      block: () => Promise.resolve(),
      blockedMs: () => Promise.resolve(0),
    };
    await new RateLimiter({ budget, tenant: 't', ratePerMinute: 1_000, maxInFlight: 1 }).acquire();
    const perMinute = 60_000 / (intervals[0] ?? 0);
    expect(perMinute).toBeGreaterThan(985);
    expect(perMinute).toBeLessThan(995);
  });

  it('drops permits whose time has passed', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const rateLimiter = createRateLimiter(6_000, tenant);
    await Promise.all(upTo(20).map(() => rateLimiter.acquire()));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const taken = ledger.rateBudget.take(tenant, 60_000, 1, 1e9);
    expect(await taken).toBe(0);
    await expect(rateLimiter.acquire()).rejects.toBeInstanceOf(RateWait);
  });

  it('rejects a wait that is too long with its length, and does not block the next one', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const rateLimiter = createRateLimiter(60, tenant);
    await ledger.rateBudget.block(tenant, 60_000, 'a 429');
    for (const _ of upTo(3)) {
      const error = await rateLimiter.acquire().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(RateWait);
      expect((error as RateWait).waitMs).toBeGreaterThan(LONGEST_WAIT_MS);
    }
    expect(await rateLimiter.blockedMs()).toBeGreaterThan(50_000);
  });

  it('drops its permits after a 429', async () => {
    const rateLimiter = createRateLimiter(6_000);
    await rateLimiter.acquire();
    await rateLimiter.block(60_000, 'a 429');
    await expect(rateLimiter.acquire()).rejects.toBeInstanceOf(RateWait);
  });

  it('stops requests that were claimed before it knew of a block, but not later ones, which the ledger has allowed', async () => {
    const rateLimiter = createRateLimiter(0);
    const before = performance.now();
    const stored = rateLimiter.block(86_400_000, 'a 429');
    const meanwhile = performance.now();
    await stored;
    for (const claimedAt of [before, meanwhile])
      expect(() => rateLimiter.throwIfBlocked(claimedAt)).toThrow(RateLimitedMeanwhile);
    // In the ledger, the block may have been lifted.
    expect(() => rateLimiter.throwIfBlocked(performance.now() + 1)).not.toThrow();
    rateLimiter.noteBlock(60_000);
    expect(() => rateLimiter.throwIfBlocked(meanwhile)).toThrow(RateLimitedMeanwhile);
  });

  it('gives no permit while a 429 is being stored in the ledger', async () => {
    let finishStoring: () => void = () => undefined;
    const budget = {
      take: () => Promise.resolve(0),
      block: () => new Promise<void>((resolve) => (finishStoring = resolve)),
      blockedMs: () => Promise.resolve(0),
    };
    const rateLimiter = new RateLimiter({ budget, tenant: 't', ratePerMinute: 0, maxInFlight: 2 });
    const order: string[] = [];
    const blocked = rateLimiter.block(1_000, 'a 429').then(() => order.push('stored'));
    const permit = rateLimiter.acquire().then(() => order.push('next permit'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    finishStoring();
    await Promise.all([blocked, permit]);
    expect(order).toEqual(['stored', 'next permit']);
  });

  it('stops waiting when a page halts', async () => {
    const halting = new AbortController();
    const budget = {
      // The wait for the permit begins with this answer, and the page halts in the middle of it.
      take: () => {
        setTimeout(() => halting.abort(), 200);
        return Promise.resolve(9_000);
      },
      block: () => Promise.resolve(),
      blockedMs: () => Promise.resolve(0),
    };
    const rateLimiter = new RateLimiter({ budget, tenant: 't', ratePerMinute: 60, maxInFlight: 1 });
    await expect(rateLimiter.acquire(halting.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('never waits if the rate is unlimited', async () => {
    const rateLimiter = createRateLimiter(0);
    await Promise.all(upTo(1_000).map(() => rateLimiter.acquire()));
  });

  it('asks the ledger again after it was unavailable', async () => {
    const broken = openLedger('postgres://nobody@127.0.0.1:1/none');
    const rateLimiter = createRateLimiter(600, 't', broken);
    await expect(rateLimiter.acquire()).rejects.toThrow();
    await expect(rateLimiter.acquire()).rejects.toThrow();
    await broken.close();
  });

  it('runs no more jobs at a time than it has slots', async () => {
    const rateLimiter = createRateLimiter(0, 't', opened().ledger, 3);
    let inFlight = 0;
    let most = 0;
    const job = async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inFlight -= 1;
    };
    await Promise.all(upTo(20).map(() => rateLimiter.withRequestSlot(job)));
    expect(most).toBe(3);
  });
});
