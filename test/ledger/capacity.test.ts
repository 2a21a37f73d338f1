/** Reservations of a campaign's capacity: whatever several runs do at once, they never exceed it together. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { CapacityRequest } from '../../src/ledger/runs/capacity.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import {
  claimed,
  group,
  inProcesses,
  ledgerOfFile,
  openRun,
  plannedRun,
  settlement,
  someId,
  startAgain,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();
const newCampaign = () => ({ tenant: 't', campaignId: someId('campaign') });
type Campaign = ReturnType<typeof newCampaign>;

async function request(
  ledger: Ledger,
  run: Run,
  campaign: Campaign,
  figures: Pick<CapacityRequest, 'planned' | 'current' | 'max'>,
): Promise<CapacityRequest> {
  const remainingBefore = await ledger.capacity.remaining(run.run_no, campaign);
  return { ...campaign, ...figures, remainingBefore };
}

async function reserve(run: Run, campaign: Campaign, planned: number, current = 0, max = 10) {
  const { ledger } = opened();
  return ledger.capacity.reserve(run.run_no, await request(ledger, run, campaign, { planned, current, max }));
}

/** Claims the first open write of the run and settles it. */
async function settleNext(run: Run, outcome: 'created' | 'in_doubt') {
  const { ledger } = opened();
  const [write] = await writesOf(ledger, run);
  if (!write) throw new Error('nothing is left');
  const { fence } = await claimed(ledger, run, write.id);
  await ledger.writes.settle({
    ...settlement(write.id, fence, [group(outcome, write.seqs)]),
    state: outcome === 'created' ? 'settled' : 'in_doubt',
  });
  return write.id;
}

