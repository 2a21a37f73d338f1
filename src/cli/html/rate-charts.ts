/** Rate and latency over time as charts, with the operators' decisions marked in them, and as a table. Pure. */
import { formatCount, plural } from '../../domain/numbers.ts';
import type { HistoryEntry } from '../../queries/run-history.ts';
import type { RunReport, Timeline } from '../../queries/run-report.ts';
import { formatDuration } from '../terminal/format.ts';
import { type Chart, type Mark, type Point, renderChart, type Span } from './chart.ts';
import { html, type Markup, table } from './markup.ts';
import { formatTick, formatUtc } from './times.ts';

const DECISIONS = /^(approve|reject|cancel|pause|resume|resolve)/;
const LABELS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export function renderRateCharts({ timeline, history, finishedAt }: RunReport): Markup {
  if (timeline === null) {
    const soFar = finishedAt === null ? ' so far' : '';
    return html`<section><h2>Rate and latency</h2><p>Nothing was written to CXone${soFar}.</p></section>`;
  }
  const decisions = selectDecisions(history, timeline);
  const marks = toMarks(decisions);
  return html`<section><h2>Rate and latency</h2>
<p>In intervals of ${formatDuration(timeline.widthMs)}, from the first request to the last settled batch; times are UTC.</p>
${renderChart(rateChart(timeline, marks))}
${renderChart(latencyChart(timeline, marks))}
${renderOutages(timeline.outages)}
${renderMarks(marks, decisions.length - marks.length)}
${renderNumbers(timeline)}</section>`;
}

type DecisionMark = Mark & { readonly decision: HistoryEntry };

function selectDecisions(history: readonly HistoryEntry[], { from, to }: Timeline): readonly HistoryEntry[] {
  return history.filter(({ at, action }) => DECISIONS.test(action) && at >= from && at <= to);
}

function toMarks(decisions: readonly HistoryEntry[]): readonly DecisionMark[] {
  return decisions
    .slice(0, LABELS.length)
    .map((decision, i) => ({ at: decision.at.getTime(), label: LABELS.charAt(i), decision }));
}

function renderMarks(marks: readonly DecisionMark[], unmarked: number): Markup | null {
  if (marks.length === 0) return null;
  const items = marks.map(
    ({ label, decision: { at, action, by } }) =>
      html`<li><b>${label}</b> ${action}${by === null ? '' : ` by ${by}`}, ${formatUtc(at)}</li>`,
  );
  const rest = unmarked > 0 ? html`<li>and ${formatCount(unmarked)} more without a mark</li>` : null;
  return html`<ul class="marks">${items}${rest}</ul>`;
}

/** The shaded times. What caused them is not recorded, but what followed shows which it can have been. */
function renderOutages(outages: Timeline['outages']): Markup | null {
  if (outages.length === 0) return null;
  const items = outages.map(({ from, to, isRepeated }) => {
    const why = isRepeated
      ? 'requests were repeated afterwards, as after an outage of CXone, of the database or of a worker'
      : 'nothing was sent, because the run was waiting, or no worker was there, or Temporal was not';
    const lasted = formatDuration(to.getTime() - from.getTime());
    return html`<li><span class="key outage"></span>${formatUtc(from)}, nothing was settled for ${lasted}: ${why}</li>`;
  });
  return html`<ul class="marks">${items}</ul>`;
}

const toSpans = ({ outages }: Timeline): readonly Span[] =>
  outages.map(({ from, to }) => ({ from: from.getTime(), to: to.getTime() }));

interface Interval {
  readonly at: number;
  readonly records: number;
  readonly successes: number;
  readonly averageMs: number | null;
  readonly p95Ms: number | null;
}

/** Includes the intervals in which nothing was settled, so that a pause is visible. */
function toIntervals({ from, to, widthMs, buckets }: Timeline): readonly Interval[] {
  const byIndex = new Map(buckets.map((bucket) => [bucket.index, bucket]));
  const last = Math.max(0, ...buckets.map(({ index }) => index));
  const n = Math.max(last + 1, Math.ceil((to.getTime() - from.getTime()) / widthMs));
  const empty = { records: 0, successes: 0, averageMs: null, p95Ms: null };
  return Array.from({ length: n }, (_, index) => ({
    ...(byIndex.get(index) ?? empty),
    at: from.getTime() + index * widthMs,
  }));
}

