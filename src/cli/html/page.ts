/** The report of a run as one HTML file with its own style sheet. It loads nothing and contains no script. Pure. */
import { formatCount, percentOf, plural } from '../../domain/numbers.ts';
import { meaningOf } from '../../domain/reasons.ts';
import {
  countSuccesses,
  isConserved,
  OUTCOMES,
  type Outcome,
  SUCCESSES,
  successRatePercent,
} from '../../domain/run.ts';
import type { RunReport } from '../../queries/run-report.ts';
import type { PlanDetails } from '../render/plan.ts';
import { type Fact, formatMs } from '../render/run-parts.ts';
import type { Curves, Section } from '../render/sections.ts';
import { formatDuration, formatPercent, formatRate, operationName, spaced } from '../terminal/format.ts';
import { renderDocument } from './document.ts';
import { html, type Markup, table } from './markup.ts';
import { type ComparedSums, renderLatencies, renderRates } from './metrics.ts';
import { renderPlanDetails } from './plan.ts';
import { renderRateCharts } from './rate-charts.ts';
import { renderCurves, renderSections } from './sections.ts';
import { formatUtc } from './times.ts';

export interface ReportPage extends RunReport {
  /** The run in Temporal's Web UI. */
  readonly link: string | null;
  /** Those of its operation (CliOperation.facts). */
  readonly facts: readonly Fact[];
  readonly planDetails: PlanDetails;
  /** Those of its operation (CliOperation.readReport). */
  readonly sections: readonly Section[];
  readonly curves: readonly Curves[];
}

const MAX_REASONS = 50;

export function renderPage(report: ReportPage): string {
  const title = `${report.title}: ${renderState(report)}`;
  return renderDocument(
    title,
    html`${renderHeader(report)}
${renderFigures(report)}
${renderOutcomes(report)}
${renderReasons(report)}
${renderSections(report.sections)}
${renderCurves(report.curves)}
${renderPlanDetails(report.planDetails)}
${renderComparison(report)}
${renderMessages(report)}
${renderRateCharts(report)}
${renderSlowest(report)}
${renderHistory(report)}
${renderFooter(report)}`,
  );
}

function renderState({ state, phase, dryRun }: ReportPage): string {
  if (state === 'running') return `running, ${spaced(phase)}`;
  return dryRun && state === 'completed' ? 'planned only (dry run)' : state;
}

function renderHeader(report: ReportPage): Markup {
  const { title, state, runId, startedAt, finishedAt, requestedBy, failure, waitingFor } = report;
  const by = requestedBy === null ? null : html` by ${requestedBy}`;
  const end = finishedAt === null ? null : html`, ended ${formatUtc(finishedAt)}`;
  const readAt = formatUtc(report.readAt);
  return html`<header>
<h1>${title} <span class="badge ${state}">${renderState(report)}</span></h1>
<p class="id">${runId}</p>
<p>Started ${formatUtc(startedAt)}${by}${end}.</p>
${finishedAt === null ? html`<p class="note">The run has not ended. This report shows its state at ${readAt}.</p>` : null}
${waitingFor === null ? null : html`<p class="note">It waits for ${waitingFor}.</p>`}
${failure === null ? null : html`<p class="note failed">${failure.type}: ${failure.message}</p>`}
</header>`;
}

function renderFigures(report: ReportPage): Markup {
  const { counts, requests, rules, cxone, repeats, lostAnswers, startedAt, finishedAt, readAt, timeline } =
    report;
  const written = timeline?.buckets.reduce((sum, { records }) => sum + records, 0) ?? 0;
  const seconds = timeline === null ? 0 : (timeline.to.getTime() - timeline.from.getTime()) / 1_000;
  const rate = seconds > 0 ? `${formatCount(Math.round(written / seconds))}/s` : '–';
  const duration = formatDuration((finishedAt ?? readAt).getTime() - startedAt.getTime());
  const figure = (value: string, name: string) => html`<div><dd>${value}</dd><dt>${name}</dt></div>`;
  // These are computed from rows that a purge deletes.
  const ofRequests = [
    figure(rate, 'records settled, including pauses'),
    figure(formatCount(repeats), 'repeated requests'),
    figure(formatCount(lostAnswers), 'lost answers'),
  ];
  return html`<dl class="figures">${[
    figure(formatCount(counts.total), 'records'),
    figure(counts.total === 0 ? '–' : `${successRatePercent(counts).toFixed(2)} %`, 'success rate'),
    figure(rules.checked === 0 ? '–' : formatCount(rules.violations), 'violations'),
    figure(formatRate(rules.complianceRatePercent), 'compliance rate'),
    figure(duration, finishedAt === null ? 'since the start' : 'from start to end'),
    figure(formatCount(requests.requests), 'answered requests'),
    figure(`${formatMs(requests.averageMs)} / ${formatMs(requests.p95Ms)}`, 'latency: average / p95'),
    ...(cxone.averageMs === null
      ? []
      : [figure(formatMs(cxone.averageMs), "average latency by CXone's account")]),
    ...(report.purgedAt === undefined ? ofRequests : []),
  ]}</dl>`;
}

