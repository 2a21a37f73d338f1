/** The rate budget of each tenant and what blocks it, as text. Pure. */
import { plural } from '../../domain/numbers.ts';
import type { RateBlock, TenantBudget } from '../../queries/rate-limits.ts';
import { formatDuration, formatTime, shellQuote } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';
import { renderSteps } from './next-steps.ts';

export interface LimitsView {
  readonly ratePerMinute: number;
  readonly tenants: readonly TenantBudget[];
  readonly now: Date;
}

export function renderLimits(
  { ratePerMinute, tenants, now }: LimitsView,
  colors: Colors,
  command: string,
): string {
  const rate =
    ratePerMinute === 0 ? 'unlimited' : `${plural(ratePerMinute, 'request')} a minute, all workers together`;
  const budget = `budget: ${rate} (CXFLOW_RATE_PER_MINUTE here)`;
  if (tenants.length === 0) return `${budget}\nno request has been sent yet`;
  const facts = tenants.map(({ tenant, nextFreeAt, queues, block }) => {
    const rows = [
      ['next permit', describeNext(nextFreeAt, now)],
      ...queues.map((queue) => [`next of ${printable(queue.name)}`, describeNext(queue.nextFreeAt, now)]),
      ...(block ? [] : [['blocked', 'no']]),
    ];
    const title = colors.bold(printable(tenant));
    return [
      title,
      renderTable([{}, {}], rows),
      ...(block ? [renderRateBlocks([block], colors, command)] : []),
    ].join('\n');
  });
  return [budget, ...facts].join('\n\n');
}

function describeNext(nextFreeAt: Date | null, now: Date): string {
  const waitMs = (nextFreeAt ?? now).getTime() - now.getTime();
  return waitMs <= 0 ? 'free' : `in ${formatDuration(waitMs)}`;
}

/** For each block, what it stops and why, and how to lift it. */
export function renderRateBlocks(blocks: readonly RateBlock[], colors: Colors, command: string): string {
  return blocks
    .map((block) => {
      const rows = [
        ['blocked until', formatTime(block.until)],
        ['since', formatTime(block.since)],
        ['because', printable(block.reason)],
      ];
      const lift = `${command} limits lift --tenant ${shellQuote(block.tenant)}`;
      const steps = [{ what: 'lift it, if CXone did not mean it', command: lift }];
      return [
        colors.yellow(describeRateBlock(block)),
        renderTable([{}, {}], rows),
        renderSteps('next', steps),
      ].join('\n');
    })
    .join('\n\n');
}

/** One line, for a list of other things. */
export function describeRateBlock({ tenant, until }: RateBlock): string {
  return `CXone's rate limit: no request of ${printable(tenant)} leaves until ${formatTime(until)}`;
}