describe('a reservation', () => {
  it('is granted as long as everything fits, and refused with figures otherwise', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const [first, second] = [await plannedRun(ledger, 6, 2), await plannedRun(ledger, 6, 2)];
    expect(await reserve(first, campaign, 6, 1)).toEqual({
      ...{ isReserved: true, room: 9, roomAtMost: 9, others: [] },
    });
    const others = [{ runId: first.run_id, remaining: 6, unsent: 6 }];
    const figures = { room: 3, roomAtMost: 3, others };
    expect(await reserve(second, campaign, 6, 1)).toEqual({ isReserved: false, ...figures });
    expect(await reserve(second, campaign, 3, 1)).toEqual({ isReserved: true, ...figures });
    expect(await reserve(second, newCampaign(), 6, 1)).toMatchObject({ others: [] });
    expect(await reserve(second, { ...campaign, tenant: 'other' }, 6, 1)).toMatchObject({ others: [] });
  });

  it('shrinks with what the run has created, and includes what is in doubt until that is decided', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const [run, other] = [await plannedRun(ledger, 6, 2), await openRun(ledger)];
    await reserve(run, campaign, 6);
    const remaining = async () => (await ledger.capacity.remaining(other.run_no, campaign)).get(run.run_no);
    expect(await remaining()).toBe(6);
    await settleNext(run, 'created');
    expect(await remaining()).toBe(4);
    const id = await settleNext(run, 'in_doubt');
    expect(await remaining()).toBe(4);
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id });
    expect(await remaining()).toBe(4);
    await settleNext(run, 'in_doubt');
    await ledger.writes.resolve({ runNo: run.run_no, verdict: 'leave', id: null });
    expect(await remaining()).toBe(2);
  });

  it.each(['completed', 'rejected', 'cancelled', 'failed'] as const)(
    'ends when its run is %s',
    async (state) => {
      const { ledger } = opened();
      const campaign = newCampaign();
      const [run, other] = [await plannedRun(ledger, 6), await plannedRun(ledger, 6)];
      await reserve(run, campaign, 6);
      await ledger.runs.close(run.run_no, state, null, null);
      expect(await reserve(other, campaign, 6)).toMatchObject({ isReserved: true, others: [] });
    },
  );

  it('of a failed run does not come back when the run is started again', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const [first, second] = [await plannedRun(ledger, 6), await plannedRun(ledger, 10)];
    await reserve(first, campaign, 6);
    await ledger.runs.close(first.run_no, 'failed', null, null);
    expect(await reserve(second, campaign, 10)).toMatchObject({ isReserved: true });
    await startAgain(ledger, first);
    expect(await ledger.capacity.remaining(second.run_no, campaign)).toEqual(new Map([[first.run_no, 0]]));
    expect(await reserve(first, campaign, 6)).toMatchObject({ isReserved: false, room: 0 });
  });

  it('of a run that is started again needs no room for what CXone may have already', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const [run, other] = [await plannedRun(ledger, 6, 2), await openRun(ledger)];
    await reserve(run, campaign, 6, 0, 6);
    await settleNext(run, 'created');
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    await ledger.writes.markUnanswered(write?.id ?? '', fence, 'test');
    await ledger.runs.close(run.run_no, 'failed', null, null);
    await startAgain(ledger, run);
    // Two that were created, and two whose answer was lost.
    expect(await reserve(run, campaign, 4, 4, 6)).toMatchObject({ isReserved: true, room: 4 });
    expect(await ledger.capacity.others(other.run_no, campaign)).toEqual([
      { runId: run.run_id, remaining: 4, unsent: 2 },
    ]);
  });

  it('counts what was reserved after the others were asked as a whole', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const [run, other] = [await plannedRun(ledger, 6, 2), await plannedRun(ledger, 6)];
    const asked = await request(ledger, other, campaign, { planned: 5, current: 0, max: 10 });
    await reserve(run, campaign, 6);
    await settleNext(run, 'created');
    // The two that were created may be missing in `current`.
    expect(await ledger.capacity.reserve(other.run_no, asked)).toMatchObject({ isReserved: false, room: 4 });
    expect(await reserve(other, campaign, 4, 2)).toMatchObject({ isReserved: true, room: 4 });
  });

  it.each(['known', 'unknown'])(
    'of a run that ended since CXone was asked (%s before) still counts',
    async (when) => {
      const { ledger } = opened();
      const campaign = newCampaign();
      const [run, other] = [await plannedRun(ledger, 6, 2), await plannedRun(ledger, 6)];
      if (when === 'known') await reserve(run, campaign, 6);
      const asked = await request(ledger, other, campaign, { planned: 6, current: 0, max: 10 });
      if (when === 'unknown') await reserve(run, campaign, 6);
      await settleNext(run, 'created');
      await ledger.runs.close(run.run_no, 'cancelled', null, null);
      // The two that were created are missing in `current`.
      expect(await ledger.capacity.reserve(other.run_no, asked)).toMatchObject({
        ...{ isReserved: false, room: 4, roomAtMost: 10 },
        others: [{ runId: run.run_id, remaining: 6, unsent: 0 }],
      });
      expect(await reserve(other, campaign, 6, 2)).toMatchObject({ isReserved: true, others: [] });
    },
  );

  it('is not changed by a repetition, nor by a refused or a smaller one', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const [run, other] = [await plannedRun(ledger, 6), await openRun(ledger)];
    for (const planned of [6, 6, 11, 4]) await reserve(run, campaign, planned);
    expect(await ledger.capacity.remaining(other.run_no, campaign)).toEqual(new Map([[run.run_no, 6]]));
  });

  it('is not made by a dry run, which learns whether everything fits', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const { run: dry } = await ledger.runs.open({
      ...{ runId: someId('dry'), kind: 'listLoad', target: 'L1', again: false, dryRun: true },
      ...{ requestedBy: null, input: {} },
    });
    expect(await reserve(dry, campaign, 10)).toMatchObject({ isReserved: true });
    expect(await reserve(dry, campaign, 11)).toMatchObject({ isReserved: false, room: 10 });
    expect(await reserve(await openRun(ledger), campaign, 10)).toMatchObject({ isReserved: true });
  });

  it('is given to as many runs as fit, when several processes ask at the same moment', async () => {
    const { ledger } = opened();
    const campaign = newCampaign();
    const runs = await Promise.all(upTo(8).map(() => plannedRun(ledger, 3)));
    const waiting = [...runs];
    const answers = await inProcesses(opened(), 8, async (own) => {
      const run = waiting.pop();
      if (!run) throw new Error('more calls than runs');
      const asked = await request(own, run, campaign, { planned: 3, current: 0, max: 10 });
      return own.capacity.reserve(run.run_no, asked);
    });
    expect(answers.filter(({ isReserved }) => isReserved)).toHaveLength(3);
  });

  it('keeps runs from exceeding the maximum together, however their steps are interleaved (property)', async () => {
    const next: fc.WeightedArbitrary<Step> = { weight: 12, arbitrary: fc.constant('next') };
    const others: fc.Arbitrary<Step> = fc.constantFrom('ask', 'lose', 'decide', 'decide');
    const end: fc.WeightedArbitrary<Step> = { weight: 1, arbitrary: fc.constant('end') };
    const what = fc.oneof(next, { weight: 4, arbitrary: others }, end);
    const steps = fc.array(fc.record({ who: fc.nat(3), what }), { minLength: 40, maxLength: 120 });
    let exceeded = 0;
    let created = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 5, max: 14 }), async (schedule, max) => {
        const { ledger } = opened();
        const cxone = { current: 1, max };
        const campaign = newCampaign();
        const loads: Load[] = [];
        for (const _ of upTo(4))
          loads.push(new Load(ledger, await plannedRun(ledger, 4, 2), campaign, cxone));
        for (const { who, what } of schedule) {
          await loads[who]?.step(what);
          if (cxone.current > max) exceeded += 1;
        }
        created += cxone.current - 1;
        for (const load of loads) await load.step('end');
        expect(cxone.current).toBeLessThanOrEqual(max);
      }),
      { numRuns: 40 },
    );
    expect(exceeded).toBe(0);
    expect(created, 'something was created').toBeGreaterThan(50);
  });
});

