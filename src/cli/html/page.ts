/** The report of a run as one file: its style is in it, it loads nothing, and it has no script. Pure. */
import { OUTCOMES, type Outcome, SUCCESSES, successRatePercent, sumOutcomes } from '../../domain/run.ts';
import { formatCount, formatDuration, formatPercent, spaced } from '../terminal/format.ts';
import type { RunReport } from '../../queries/run-report.ts';
import { html, type Markup, table } from './markup.ts';
import { renderPace } from './rate-charts.ts';
import { STYLE } from './style.ts';
import { momentOf } from './times.ts';

/** Nothing may be fetched, whatever else is in the file. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";
const MOST_REASONS = 50;

export function renderPage(report: RunReport): string {
  const title = `${report.kind} ${report.target}: ${stateOf(report)}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${header(report)}
${figures(report)}
${outcomes(report)}
${reasons(report)}
${renderPace(report)}
${slowest(report)}
${story(report)}
${footer(report)}
</main>
</body>
</html>
`.html;
}

function stateOf({ state, phase, dryRun }: RunReport): string {
  if (state === 'running') return `running, ${spaced(phase)}`;
  return dryRun && state === 'completed' ? 'planned only (dry run)' : state;
}

function header(report: RunReport): Markup {
  const { kind, target, state, runId, startedAt, finishedAt, requestedBy, failure, waitingFor } = report;
  const by = requestedBy === null ? null : html` by ${requestedBy}`;
  const end = finishedAt === null ? null : html`, ended ${momentOf(finishedAt)}`;
  return html`<header>
<h1>${kind} <span class="target">${target}</span> <span class="badge ${state}">${stateOf(report)}</span></h1>
<p class="id">${runId}</p>
<p>Started ${momentOf(startedAt)}${by}${end}.</p>
${finishedAt === null ? html`<p class="note">The run goes on: this is how it stood at ${momentOf(report.readAt)}.</p>` : null}
${waitingFor === null ? null : html`<p class="note">It waits for ${waitingFor}.</p>`}
${failure === null ? null : html`<p class="note failed">${failure.type}: ${failure.message}</p>`}
</header>`;
}

function figures(report: RunReport): Markup {
  const { counts, requests, repeats, lostAnswers, startedAt, finishedAt, readAt, timeline } = report;
  const written = timeline?.buckets.reduce((sum, { records }) => sum + records, 0) ?? 0;
  const seconds = timeline === null ? 0 : (timeline.to.getTime() - timeline.from.getTime()) / 1_000;
  const rate = seconds > 0 ? `${formatCount(Math.round(written / seconds))}/s` : '–';
  const figure = (value: string, name: string) => html`<div><dd>${value}</dd><dt>${name}</dt></div>`;
  const share = counts.total === 0 ? '–' : `${successRatePercent(counts).toFixed(2)} %`;
  return html`<dl class="figures">${[
    figure(formatCount(counts.total), 'records'),
    figure(share, 'success, of all records'),
    figure(rate, 'records settled, pauses included'),
    figure(
      formatDuration((finishedAt ?? readAt).getTime() - startedAt.getTime()),
      finishedAt === null ? 'since it started' : 'from start to end',
    ),
    figure(formatCount(requests.requests), 'answered requests'),
    figure(
      requests.requests === 0 ? '–' : `${Math.round(requests.averageMs)} / ${Math.round(requests.p95Ms)} ms`,
      'latency: average / 95 %',
    ),
    figure(formatCount(repeats), 'requests repeated'),
    figure(formatCount(lostAnswers), 'answers lost'),
  ]}</dl>`;
}

/** The parts in one bar, and as a table that adds up. */
function outcomes({ counts }: RunReport): Markup {
  const present = [...OUTCOMES, 'pending' as const].filter((outcome) => (counts[outcome] ?? 0) > 0);
  if (present.length === 0) return html`<section><h2>Outcomes</h2><p>There are no records.</p></section>`;
  const row = (outcome: Outcome | 'pending') => {
    const n = counts[outcome] ?? 0;
    return [
      html`<span class="key ${colourOf(outcome)}">${spaced(outcome)}</span>`,
      html`<span class="bar"><span class="${colourOf(outcome)}" style="width:${((n / counts.total) * 100).toFixed(2)}%"></span></span>`,
      formatCount(n),
      formatPercent(n, counts.total),
    ];
  };
  const total = [html`<b>total</b>`, '', html`<b>${formatCount(counts.total)}</b>`, ''];
  const adds = counts.total === counts.pending + sumOutcomes(counts);
  const sum = adds
    ? 'Every record is in exactly one line; the lines add up to the total.'
    : 'The lines do not add up to the total: run `cxflow doctor` and ask whoever keeps cxflow.';
  return html`<section><h2>Outcomes</h2>
${table(
  sum,
  [
    { head: 'outcome' },
    { head: 'share of all' },
    { head: 'records', numeric: true },
    { head: '', numeric: true },
  ],
  [...present.map(row), total],
)}</section>`;
}

