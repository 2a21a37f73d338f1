import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { until } from '../harness/wait.ts';
import { claimOf, ledgerOfFile, plannedRun, someId, upTo, writesOf } from './harness.ts';

const opened = ledgerOfFile();

/** By the server's clock. */
async function serverNow(): Promise<number> {
  return (await opened().ledger.health()).serverTime.getTime();
}

describe('the rate budget', () => {
  it('never gives more permits than the rate allows, however many processes there are (property)', async () => {
    const { url } = opened();
    const processes = upTo(4).map(() => openLedger(url, 3));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ who: fc.nat(3), permits: fc.integer({ min: 1, max: 20 }), pauseMs: fc.nat(8) }),
          { minLength: 5, maxLength: 40 },
        ),
        fc.integer({ min: 2, max: 200 }),
        async (takes, intervalMs) => {
          const tenant = someId('tenant');
          /** Each permit's moment lies between these two, by our clock. */
          const moments: { readonly earliest: number; readonly latest: number }[] = [];
          let line = Promise.resolve();
          await Promise.all(
            takes.map(async ({ who, permits, pauseMs }) => {
              await (line = line.then(() => new Promise((resolve) => setTimeout(resolve, pauseMs / 4))));
              const before = performance.now();
              const waitMs = (await processes[who]?.rateBudget.take(tenant, intervalMs, permits, 1e9)) ?? 0;
              const after = performance.now();
              for (let i = 0; i < permits; i += 1) {
                const offset = waitMs + i * intervalMs;
                moments.push({ earliest: before + offset, latest: after + offset });
              }
            }),
          );
          // The n-th permit is n intervals after the first, however slow the round trips were.
          const first = Math.min(...moments.map(({ earliest }) => earliest));
          const latest = moments.map((moment) => moment.latest).sort((a, b) => a - b);
          for (const [n, at] of latest.entries()) expect(at - first).toBeGreaterThan(n * intervalMs - 5);
        },
      ),
      { numRuns: 15 },
    );
    await Promise.all(processes.map((ledger) => ledger.close()));
  });

  it('spaces permits exactly: the n-th is free n intervals after the first', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const t0 = await serverNow();
    const waits: number[] = [];
    for (const _ of upTo(5)) waits.push(await ledger.rateBudget.take(tenant, 10_000, 3, 1e9));
    const tookMs = (await serverNow()) - t0;
    for (const [i, wait] of waits.entries()) {
      expect(wait).toBeLessThanOrEqual(i * 30_000);
      expect(wait).toBeGreaterThan(i * 30_000 - tookMs - 5);
    }
  });

  it('reserves nothing when the wait would be too long, so that attempts do not delay each other', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    await ledger.rateBudget.take(tenant, 60_000, 1, 0);
    for (const _ of upTo(5)) {
      const wait = await ledger.rateBudget.take(tenant, 60_000, 1, 10_000);
      expect(wait).toBeGreaterThan(10_000);
      expect(wait).toBeLessThanOrEqual(60_000);
    }
  });

  it('does not accumulate unused permits', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    await ledger.rateBudget.take(tenant, 5, 1, 0);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await ledger.rateBudget.take(tenant, 60_000, 1, 1e9)).toBe(0);
    expect(await ledger.rateBudget.take(tenant, 60_000, 1, 1e9)).toBeGreaterThan(50_000);
  });

  it('a 429 stops the permits and claims of all processes, for the longest time that was requested', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 2);
    const tenant = someId('tenant');
    await ledger.rateBudget.block(tenant, 50_000, 'a 429');
    await ledger.rateBudget.block(tenant, 5_000, 'a 429');
    expect(await other.rateBudget.take(tenant, 10, 1, 1e9)).toBeGreaterThan(40_000);
    expect(await other.rateBudget.blockedMs(tenant)).toBeGreaterThan(40_000);
    const run = await plannedRun(ledger, 1);
    const [write] = await writesOf(ledger, run);
    const claim = { ...claimOf(run, write?.id ?? ''), tenant };
    expect(await other.writes.claim(claim)).toMatchObject({ verdict: 'blocked' });
    expect(await other.writes.claim({ ...claim, tenant: 'another' })).toMatchObject({
      verdict: 'claimed',
    });
    await other.close();
  });

  it('obeys a Retry-After of several decades', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    await ledger.rateBudget.block(tenant, 999_999_999_000, 'a 429');
    const run = await plannedRun(ledger, 1);
    const [write] = await writesOf(ledger, run);
    const claim = await ledger.writes.claim({ ...claimOf(run, write?.id ?? ''), tenant });
    expect(claim).toEqual({ verdict: 'blocked', waitMs: 2_147_483_647 });
    expect(await ledger.rateBudget.take(tenant, 60, 1, 10_000)).toBeGreaterThan(9e11);
  });

  it('lists the blocks in force, with their beginning and the reason of the one that lasts longest', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const ours = async () => (await ledger.rateBudget.list()).find((each) => each.tenant === tenant);
    expect(await ours()).toBeUndefined();
    await ledger.rateBudget.take(tenant, 60_000, 1, 1e9);
    const from = await serverNow();
    expect(await ours()).toMatchObject({ block: null });
    expect((await ours())?.nextFreeAt?.getTime()).toBeGreaterThan(from);
    await ledger.rateBudget.block(tenant, 50_000, 'first');
    const first = (await ours())?.block;
    expect(first).toMatchObject({ tenant, reason: 'first' });
    expect(first?.since.getTime()).toBeGreaterThanOrEqual(from);
    expect((first?.until.getTime() ?? 0) - (first?.since.getTime() ?? 0)).toBe(50_000);
    await ledger.rateBudget.block(tenant, 5_000, 'shorter');
    expect((await ours())?.block).toEqual(first);
    await ledger.rateBudget.block(tenant, 90_000, 'longer');
    const longer = (await ours())?.block;
    expect(longer).toMatchObject({ since: first?.since, reason: 'longer' });
    expect(longer?.until.getTime()).toBeGreaterThan(first?.until.getTime() ?? Infinity);
  });

  it('a block that has ended no longer counts, and the next one has its own beginning', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const ours = async () => (await ledger.rateBudget.list()).find((each) => each.tenant === tenant);
    await ledger.rateBudget.block(tenant, 1, 'first');
    await until(ours, (budget) => budget?.block === null);
    const from = await serverNow();
    await ledger.rateBudget.block(tenant, 50_000, 'second');
    expect((await ours())?.block?.since.getTime()).toBeGreaterThanOrEqual(from);
  });

  it('a block that is lifted stops nobody any more, and is audited', async () => {
    const { ledger } = opened();
    const [tenant, other] = [someId('tenant'), someId('tenant')];
    for (const each of [tenant, other]) await ledger.rateBudget.block(each, 999_999_999_000, 'a 429');
    const decision = { by: 'dana', reason: 'a mistaken Retry-After' };
    const lifted = await ledger.rateBudget.lift(tenant, decision);
    expect(lifted).toMatchObject({ tenant, reason: 'a 429' });
    expect(await ledger.rateBudget.blockedMs(tenant)).toBe(0);
    expect(await ledger.rateBudget.take(tenant, 10, 1, 1e9)).toBe(0);
    const run = await plannedRun(ledger, 1);
    const [write] = await writesOf(ledger, run);
    const claim = { ...claimOf(run, write?.id ?? ''), tenant };
    expect(await ledger.writes.claim(claim)).toMatchObject({ verdict: 'claimed' });
    expect(await ledger.rateBudget.blockedMs(other), 'of another tenant').toBeGreaterThan(0);
    expect(await ledger.rateBudget.lift(tenant, decision), 'nothing is left to lift').toBeNull();
    await ledger.audit.seal();
    const entries: object[] = [];
    for await (const { action, data } of ledger.audit.list(`limits:${tenant}`))
      entries.push({ action, data });
    const block = JSON.parse(JSON.stringify(lifted)) as object;
    expect(entries).toEqual([{ action: 'block_lifted', data: { ...decision, block } }]);
  });

  it('a tenant without any requests is not blocked', async () => {
    expect(await opened().ledger.rateBudget.blockedMs(someId('tenant'))).toBe(0);
  });
});
