/** The test of the first share: its limits, what it promises beforehand, and how often it is wrong in simulated sends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CANARY_MEASURES,
  type CanaryMeasure,
  canaryLimits,
  evaluateCanary,
  planCanary,
} from '../../../src/domain/email-send/canary.ts';
import { type DeliveryCounts, NO_DELIVERY_COUNTS } from '../../../src/domain/email-send/figures.ts';

const SEED = 20_261_129;

/** mulberry32: numbers from 0 on, below 1, the same ones for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** By far more than chance explains: a right share of so many trials is further off once in 30,000 times. */
const tolerance = (share: number, trials: number): number => 4 * Math.sqrt((share * (1 - share)) / trials);

const counts = (more: Partial<DeliveryCounts>): DeliveryCounts => ({ ...NO_DELIVERY_COUNTS, ...more });
const bounced = (hard: number, soft = 0) => ({ ...NO_DELIVERY_COUNTS.bounced, hard, soft });
const complained = (n: number) => ({ ...NO_DELIVERY_COUNTS.ofDelivered, complained: n });

const measures = CANARY_MEASURES.map((measure) => [measure.name, measure] as const);

describe(`simulated sends (seed ${SEED})`, () => {
  const TRIALS = 2_000;
  /** So many that nearly all of them are decided. */
  const MESSAGES = 30_000;
  const LIMITS = new Map(
    CANARY_MEASURES.map((measure) => [
      measure,
      Array.from({ length: MESSAGES + 1 }, (_, messages) => canaryLimits(measure, messages)),
    ]),
  );

  /** Evaluated after every message, until it decides: which is the most often that it can be wrong. */
  function decide(measure: CanaryMeasure, rate: number, random: () => number) {
    const limits = LIMITS.get(measure) ?? [];
    for (let messages = 1, hits = 0; messages <= MESSAGES; messages += 1) {
      if (random() < rate) hits += 1;
      const { continueUpTo, pauseFrom } = limits[messages] ?? { continueUpTo: null, pauseFrom: Infinity };
      if (hits >= pauseFrom) return { verdict: 'pause', messages };
      if (hits <= (continueUpTo ?? -1)) return { verdict: 'continue', messages };
    }
    return { verdict: 'undecided', messages: MESSAGES };
  }

  function simulate(measure: CanaryMeasure, rate: number) {
    const random = createRandom(SEED);
    const sends = Array.from({ length: TRIALS }, () => decide(measure, rate, random));
    return {
      share: (verdict: string) => sends.filter((each) => each.verdict === verdict).length / TRIALS,
      average: sends.reduce((sum, { messages }) => sum + messages, 0) / TRIALS,
    };
  }

  it.each(measures)('an acceptable rate seldom pauses one: %s', (_, measure) => {
    const { share, average } = simulate(measure, measure.acceptable);
    expect(share('pause')).toBeLessThanOrEqual(measure.alpha + tolerance(measure.alpha, TRIALS));
    expect(share('continue')).toBeGreaterThan(0.9);
    const [planned] = planCanary({ recipients: MESSAGES, percent: 100 }, [measure]).measures;
    expect(average / (planned?.expected.ifAcceptable ?? 0)).toBeGreaterThan(0.8);
    expect(average / (planned?.expected.ifAcceptable ?? 0)).toBeLessThan(1.3);
  });

  it.each(measures)('an unacceptable rate seldom lets one continue: %s', (_, measure) => {
    const { share, average } = simulate(measure, measure.unacceptable);
    expect(share('continue')).toBeLessThanOrEqual(measure.beta + tolerance(measure.beta, TRIALS));
    expect(share('pause')).toBeGreaterThan(0.9);
    const [planned] = planCanary({ recipients: MESSAGES, percent: 100 }, [measure]).measures;
    expect(average / (planned?.expected.ifUnacceptable ?? 0)).toBeGreaterThan(0.8);
    expect(average / (planned?.expected.ifUnacceptable ?? 0)).toBeLessThan(1.3);
  });

  it.each(measures)('come out as the plan says beforehand: %s', (_, measure) => {
    const random = createRandom(SEED);
    const messages = 1_500;
    const [planned] = planCanary({ recipients: messages, percent: 100 }, [measure]).measures;
    if (!planned) throw new Error('no plan');
    for (const [outlook, rate] of [
      [planned.outlook.ifAcceptable, measure.acceptable],
      [planned.outlook.ifUnacceptable, measure.unacceptable],
    ] as const) {
      const found = { continue: 0, pause: 0, undecided: 0 };
      for (let trial = 0; trial < TRIALS; trial += 1) {
        let hits = 0;
        for (let message = 0; message < messages; message += 1) if (random() < rate) hits += 1;
        if (hits >= planned.pauseFrom) found.pause += 1;
        else if (hits <= (planned.continueUpTo ?? -1)) found.continue += 1;
        else found.undecided += 1;
      }
      for (const verdict of ['continue', 'pause', 'undecided'] as const) {
        const expected = outlook[verdict];
        const off = Math.abs(found[verdict] / TRIALS - expected);
        expect(off, `${verdict} of ${rate}`).toBeLessThanOrEqual(tolerance(expected, TRIALS) + 1 / TRIALS);
      }
    }
  });
});

