/** What the texts about a run have in common. Pure. */
import { formatCount, plural } from '../../domain/numbers.ts';
import type { RunState } from '../../domain/run.ts';
import type { Latencies, RuleChecks } from '../../queries/metrics.ts';
import { formatDuration, formatRate } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';

export function stateColor(state: RunState, colors: Colors): (text: string) => string {
  const ofState = {
    completed: colors.green,
    failed: colors.red,
    rejected: colors.yellow,
    cancelled: colors.yellow,
  };
  return ofState[state];
}

export function describeEvents(events: { readonly delivered: number; readonly undelivered: number }): string {
  const waiting = events.undelivered === 0 ? '' : `, ${formatCount(events.undelivered)} not yet`;
  return `${formatCount(events.delivered)} delivered${waiting}`;
}

/** For people, on the terminal and in the report. */
export type Fact = readonly [name: string, value: string];

export function describeRules({ checked, violations, complianceRatePercent }: RuleChecks): string {
  if (checked === 0) return '–, nothing was checked';
  const of = `${formatCount(violations)} of ${plural(checked, 'record')}`;
  return `${of}, compliance rate ${formatRate(complianceRatePercent)}`;
}

export function describeRequests({ requests, averageMs, p50Ms, p95Ms }: Latencies): string {
  if (averageMs === null) return formatCount(requests);
  const percentiles = `p50 ${formatMs(p50Ms)}, p95 ${formatMs(p95Ms)}`;
  return `${formatCount(requests)}, latency ${formatMs(averageMs)} on average, ${percentiles}`;
}

/** `–` where there is none. */
export function formatMs(ms: number | null): string {
  return ms === null ? '–' : formatDuration(ms);
}
