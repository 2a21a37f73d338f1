import { describe, expect, it, onTestFinished } from 'vitest';
import { RateWait } from '../../src/activities/failures.ts';
import { RateLimiter, LONGEST_WAIT_MS } from '../../src/activities/engine/rate-limiter.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { ledgerOfFile, someId, upTo } from '../ledger/harness.ts';

const opened = ledgerOfFile();

function paceOf(
  ratePerMinute: number,
  tenant = someId('tenant'),
  ledger = opened().ledger,
  maxInFlight = 100,
) {
  return new RateLimiter({ budget: ledger.rateBudget, tenant, ratePerMinute, maxInFlight });
}

/** How late a turn may be because the machine is busy: by the slowest answer of the ledger, and by the latest timer. */
function latenessOf(ledgers: readonly Ledger[]) {
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
  return { most: () => slowest + latest };
}

describe('the rateLimiter', () => {
  it('never lets processes together exceed the rate, bursts and pauses included', async () => {
    const { url } = opened();
    const intervalMs = 10;
    const tenant = someId('tenant');
    const ledgers = upTo(3).map(() => openLedger(url, 4));
    const late = latenessOf(ledgers);
    const paces = ledgers.map((ledger) => paceOf(60_000 / intervalMs, tenant, ledger));
    const times: number[] = [];
    const lane = async (n: number) => {
      const rateLimiter = paces[n % 3];
      for (let i = 0; i < 25; i += 1) {
        await rateLimiter?.acquire();
        times.push(performance.now());
        if (i % 8 === n % 8) await new Promise((resolve) => setTimeout(resolve, 40));
      }
    };
    await Promise.all(upTo(9).map(lane));
    times.sort((a, b) => a - b);
    // In any span the rate's number of turns. One that comes after its moment may be close to those behind it.
    const tolerance = 60 + late.most();
    for (const [i, from] of times.entries())
      for (let j = i + 20; j < times.length; j += 20)
        expect((times[j] ?? 0) - from).toBeGreaterThan((j - i) * intervalMs * 0.7 - tolerance);
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  });

  it('takes from the common line no more than is waited for', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const rateLimiter = paceOf(600, tenant);
    await rateLimiter.acquire();
    // Sixty permits a second would be ten at once; only one was waited for.
    expect(await ledger.rateBudget.take(tenant, 100, 1, 1e9)).toBeLessThan(150);
  });

  it('keeps a percent below the limit: a late request must not stand in the window of one a minute after it', async () => {
    const asked: number[] = [];
    const budget = {
      take: (_: string, intervalMs: number) => {
        asked.push(intervalMs);
        return Promise.resolve(0);
      },
      block: () => Promise.resolve(),
      blockedMs: () => Promise.resolve(0),
    };
    await new RateLimiter({ budget, tenant: 't', ratePerMinute: 1_000, maxInFlight: 1 }).acquire();
    const aMinute = 60_000 / (asked[0] ?? 0);
    expect(aMinute).toBeGreaterThan(985);
    expect(aMinute).toBeLessThan(995);
  });

  it('does not use permits later than their time', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const rateLimiter = paceOf(6_000, tenant);
    await Promise.all(upTo(20).map(() => rateLimiter.acquire()));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const taken = ledger.rateBudget.take(tenant, 60_000, 1, 1e9);
    expect(await taken).toBe(0);
    await expect(rateLimiter.acquire()).rejects.toBeInstanceOf(RateWait);
  });

  it('gives up a wait that is too long, says how long it is, and the next one is not stuck behind it', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const rateLimiter = paceOf(60, tenant);
    await ledger.rateBudget.block(tenant, 60_000);
    for (const _ of upTo(3)) {
      const error = await rateLimiter.acquire().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(RateWait);
      expect((error as RateWait).waitMs).toBeGreaterThan(LONGEST_WAIT_MS);
    }
    expect(await rateLimiter.blockedMs()).toBeGreaterThan(50_000);
  });

  it('forgets the permits it has when a 429 comes', async () => {
    const rateLimiter = paceOf(6_000);
    await rateLimiter.acquire();
    await rateLimiter.block(60_000);
    await expect(rateLimiter.acquire()).rejects.toBeInstanceOf(RateWait);
  });

  it('gives nobody a turn while the ledger is learning of a 429', async () => {
    let learnt: () => void = () => undefined;
    const budget = {
      take: () => Promise.resolve(0),
      block: () => new Promise<void>((resolve) => (learnt = resolve)),
      blockedMs: () => Promise.resolve(0),
    };
    const rateLimiter = new RateLimiter({ budget, tenant: 't', ratePerMinute: 0, maxInFlight: 2 });
    const order: string[] = [];
    const blocked = rateLimiter.block(1_000).then(() => order.push('the ledger knows'));
    const turn = rateLimiter.acquire().then(() => order.push('the next turn'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    learnt();
    await Promise.all([blocked, turn]);
    expect(order).toEqual(['the ledger knows', 'the next turn']);
  });

  it('lets a page that halts stop waiting', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const rateLimiter = paceOf(60, tenant);
    await ledger.rateBudget.block(tenant, 9_000);
    const waits = new AbortController();
    const turn = rateLimiter.acquire(waits.signal);
    waits.abort();
    await expect(turn).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is no wait at all where the rate is unlimited', async () => {
    const rateLimiter = paceOf(0);
    await Promise.all(upTo(1_000).map(() => rateLimiter.acquire()));
  });

  it('survives a ledger that is away: the next turn asks again', async () => {
    const broken = openLedger('postgres://nobody@127.0.0.1:1/none');
    const rateLimiter = paceOf(600, 't', broken);
    await expect(rateLimiter.acquire()).rejects.toThrow();
    await expect(rateLimiter.acquire()).rejects.toThrow();
    await broken.close();
  });

  it('keeps no more jobs in flight than it has slots', async () => {
    const rateLimiter = paceOf(0, 't', opened().ledger, 3);
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
