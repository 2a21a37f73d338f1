import { describe, expect, it } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { claimOf, ledgerOfFile, plannedRun, upTo, writesOf } from './harness.ts';

const opened = ledgerOfFile();

/** mulberry32 */
function randomOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SEEDS = process.env.SEED ? [Number(process.env.SEED)] : [1, 2, 3];

describe('steering', () => {
  it.each(SEEDS)(
    'no claim succeeds once `stopped` has returned, among hundreds of claims (SEED=%i)',
    async (seed) => {
      const { ledger, url } = opened();
      const other = openLedger(url, 12);
      const random = randomOf(seed);
      const run = await plannedRun(ledger, 400, 1);
      const writes = await writesOf(ledger, run);
      let stopped = false;
      let beganAfter = 0;
      let wonBefore = 0;
      const stopAfter = Math.floor(random() * 200) + 50;
      let begun = 0;
      let steer: Promise<void> | undefined;
      const lane = async (mine: typeof ledger, ids: string[]): Promise<void> => {
        for (const id of ids) {
          // At least the last claims come after it, however long it takes.
          if (id === ids.at(-1)) await steer;
          begun += 1;
          if (begun === stopAfter) {
            steer = other.runs.steer(run.run_no, 'stopped').then(() => {
              stopped = true;
            });
          }
          const late = stopped;
          const { verdict } = await mine.writes.claim(claimOf(run, id));
          if (late) {
            beganAfter += 1;
            expect(verdict, `SEED=${seed}`).toBe('stopped');
          }
          if (verdict === 'claimed') wonBefore += 1;
          if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, random() * 4));
        }
      };
      const lanes = upTo(16).map((n) =>
        lane(
          n % 2 ? ledger : other,
          writes.filter((_, i) => i % 16 === n - 1).map(({ id }) => id),
        ),
      );
      await Promise.all(lanes);
      await steer;
      expect(wonBefore).toBeGreaterThan(0);
      expect(beganAfter).toBeGreaterThan(0);
      // Only writes that were claimed before may be sent.
      const open = await writesOf(ledger, run);
      expect(open.filter(({ state }) => state === 'sending')).toHaveLength(wonBefore);
      await other.close();
    },
  );

  it('every earlier claim is visible once `stopped` has returned', async () => {
    const { ledger } = opened();
    for (const round of upTo(20)) {
      const run = await plannedRun(ledger, 20, 1);
      const writes = await writesOf(ledger, run);
      const claims = writes.map(({ id }) => ledger.writes.claim(claimOf(run, id)));
      await ledger.runs.steer(run.run_no, 'stopped');
      const seen = (await writesOf(ledger, run)).filter(({ state }) => state === 'sending').length;
      const won = (await Promise.all(claims)).filter(({ verdict }) => verdict === 'claimed').length;
      expect(seen, `round ${round}`).toBe(won);
    }
  });

  it('a paused run allows no claim, and a resumed one does', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 2, 1);
    const [write] = await writesOf(ledger, run);
    const claim = claimOf(run, write?.id ?? '');
    await ledger.runs.steer(run.run_no, 'paused');
    expect(await ledger.writes.claim(claim)).toEqual({ verdict: 'paused' });
    await ledger.runs.steer(run.run_no, 'go');
    expect(await ledger.writes.claim(claim)).toMatchObject({ verdict: 'claimed' });
  });

  it('a stopped run does not affect another one', async () => {
    const { ledger } = opened();
    const [stopped, other] = [await plannedRun(ledger, 1), await plannedRun(ledger, 1)];
    await ledger.runs.steer(stopped.run_no, 'stopped');
    const [write] = await writesOf(ledger, other);
    const claim = await ledger.writes.claim(claimOf(other, write?.id ?? ''));
    expect(claim).toMatchObject({ verdict: 'claimed' });
  });
});
