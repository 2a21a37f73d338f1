/** The governance metrics as one HTML file, and as a table in the report of a run. Pure. */
import { formatCount } from '../../domain/numbers.ts';
import type { GovernanceMetrics, LogEntry, Sums } from '../../queries/metrics.ts';
import { formatMs } from '../render/run-parts.ts';
import { formatRate, operationName, plural, spaced } from '../terminal/format.ts';
import { renderDocument } from './document.ts';
import { html, type Markup, table } from './markup.ts';
import { formatUtc } from './times.ts';

export type ComparedSums = Omit<Sums, 'runs' | 'running' | 'failed' | 'outcomes' | 'successes'> & {
  readonly name: string;
};

export function renderMetricsPage(metrics: GovernanceMetrics): string {
  const { since, operation, total, readAt } = metrics;
  const what = operation === null ? 'all operations' : operationName(operation);
  const from = since === null ? 'All runs so far' : `Runs started since ${formatUtc(since)}`;
  return renderDocument(
    `Governance metrics of ${what}`,
    html`<header>
<h1>Governance metrics <span class="target">${what}</span></h1>
<p>${from}, read at ${formatUtc(readAt)}. Dry runs do not count; runs that were purged do.</p>
</header>
${renderFigures(total)}
${total.runs === 0 ? null : renderOperations(metrics)}
${renderLog(metrics)}
<footer><p>This file contains counts, rates and ids of runs, and no row of a source.</p></footer>`,
  );
}

function renderFigures(total: Sums): Markup {
  const figure = (value: string, name: string) => html`<div><dd>${value}</dd><dt>${name}</dt></div>`;
  const still = total.running === 0 ? '' : `, ${formatCount(total.running)} still running`;
  return html`<dl class="figures">${[
    figure(formatCount(total.runs), `runs, ${formatCount(total.failed)} failed${still}`),
    figure(formatCount(total.records), 'records'),
    figure(formatRate(total.successRatePercent), 'success rate'),
    figure(formatCount(total.violations), 'violations'),
    figure(formatRate(total.complianceRatePercent), 'compliance rate'),
    figure(formatCount(total.requests), 'answered requests'),
    figure(formatMs(total.averageLatencyMs), 'average latency'),
    figure(`${formatMs(total.p50LatencyMs)} / ${formatMs(total.p95LatencyMs)}`, 'latency: p50 / p95'),
  ]}</dl>`;
}

function renderOperations({ operations }: GovernanceMetrics): Markup {
  const rows = operations.map(({ operation, ...sums }) => ({ ...sums, name: operationName(operation) }));
  const runs = operations.map((each) => [
    operationName(each.operation),
    formatCount(each.runs),
    formatCount(each.running),
    formatCount(each.failed),
  ]);
  const columns = [
    { head: 'operation' },
    ...['runs', 'still running', 'failed'].map((head) => ({ head, numeric: true })),
  ];
  return html`<section><h2>Operations</h2>
${renderSums(rows, 'A violation is a record that one of our rules kept from being sent.')}</section>
<section><h2>Runs</h2>
${table('A failed run can be started again, and then counts as what it becomes.', columns, runs)}</section>`;
}

/** One line each, with bars for the rate and for the latencies. */
export function renderSums(all: readonly ComparedSums[], caption: string): Markup {
  const longestMs = Math.max(...all.map(({ p95LatencyMs }) => p95LatencyMs ?? 0));
  const rows = all.map((sums) => [
    sums.name,
    formatCount(sums.records),
    formatRate(sums.successRatePercent),
    formatCount(sums.violations),
    formatRate(sums.complianceRatePercent),
    renderShare(sums.complianceRatePercent),
    formatCount(sums.requests),
    formatMs(sums.averageLatencyMs),
    `${formatMs(sums.p50LatencyMs)} / ${formatMs(sums.p95LatencyMs)}`,
    renderLatency(sums, longestMs),
  ]);
  const columns = [
    { head: '' },
    { head: 'records', numeric: true },
    { head: 'success', numeric: true },
    { head: 'violations', numeric: true },
    { head: 'compliance', numeric: true },
    { head: '' },
    { head: 'requests', numeric: true },
    { head: 'average', numeric: true },
    { head: 'p50 / p95', numeric: true },
    { head: 'latency' },
  ];
  return table(caption, columns, rows);
}

function renderShare(percent: number | null): Markup | string {
  return percent === null
    ? ''
    : html`<span class="bar small"><span class="good" style="width:${percent.toFixed(2)}%"></span></span>`;
}

/** From 0 to p50 in full, from there to p95 lighter. */
function renderLatency({ p50LatencyMs, p95LatencyMs }: ComparedSums, longestMs: number): Markup | string {
  if (p50LatencyMs === null || p95LatencyMs === null || longestMs === 0) return '';
  const width = (ms: number) => ((ms / longestMs) * 100).toFixed(2);
  return html`<span class="bar small latency"><span class="p95" style="width:${width(p95LatencyMs)}%"></span><span class="p50" style="width:${width(p50LatencyMs)}%"></span></span>`;
}

function renderLog({ log, total }: GovernanceMetrics): Markup {
  if (log.length === 0) return html`<section><h2>Log</h2><p>There are no runs.</p></section>`;
  const rest = total.runs - log.length;
  const caption = `The newest ${plural(log.length, 'run')} first${rest > 0 ? `, ${formatCount(rest)} earlier ones left out (--limit)` : ''}.`;
  const columns = [
    { head: 'started' },
    { head: 'operation' },
    { head: 'run' },
    { head: 'outcome' },
    ...['records', 'violations', 'compliance', 'latency'].map((head) => ({ head, numeric: true })),
  ];
  return html`<section><h2>Log</h2>${table(caption, columns, log.map(toCells))}</section>`;
}

function toCells(entry: LogEntry) {
  const { startedAt, operation, runId, state, phase, records, violations } = entry;
  return [
    formatUtc(startedAt),
    operationName(operation),
    html`<code>${runId}</code>`,
    state === 'running' ? `running, ${spaced(phase)}` : state,
    formatCount(records),
    formatCount(violations),
    formatRate(entry.complianceRatePercent),
    formatMs(entry.averageLatencyMs),
  ];
}
