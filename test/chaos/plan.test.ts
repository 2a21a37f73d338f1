import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/contract/operations.ts';
import { FAULT_RULES } from '../../src/simulator/faults.ts';
import { type ChaosPlan, createPlan, isShort, outageMs } from './plan.ts';
import { renderEvent, renderPlan } from './render.ts';
import { FIXED_SEEDS } from './seeds.ts';

const seeds = fc.nat(1_000_000);

describe('a chaos plan', () => {
  it('is the same for the same seed, and differs for another seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(createPlan(seed)).toEqual(createPlan(seed));
        expect(createPlan(seed + 1)).not.toEqual({ ...createPlan(seed), seed: seed + 1 });
      }),
    );
  });

  it('has fault rules that the simulator accepts, and events for existing workers only', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { faults, events, workers } = createPlan(seed);
        expect(() => FAULT_RULES.parse(faults)).not.toThrow();
        for (const event of events) {
          expect(event.at >= 0 && event.at <= 1).toBe(true);
          if ('worker' in event) expect(event.worker >= 1 && event.worker <= workers).toBe(true);
        }
        expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b));
      }),
    );
  });

  it('has every operation, every kind of event, and outages of minutes within three hundred seeds', () => {
    const plans = Array.from({ length: 300 }, (_, seed) => createPlan(seed));
    expect(new Set(plans.flatMap(({ events }) => events.map(({ what }) => what))).size).toBe(13);
    expect(new Set(plans.map(({ work }) => work.kind))).toEqual(new Set(Object.keys(OPERATIONS)));
    const occurs = (matches: (plan: ChaosPlan) => boolean) => plans.filter(matches).length > 5;
    expect(occurs(({ approval }) => approval)).toBe(true);
    expect(occurs((plan) => outageMs(plan) >= 60_000)).toBe(true);
    const imports = plans.flatMap(({ work }) => (work.kind === 'contactImport' ? [work] : []));
    expect(imports.some(({ withheld }) => withheld !== null)).toBe(true);
    expect(imports.some(({ duplicatesRefused }) => !duplicatesRefused)).toBe(true);
  });

  it('exists for every operation, a tenant that accepts duplicates, and an outage among the fixed seeds', () => {
    const plans = FIXED_SEEDS.map(createPlan);
    expect(new Set(plans.map(({ work }) => work.kind))).toEqual(new Set(Object.keys(OPERATIONS)));
    expect(plans.some(({ work }) => work.kind === 'contactImport' && !work.duplicatesRefused)).toBe(true);
    expect(plans.some((plan) => outageMs(plan) > 0)).toBe(true);
    expect(plans.every(isShort)).toBe(true);
  });

  it('is rendered without missing values', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const plan = createPlan(seed);
        const text = [...renderPlan(plan), ...plan.events.map(renderEvent)].join('\n');
        expect(text).not.toMatch(/undefined|NaN(?!\})|\[object/);
      }),
    );
  });
});