function colourOf(outcome: Outcome | 'pending'): string {
  if (outcome === 'pending') return 'none';
  if (SUCCESSES.includes(outcome)) return 'good';
  return outcome === 'in_doubt' || outcome === 'rejected' || outcome === 'conflict' ? 'bad' : 'other';
}

function reasons({ reasons: all }: RunReport): Markup | null {
  if (all.length === 0) return null;
  const shown = all.slice(0, MOST_REASONS);
  const rest = all.slice(MOST_REASONS).reduce((sum, { n }) => sum + n, 0);
  const rows = shown.map(({ outcome, code, field, n }) => [
    spaced(outcome),
    html`<code>${code}</code>`,
    field ?? '',
    formatCount(n),
  ]);
  const caption =
    rest === 0 ? 'A record may have several.' : `The most frequent; ${formatCount(rest)} more are left out.`;
  return html`<section><h2>Reasons</h2>
${table(
  caption,
  [{ head: 'outcome' }, { head: 'reason' }, { head: 'field' }, { head: 'times', numeric: true }],
  rows,
)}</section>`;
}

function slowest({ slowest: all }: RunReport): Markup | null {
  if (all.length === 0) return null;
  const rows = all.map(({ batch, kind, records, latencyMs, attempts, httpStatus, settledAt }) => [
    formatCount(batch),
    spaced(kind),
    formatCount(records),
    formatDuration(latencyMs),
    formatCount(attempts),
    httpStatus === null ? '–' : String(httpStatus),
    momentOf(settledAt),
  ]);
  const columns = [
    { head: 'batch', numeric: true },
    { head: 'what' },
    { head: 'records', numeric: true },
    { head: 'latency', numeric: true },
    { head: 'tries', numeric: true },
    { head: 'status', numeric: true },
    { head: 'settled' },
  ];
  return html`<section><h2>Slowest batches</h2>${table('By the latency of the answer that settled them.', columns, rows)}</section>`;
}

function story({ story: lines, storyIsCut }: RunReport): Markup | null {
  if (lines.length === 0) return null;
  const rows = lines.map(({ at, action, by, why }) => [momentOf(at), spaced(action), by ?? '', why ?? '']);
  const columns = [{ head: 'when' }, { head: 'what' }, { head: 'by' }, { head: 'why' }];
  const cut = storyIsCut
    ? ` Only the first ${formatCount(lines.length)}: \`cxflow audit\` has all of it.`
    : '';
  const caption = `From the audit; batches are left out.${cut}`;
  return html`<section><h2>Who did what</h2>${table(caption, columns, rows)}</section>`;
}

function footer({ readAt, source, plan, events, link }: RunReport): Markup {
  const facts = [
    source &&
      html`<li>Source: ${source.format}, ${formatCount(source.bytes)} bytes, SHA-256 <code>${source.sha256}</code></li>`,
    plan &&
      html`<li>Plan <code>${plan.hash}</code>: ${formatCount(plan.toWrite)} to write in ${formatCount(plan.batches)} batches</li>`,
    html`<li>CRM events: ${formatCount(events.delivered)} delivered, ${formatCount(events.undelivered)} not</li>`,
    link === null ? null : html`<li><a href="${link}">The run in Temporal's Web UI</a></li>`,
  ].filter((fact) => fact !== null);
  return html`<footer><ul>${facts}</ul>
<p>Read from the ledger at ${momentOf(readAt)}. Counts and reasons only: no row of the source is in this file.</p></footer>`;
}
