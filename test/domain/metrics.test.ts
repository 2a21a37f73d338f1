import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addMeasures,
  figuresOf,
  type Measures,
  NOTHING_MEASURED,
  percentile,
} from '../../src/domain/metrics.ts';
import { percentOf } from '../../src/domain/numbers.ts';

const counts = fc.record({ created: fc.nat(1_000), invalid: fc.nat(1_000), rejected: fc.nat(1_000) });
const latencies = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 });

function toHistogram(all: readonly number[]): Record<string, number> {
  const histogram: Record<string, number> = {};
  for (const ms of all) histogram[ms] = (histogram[ms] ?? 0) + 1;
  return histogram;
}

describe('the figures', () => {
  it('are missing where there is nothing to divide by', () => {
    expect(figuresOf(NOTHING_MEASURED)).toEqual({
      successRatePercent: null,
      complianceRatePercent: null,
      averageLatencyMs: null,
      p50LatencyMs: null,
      p95LatencyMs: null,
    });
  });

  it('follow the formulas of docs/metrics.md', () => {
    const measures: Measures = {
      records: 8,
      outcomes: { created: 3, updated: 2, existing: 1, rejected: 1, duplicate: 1 },
      checked: 8,
      violations: 1,
      requests: 20,
      latencyMs: 2_001,
      latencies: { 90: 18, 100: 1, 281: 1 },
    };
    expect(figuresOf(measures)).toEqual({
      successRatePercent: 75,
      complianceRatePercent: 87.5,
      averageLatencyMs: 100.05,
      p50LatencyMs: 90,
      p95LatencyMs: 100,
    });
  });

  it('include percentiles of latency by rank: that share of the requests took no longer', () => {
    fc.assert(
      fc.property(latencies, fc.constantFrom(0.5, 0.95), (all, share) => {
        const ms = percentile(toHistogram(all), share) ?? -1;
        const below = (limit: number) => all.filter((each) => each <= limit).length;
        expect(all).toContain(ms);
        expect(below(ms)).toBeGreaterThanOrEqual(share * all.length);
        expect(below(ms - 1)).toBeLessThan(share * all.length);
      }),
    );
  });

  it('never round a single violation among a million records away', () => {
    expect([percentOf(999_999, 1_000_000), percentOf(1, 1_000_000)]).toEqual([99.99, 0.01]);
    expect([percentOf(0, 5), percentOf(5, 5), percentOf(0, 0)]).toEqual([0, 100, null]);
  });
});

describe('the sums of runs', () => {
  it('do not depend on how the runs are grouped', () => {
    const measures = fc.record({
      records: fc.nat(1_000),
      outcomes: counts,
      checked: fc.nat(1_000),
      violations: fc.nat(1_000),
      requests: fc.nat(1_000),
      latencyMs: fc.nat(1_000),
      latencies: latencies.map(toHistogram),
    });
    fc.assert(
      fc.property(measures, measures, measures, (a, b, c) => {
        expect(addMeasures(addMeasures(a, b), c)).toEqual(addMeasures(a, addMeasures(c, b)));
        expect(addMeasures(a, NOTHING_MEASURED)).toEqual(a);
      }),
    );
  });
});
