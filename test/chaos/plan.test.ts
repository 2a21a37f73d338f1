import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAULT_RULES } from '../../src/simulator/faults.ts';
import { planOf } from './plan.ts';
import { eventWords, planLines } from './words.ts';

const seeds = fc.nat(1_000_000);

describe('a plan of chaos', () => {
  it('is the same for the same seed, and hardly ever for another', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(planOf(seed)).toEqual(planOf(seed));
        expect(planOf(seed + 1)).not.toEqual({ ...planOf(seed), seed: seed + 1 });
      }),
    );
  });

  it('is one that the simulator takes, and names none but its own workers', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { faults, events, workers } = planOf(seed);
        expect(() => FAULT_RULES.parse(faults)).not.toThrow();
        for (const event of events) {
          expect(event.at >= 0 && event.at <= 1).toBe(true);
          if ('worker' in event) expect(event.worker >= 1 && event.worker <= workers).toBe(true);
        }
        expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b));
      }),
    );
  });

  it('comes to every kind of event within a hundred seeds', () => {
    const kinds = new Set(
      Array.from({ length: 100 }, (_, seed) => planOf(seed).events.map(({ what }) => what)).flat(),
    );
    expect(kinds.size).toBe(10);
  });

  it('can be read: no line of it has a hole', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const plan = planOf(seed);
        const text = [...planLines(plan), ...plan.events.map(eventWords)].join('\n');
        expect(text).not.toMatch(/undefined|NaN(?!\})|\[object/);
      }),
    );
  });
});
