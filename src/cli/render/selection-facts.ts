/** The metrics of a campaign, as one line. Pure. */
import { formatCount, plural } from '../../domain/numbers.ts';
import type { SelectionMetrics } from '../../ledger/selections/selections.ts';
import { formatRate } from '../terminal/format.ts';
import { type Fact, formatMs } from './run-parts.ts';

/** `result`: as the contract defines it; runs that ended otherwise have a part of it, or none. */
export function selectionFacts(result: unknown): readonly Fact[] {
  const { metrics } = result as { readonly metrics?: SelectionMetrics };
  return metrics === undefined ? [] : [['campaign', describeCampaign(metrics, ' by then')]];
}

/** `when`: appended to the number of updates. */
export function describeCampaign(metrics: SelectionMetrics, when = ''): string {
  const { totalOperations, failureCount, successRate, averageLatency } = metrics;
  const latency = averageLatency === null ? '' : `, ${formatMs(averageLatency)} on average`;
  const rate = `success rate ${formatRate(successRate)}`;
  return `${plural(totalOperations, 'update')}${when}, ${formatCount(failureCount)} failed, ${rate}${latency}`;
}
