import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAULT_RULES } from '../../src/simulator/faults.ts';
import { createPlan } from './plan.ts';
import { renderEvent, renderPlan } from './render.ts';

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

  it('has every kind of event within a hundred seeds', () => {
    const kinds = new Set(
      Array.from({ length: 100 }, (_, seed) => createPlan(seed).events.map(({ what }) => what)).flat(),
    );
    expect(kinds.size).toBe(10);
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
