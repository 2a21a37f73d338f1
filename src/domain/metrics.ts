/** The governance metrics: what is measured of runs, and the figures that follow from it (docs/metrics.md). Pure. */
import { percentOf, twoDecimals } from './numbers.ts';
import { countSuccesses, type Outcome } from './run.ts';

/** Of one run, or the sums of several. */
export interface Measures {
  readonly records: number;
  readonly outcomes: Partial<Record<Outcome, number>>;
  /** What our rules were applied to: records, and inputs that were refused as a whole. */
  readonly checked: number;
  readonly violations: number;
  /** Writes that an answer of CXone has settled. */
  readonly requests: number;
  /** The sum over these requests. */
  readonly latencyMs: number;
  /** How many requests took how long: milliseconds, rounded to three digits → requests. */
  readonly latencies: Readonly<Record<string, number>>;
}

/** A record that staging settled with one of these breaks a rule of ours. CXone rejects records later, with an answer. */
export const VIOLATIONS: readonly Outcome[] = ['invalid', 'rejected'];

/** null where there is nothing to divide by. */
export interface Figures {
  readonly successRatePercent: number | null;
  readonly complianceRatePercent: number | null;
  readonly averageLatencyMs: number | null;
  readonly p50LatencyMs: number | null;
  readonly p95LatencyMs: number | null;
}

export function figuresOf(measures: Measures): Figures {
  const { records, outcomes, checked, violations, requests, latencyMs, latencies } = measures;
  return {
    successRatePercent: percentOf(countSuccesses(outcomes), records),
    complianceRatePercent: percentOf(checked - violations, checked),
    averageLatencyMs: requests === 0 ? null : twoDecimals(latencyMs / requests),
    p50LatencyMs: percentile(latencies, 0.5),
    p95LatencyMs: percentile(latencies, 0.95),
  };
}

/** By nearest rank: the smallest latency that at least this share of the requests did not exceed. */
export function percentile(latencies: Measures['latencies'], share: number): number | null {
  const sorted = Object.entries(latencies)
    .map(([ms, requests]) => ({ ms: Number(ms), requests }))
    .sort((a, b) => a.ms - b.ms);
  const rank = Math.ceil(share * sorted.reduce((sum, { requests }) => sum + requests, 0));
  let counted = 0;
  for (const { ms, requests } of sorted) {
    counted += requests;
    if (counted >= rank) return ms;
  }
  return null;
}

export const NOTHING_MEASURED: Measures = {
  records: 0,
  outcomes: {},
  checked: 0,
  violations: 0,
  requests: 0,
  latencyMs: 0,
  latencies: {},
};

export function addMeasures(a: Measures, b: Measures): Measures {
  return {
    records: a.records + b.records,
    outcomes: addByKey(a.outcomes, b.outcomes),
    checked: a.checked + b.checked,
    violations: a.violations + b.violations,
    requests: a.requests + b.requests,
    latencyMs: a.latencyMs + b.latencyMs,
    latencies: addByKey(a.latencies, b.latencies),
  };
}

function addByKey<Key extends string>(
  a: Partial<Record<Key, number>>,
  b: Partial<Record<Key, number>>,
): Record<Key, number> {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])] as Key[];
  const sums = keys.map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]);
  return Object.fromEntries(sums) as Record<Key, number>;
}
