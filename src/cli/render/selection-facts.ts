/** The metrics of a campaign, as one line. Pure. */
import { formatCount } from '../../domain/numbers.ts';
import type { SelectionMetrics } from '../../ledger/selections/selections.ts';
import { formatRate, plural } from '../terminal/format.ts';
import { type Fact, formatMs } from './run-parts.ts';

/** `result`: as the contract defines it; runs that ended otherwise have a part of it, or none. */
export function selectionFacts(result: unknown): readonly Fact[] {
  const { metrics } = result as { readonly metrics?: SelectionMetrics };
  return metrics === undefined ? [] : [['campaign', `${describeCampaign(metrics)} (when this run ended)`]];
}

export function describeCampaign(metrics: SelectionMetrics): string {
  const { totalOperations, successCount, failureCount, successRate, averageLatency } = metrics;
  const counts = `${formatCount(successCount)} succeeded, ${formatCount(failureCount)} failed`;
  const latency = averageLatency === null ? '' : `, ${formatMs(averageLatency)} on average`;
  return `${plural(totalOperations, 'update')}: ${counts}, success rate ${formatRate(successRate)}${latency}`;
}