type Step = 'next' | 'ask' | 'lose' | 'decide' | 'end';

/** A run that loads four records in two batches, one step at a time. */
class Load {
  #before: ReadonlyMap<number, number> | null = null;
  #current: number | null = null;
  #isReserved = false;
  #isOpen = true;
  #inFlight: { id: string; fence: number; seqs: readonly number[] } | null = null;
  #isApplied = false;
  readonly #ledger: Ledger;
  readonly #run: Run;
  readonly #campaign: Campaign;
  readonly #cxone: { current: number; readonly max: number };

  constructor(
    ledger: Ledger,
    run: Run,
    campaign: Campaign,
    cxone: { current: number; readonly max: number },
  ) {
    this.#ledger = ledger;
    this.#run = run;
    this.#campaign = campaign;
    this.#cxone = cxone;
  }

  async step(what: Step): Promise<void> {
    if (this.#isOpen) await this[what]();
  }

  /** Asks, reads CXone's figure, reserves, and then sends. */
  async next() {
    if (this.#inFlight) return this.#answer();
    if (this.#current !== null) return this.#reserve();
    if (this.#before !== null) this.#current = this.#cxone.current;
    else if (this.#isReserved) await this.#send();
    else await this.ask();
  }

  async ask() {
    this.#before = await this.#ledger.capacity.remaining(this.#run.run_no, this.#campaign);
    this.#current = null;
  }

  /** Again and again, as before each batch; once it was granted, a run goes on. */
  async #reserve() {
    if (this.#before === null || this.#current === null) return;
    const { pending } = await this.#ledger.runs.counts(this.#run.run_no);
    const { isReserved } = await this.#ledger.capacity.reserve(this.#run.run_no, {
      ...this.#campaign,
      ...{ planned: pending, current: this.#current, max: this.#cxone.max, remainingBefore: this.#before },
    });
    this.#isReserved ||= isReserved;
    this.#before = null;
    this.#current = null;
  }

  /** Every third request is lost on its way: CXone never gets it. */
  async #send() {
    const [write] = await writesOf(this.#ledger, this.#run);
    if (!write) return;
    const { fence } = await claimed(this.#ledger, this.#run, write.id);
    this.#inFlight = { id: write.id, fence, seqs: write.seqs };
    this.#isApplied = Number(write.id) % 3 !== 0 || write.attempts > 0;
    if (this.#isApplied) this.#cxone.current += write.seqs.length;
  }

  async #answer() {
    if (!this.#isApplied) return this.lose();
    if (!this.#inFlight) return;
    const { id, fence, seqs } = this.#inFlight;
    await this.#ledger.writes.settle(settlement(id, fence, [group('created', seqs)]));
    this.#inFlight = null;
  }

  async lose() {
    if (!this.#inFlight) return;
    const { id, fence, seqs } = this.#inFlight;
    const lost = settlement(id, fence, [group('in_doubt', seqs)]);
    await this.#ledger.writes.settle({ ...lost, state: 'in_doubt' });
    this.#inFlight = null;
  }

  /** Somebody has looked: what was applied is left, what was not is sent again. */
  async decide() {
    const [inDoubt] = await this.#ledger.writes.listInDoubt(this.#run.run_no, { limit: 1 });
    if (!inDoubt) return;
    const verdict = Number(inDoubt.id) % 3 !== 0 || inDoubt.resent ? 'leave' : 'resend';
    await this.#ledger.writes.resolve({ runNo: this.#run.run_no, verdict, id: inDoubt.id });
  }

  async end() {
    if (this.#inFlight) await this.lose();
    this.#isOpen = false;
    await this.#ledger.records.cancelPending(this.#run.run_no, { code: 'cancelled' });
    await this.#ledger.runs.close(this.#run.run_no, 'cancelled', null, null);
  }
}
