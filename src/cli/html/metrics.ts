/** The governance metrics as one HTML file, and as a table in the report of a run. Pure. */
import { formatCount, plural } from '../../domain/numbers.ts';
import type { GovernanceMetrics, LogEntry, Sums } from '../../queries/metrics.ts';
import { formatMs } from '../render/run-parts.ts';
import { formatRate, operationName, spaced } from '../terminal/format.ts';
import { renderDocument } from './document.ts';
import { html, type Markup, table } from './markup.ts';
import { formatUtc } from './times.ts';

export type ComparedSums = Omit<Sums, 'running' | 'outcomes' | 'successes'> & {
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
  return html`<section><h2>Records and rules</h2>
${renderRates(rows, 'A violation is a record that one of our rules kept from being sent.')}</section>
<section><h2>Latency of CXone</h2>
${renderLatencies(rows)}</section>`;
}

const numbers = (...heads: readonly string[]) => heads.map((head) => ({ head, numeric: true }));

export function renderRates(all: readonly ComparedSums[], caption: string): Markup {
  const rows = all.map((sums) => [
    nowrap(sums.name),
    formatCount(sums.runs),
    formatCount(sums.failed),
    formatCount(sums.records),
    formatRate(sums.successRatePercent),
    formatCount(sums.violations),
    formatRate(sums.complianceRatePercent),
    renderShare(sums.complianceRatePercent),
  ]);
  const counts = numbers('runs', 'failed', 'records', 'success', 'violations', 'compliance');
  return table(caption, [{ head: '' }, ...counts, { head: '' }], rows);
}

export function renderLatencies(all: readonly ComparedSums[]): Markup {
  const longestMs = Math.max(...all.map(({ p95LatencyMs }) => p95LatencyMs ?? 0));
  const rows = all.map((sums) => [
    nowrap(sums.name),
    formatCount(sums.requests),
    formatMs(sums.averageLatencyMs),
    formatMs(sums.p50LatencyMs),
    formatMs(sums.p95LatencyMs),
    renderLatency(sums, longestMs),
  ]);
  const columns = [{ head: '' }, ...numbers('requests', 'average', 'p50', 'p95'), { head: '' }];
  return table(
    'Of the requests that were answered. The bar reaches to p50, and lighter to p95.',
    columns,
    rows,
  );
}

const nowrap = (text: string): Markup => html`<span class="nowrap">${text}</span>`;

function renderShare(percent: number | null): Markup | string {
  return percent === null
    ? ''
    : html`<span class="bar"><span class="good" style="width:${percent.toFixed(2)}%"></span></span>`;
}

/** From 0 to p50 in full, from there to p95 lighter. */
function renderLatency({ p50LatencyMs, p95LatencyMs }: ComparedSums, longestMs: number): Markup | string {
  if (p50LatencyMs === null || p95LatencyMs === null || longestMs === 0) return '';
  const width = (ms: number) => ((ms / longestMs) * 100).toFixed(2);
  return html`<span class="bar latency"><span class="p95" style="width:${width(p95LatencyMs)}%"></span><span class="p50" style="width:${width(p50LatencyMs)}%"></span></span>`;
}

function renderLog({ log, total }: GovernanceMetrics): Markup {
  if (log.length === 0) return html`<section><h2>Log</h2><p>There are no runs.</p></section>`;
  const rest = total.runs - log.length;
  const caption = `The newest ${plural(log.length, 'run')} first${rest > 0 ? `, ${formatCount(rest)} earlier ones left out (--limit)` : ''}.`;
  const columns = [
    { head: 'started' },
    { head: 'operation, run' },
    { head: 'outcome' },
    ...numbers('records', 'violations', 'compliance', 'latency'),
  ];
  return html`<section><h2>Log</h2>${table(caption, columns, log.map(toCells))}</section>`;
}

function toCells(entry: LogEntry) {
  const { startedAt, operation, runId, state, phase, records, violations } = entry;
  return [
    nowrap(formatUtc(startedAt)),
    html`${operationName(operation)}<br><code>${runId}</code>`,
    state === 'running' ? `running, ${spaced(phase)}` : state,
    formatCount(records),
    formatCount(violations),
    formatRate(entry.complianceRatePercent),
    formatMs(entry.averageLatencyMs),
  ];
}