function rateChart(timeline: Timeline, marks: readonly Mark[]): Chart {
  const intervals = toIntervals(timeline);
  const perSecond = (n: number) => (n * 1_000) / timeline.widthMs;
  const end = endOfChart(intervals, timeline);
  // The last interval is drawn up to a point at its end.
  const points = (value: (interval: Interval) => number): Point[] => {
    const drawn = intervals.map((interval) => ({ at: interval.at, value: perSecond(value(interval)) }));
    return [...drawn, { at: end, value: drawn.at(-1)?.value ?? 0 }];
  };
  return {
    id: 'rate',
    title: 'Records settled per second',
    description: describeRate(timeline, intervals, perSecond),
    unit: 'records/s',
    from: timeline.from.getTime(),
    to: end,
    marks,
    outages: toSpans(timeline),
    series: [
      { name: 'other outcomes', colour: 'other', shape: 'area', points: points(({ records }) => records) },
      {
        name: 'created, updated or existing',
        colour: 'good',
        shape: 'area',
        points: points(({ successes }) => successes),
      },
    ],
  };
}

function describeRate(
  { from, to }: Timeline,
  intervals: readonly Interval[],
  perSecond: (n: number) => number,
): string {
  const first = intervals[0] ?? { at: 0, records: 0 };
  const best = intervals.reduce((a, b) => (b.records > a.records ? b : a), first);
  const total = intervals.reduce((sum, { records }) => sum + records, 0);
  const peak = formatCount(Math.round(perSecond(best.records)));
  return (
    `${plural(total, 'record')} from ${formatUtc(from)} to ${formatUtc(to)}; ` +
    `at most ${peak} per second, at ${formatUtc(best.at)}. The numbers are in the table below.`
  );
}

function latencyChart(timeline: Timeline, marks: readonly Mark[]): Chart {
  const intervals = toIntervals(timeline);
  const points = (value: (interval: Interval) => number | null): Point[] =>
    intervals.map((interval) => ({ at: interval.at + timeline.widthMs / 2, value: value(interval) }));
  const highest = Math.max(0, ...intervals.map(({ p95Ms }) => p95Ms ?? 0));
  return {
    id: 'latency',
    title: 'Latency of CXone',
    description: `Average and 95th percentile per interval; the highest 95th percentile is ${formatDuration(highest)}.`,
    unit: 'ms',
    from: timeline.from.getTime(),
    to: endOfChart(intervals, timeline),
    marks,
    outages: toSpans(timeline),
    series: [
      { name: 'p95', colour: 'high', shape: 'line', points: points(({ p95Ms }) => p95Ms) },
      { name: 'average', colour: 'line', shape: 'line', points: points(({ averageMs }) => averageMs) },
    ],
  };
}

function endOfChart(intervals: readonly Interval[], { from, widthMs }: Timeline): number {
  return from.getTime() + intervals.length * widthMs;
}

function renderNumbers({ from, widthMs, buckets }: Timeline): Markup {
  const span = (buckets.at(-1)?.index ?? 0) * widthMs;
  const ms = (n: number | null) => (n === null ? '–' : formatCount(Math.round(n)));
  const rows = buckets.map((bucket) => [
    formatTick(from.getTime() + bucket.index * widthMs, span),
    formatCount(bucket.records),
    formatCount(bucket.successes),
    formatCount(bucket.requests),
    formatCount(bucket.repeats),
    ms(bucket.averageMs),
    ms(bucket.p95Ms),
  ]);
  const names = ['records', 'successes', 'requests', 'repeats', 'average ms', 'p95 ms'];
  const columns = [{ head: 'from (UTC)' }, ...names.map((head) => ({ head, numeric: true }))];
  return html`<details><summary>The numbers behind the charts</summary>
${table('Intervals in which nothing was settled are left out.', columns, rows)}</details>`;
}