describe('the plan', () => {
  // The limits by hand: (ln 0.05 - 5,000 ln(0.95 / 0.98)) / (ln 2.5 - ln(0.95 / 0.98)) = 160.9 bounces, and so on.
  it('has the sample, the limits and the rates of error', () => {
    const plan = planCanary({ recipients: 100_000, percent: 5 });
    expect(plan).toMatchObject({ messages: 5_000, falsePause: 0.03, falseContinue: 0.05, canContinue: true });
    expect(
      plan.measures.map(({ name, fewest, continueUpTo, pauseFrom }) => [
        name,
        fewest,
        continueUpTo,
        pauseFrom,
      ]),
    ).toEqual([
      ['bounce', 97, 160, 169],
      ['complaint', 1_495, 6, 14],
      ['failure', 73, 123, 128],
    ]);
  });

  it('says that too few messages cannot decide', () => {
    const plan = planCanary({ recipients: 1_000, percent: 10 });
    expect(plan).toMatchObject({ messages: 100, canContinue: false });
    const complaint = plan.measures.find(({ name }) => name === 'complaint');
    expect(complaint).toMatchObject({ continueUpTo: null, outlook: { ifAcceptable: { continue: 0 } } });
  });

  it.each([
    [100, '7', 7],
    [1_000, '0.1', 1],
    [10, '1', 1],
    [3, '100', 3],
    [0, '10', 0],
    [101, '10', 11],
  ])('of %i recipients and %s percent it sends %i first', (recipients, percent, messages) => {
    expect(planCanary({ recipients, percent: Number(percent) }).messages).toBe(messages);
  });

  it('promises probabilities: they add up to 1, and are at most the rates of error', () => {
    const recipients = fc.nat(50_000);
    fc.assert(
      fc.property(recipients, (all) => {
        for (const { alpha, beta, outlook } of planCanary({ recipients: all, percent: 100 }).measures) {
          for (const each of Object.values(outlook)) {
            expect(each.continue + each.pause + each.undecided).toBeCloseTo(1, 9);
            for (const share of Object.values(each)) expect(share).toBeGreaterThanOrEqual(-1e-9);
          }
          expect(outlook.ifAcceptable.pause).toBeLessThanOrEqual(alpha);
          expect(outlook.ifUnacceptable.continue).toBeLessThanOrEqual(beta);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('the evaluation', () => {
  const good = counts({ delivered: 4_950, bounced: bounced(30, 20), ofDelivered: complained(2) });
  const verdictsOf = (each: DeliveryCounts) =>
    Object.fromEntries(evaluateCanary(each).measures.map(({ name, verdict }) => [name, verdict]));

  it('continues if all rates are good', () => {
    expect(evaluateCanary(good)).toMatchObject({
      verdict: 'continue',
      measures: [
        { name: 'bounce', verdict: 'continue', hits: 50, messages: 5_000, ratePercent: 1, missing: 0 },
        { name: 'complaint', verdict: 'continue', hits: 2, messages: 4_950, missing: 0 },
        { name: 'failure', verdict: 'continue', hits: 0, messages: 5_000 },
      ],
    });
  });

  it('pauses if one of them is bad, whatever the others', () => {
    const bounces = counts({ delivered: 80, bounced: bounced(20) });
    expect(evaluateCanary(bounces).verdict).toBe('pause');
    expect(verdictsOf(bounces)).toEqual({ bounce: 'pause', complaint: 'undecided', failure: 'continue' });
    expect(evaluateCanary({ ...good, ofDelivered: complained(40) }).verdict).toBe('pause');
    expect(evaluateCanary({ ...good, failed: 500 }).verdict).toBe('pause');
  });

  it('is undecided without evidence: what is merely accepted or in doubt is none', () => {
    const silent = counts({ accepted: 5_000, inDoubt: 100, deferred: 300 });
    expect(evaluateCanary(silent)).toMatchObject({
      verdict: 'undecided',
      measures: [
        { messages: 0, ratePercent: null, missing: 97 },
        { messages: 0, ratePercent: null, missing: 1_495 },
        { messages: 0, ratePercent: null, missing: 73 },
      ],
    });
    const someSilent = { ...good, accepted: 5_000, inDoubt: 100 };
    expect(evaluateCanary(someSilent)).toEqual(evaluateCanary(good));
  });

  it('says how many more good messages would suffice', () => {
    const few = counts({ delivered: 100 });
    const missing = evaluateCanary(few).measures.map((each) => each.missing);
    expect(missing).toEqual([0, 1_395, 0]);
    const enough = counts({ delivered: 100 + 1_395 });
    expect(evaluateCanary(enough).verdict).toBe('continue');
    expect(evaluateCanary(counts({ delivered: 100 + 1_394 })).verdict).toBe('undecided');
  });

  it('never gets better by another bounce, complaint or failure, nor worse by another delivery', () => {
    const order = ['continue', 'undecided', 'pause'];
    const rank = (each: DeliveryCounts) => order.indexOf(evaluateCanary(each).verdict);
    fc.assert(
      fc.property(fc.nat(6_000), fc.nat(300), fc.nat(20), fc.nat(300), (delivered, hard, spam, failed) => {
        const all = counts({
          delivered,
          bounced: bounced(hard),
          failed,
          ofDelivered: complained(Math.min(spam, delivered)),
        });
        expect(rank({ ...all, delivered: delivered + 1 })).toBeLessThanOrEqual(rank(all));
        const worse = [
          { ...all, bounced: bounced(hard + 1), delivered: Math.max(0, delivered - 1) },
          { ...all, failed: failed + 1, delivered: Math.max(0, delivered - 1) },
        ];
        for (const each of worse)
          if (each.delivered >= each.ofDelivered.complained)
            expect(rank(each)).toBeGreaterThanOrEqual(rank(all));
      }),
    );
  });
});