/** A table whose lines add up to the total, with a bar for each share. */
function renderOutcomes({ counts }: ReportPage): Markup {
  const present = [...OUTCOMES, 'pending' as const].filter((outcome) => (counts[outcome] ?? 0) > 0);
  if (present.length === 0) return html`<section><h2>Outcomes</h2><p>There are no records.</p></section>`;
  const row = (outcome: Outcome | 'pending') => {
    const n = counts[outcome] ?? 0;
    const width = ((n / counts.total) * 100).toFixed(2);
    return [
      html`<span class="key ${chooseColor(outcome)}">${spaced(outcome)}</span>`,
      html`<span class="bar"><span class="${chooseColor(outcome)}" style="width:${width}%"></span></span>`,
      formatCount(n),
      formatPercent(n, counts.total),
    ];
  };
  const total = [html`<b>total</b>`, '', html`<b>${formatCount(counts.total)}</b>`, ''];
  const caption = isConserved(counts)
    ? 'Every record is counted in exactly one line, so the lines add up to the total.'
    : 'The lines do not add up to the total. Please report this as a bug in cxflow.';
  const columns = [
    { head: 'outcome' },
    { head: 'share' },
    { head: 'records', numeric: true },
    { head: '', numeric: true },
  ];
  return html`<section><h2>Outcomes</h2>
${table(caption, columns, [...present.map(row), total])}</section>`;
}

function chooseColor(outcome: Outcome | 'pending'): string {
  if (outcome === 'pending') return 'none';
  if (SUCCESSES.includes(outcome)) return 'good';
  return outcome === 'in_doubt' || outcome === 'rejected' || outcome === 'conflict' ? 'bad' : 'other';
}

function renderReasons({ reasons: all }: ReportPage): Markup | null {
  if (all.length === 0) return null;
  const shown = all.slice(0, MAX_REASONS);
  const rest = all.slice(MAX_REASONS).reduce((sum, { n }) => sum + n, 0);
  const rows = shown.map(({ outcome, code, field, n }) => [
    spaced(outcome),
    html`<code>${code}</code>`,
    meaningOf(code) ?? '',
    field ?? '',
    formatCount(n),
  ]);
  const caption =
    rest === 0
      ? 'A record can have several reasons.'
      : `The most frequent reasons; ${formatCount(rest)} more are left out.`;
  const columns = [
    { head: 'outcome' },
    { head: 'reason' },
    { head: 'meaning' },
    { head: 'field' },
    { head: 'records', numeric: true },
  ];
  return html`<section><h2>Reasons</h2>
${table(caption, columns, rows)}</section>`;
}

/** What CXone says beyond single records. */
function renderMessages({ cxone: { messages, notKept } }: ReportPage): Markup | null {
  if (messages.length + notKept === 0) return null;
  const rows = messages.map(({ n, httpStatus, firstBatch, text }) => [
    formatCount(n),
    httpStatus === null ? '–' : String(httpStatus),
    formatCount(firstBatch),
    html`<span class="text">${text}</span>`,
  ]);
  const columns = [
    { head: 'times', numeric: true },
    { head: 'status', numeric: true },
    { head: 'from batch', numeric: true },
    { head: 'message' },
  ];
  const rest = notKept === 0 ? '' : ` ${formatCount(notKept)} more were only counted.`;
  const caption = `In the words of CXone, without persons.${rest}`;
  return html`<section><h2>Messages of CXone</h2>
${table(caption, columns, rows)}</section>`;
}

/** The same governance metrics, of this run and of all runs of its operation. */
function renderComparison(report: ReportPage): Markup {
  const { allRuns, kind, counts, rules, requests, dryRun, facts } = report;
  const own: ComparedSums = {
    name: 'this run',
    runs: 1,
    failed: report.state === 'failed' ? 1 : 0,
    records: counts.total,
    successRatePercent: percentOf(countSuccesses(counts), counts.total),
    ...rules,
    requests: requests.requests,
    averageLatencyMs: requests.averageMs,
    p50LatencyMs: requests.p50Ms,
    p95LatencyMs: requests.p95Ms,
  };
  const others = { ...allRuns, name: 'all runs' };
  const caption = `This run, and all ${operationName(kind)} runs so far${dryRun ? '; dry runs such as this one do not count' : ''}.`;
  const ofOperation = facts.map(([name, value]) => html`<li>${name}: ${value}</li>`);
  return html`<section><h2>Governance metrics</h2>
${renderRates([own, others], caption)}
${renderLatencies([own, others])}
${facts.length === 0 ? null : html`<ul>${ofOperation}</ul>`}</section>`;
}

function renderSlowest({ slowest: all }: ReportPage): Markup | null {
  if (all.length === 0) return null;
  const [hasIds, hasDurations] = [
    all.some(({ cxoneId }) => cxoneId !== null),
    all.some(({ cxoneMs }) => cxoneMs !== null),
  ];
  const rows = all.map(
    ({ batch, kind, records, latencyMs, attempts, httpStatus, settledAt, cxoneId, cxoneMs }) => [
      formatCount(batch),
      spaced(kind),
      formatCount(records),
      formatDuration(latencyMs),
      formatCount(attempts),
      httpStatus === null ? '–' : String(httpStatus),
      formatUtc(settledAt),
      ...(hasDurations ? [cxoneMs === null ? '–' : formatDuration(cxoneMs)] : []),
      ...(hasIds ? [cxoneId === null ? '–' : html`<code>${cxoneId}</code>`] : []),
    ],
  );
  const columns = [
    { head: 'batch', numeric: true },
    { head: 'write' },
    { head: 'records', numeric: true },
    { head: 'latency', numeric: true },
    { head: 'attempts', numeric: true },
    { head: 'status', numeric: true },
    { head: 'settled' },
    ...(hasDurations ? [{ head: "CXone's latency", numeric: true }] : []),
    ...(hasIds ? [{ head: "CXone's id" }] : []),
  ];
  const caption = 'By the latency of the answer that settled the batch.';
  return html`<section><h2>Slowest batches</h2>${table(caption, columns, rows)}</section>`;
}

function renderHistory({ history, historyIsTruncated }: ReportPage): Markup | null {
  if (history.length === 0) return null;
  const rows = history.map(({ at, action, by, why }) => [formatUtc(at), spaced(action), by ?? '', why ?? '']);
  const columns = [{ head: 'when' }, { head: 'what' }, { head: 'by' }, { head: 'why' }];
  const rest = historyIsTruncated
    ? ` Only the first ${formatCount(history.length)} entries are shown; \`cxflow audit\` lists all.`
    : '';
  const caption = `From the audit, without the entries of batches.${rest}`;
  return html`<section><h2>History</h2>${table(caption, columns, rows)}</section>`;
}

function renderFooter({ readAt, source, plan, events, cxone, link, purgedAt }: ReportPage): Markup {
  const facts = [
    source &&
      html`<li>Source: ${source.format}, ${plural(source.bytes, 'byte')}, SHA-256 <code>${source.sha256}</code></li>`,
    plan &&
      html`<li>Plan <code>${plan.hash}</code>: ${formatCount(plan.toWrite)} to write in ${plural(plan.batches, 'batch')}</li>`,
    purgedAt === undefined
      ? html`<li>Events: ${formatCount(events.delivered)} delivered, ${formatCount(events.undelivered)} not yet</li>`
      : html`<li>Rows, requests and events were purged on ${formatUtc(purgedAt)}; the counts are kept</li>`,
    cxone.recordIds === 0
      ? null
      : html`<li>CXone's ids of ${plural(cxone.recordIds, 'record')} are in the ledger; <code>cxflow records</code> lists them</li>`,
    link === null ? null : html`<li><a href="${link}">The run in Temporal's Web UI</a></li>`,
  ].filter((fact) => fact !== null);
  return html`<footer><ul>${facts}</ul>
<p>Read from the ledger at ${formatUtc(readAt)}. This file contains counts and reasons, and no row of the source; samples are masked.</p></footer>`;
}
