/** Rate and latency over time, with what people decided marked in them, and the numbers as a table. Pure. */
import { formatCount, formatDuration } from '../terminal/format.ts';
import type { RunReport, StoryLine, Timeline } from '../../queries/run-report.ts';
import { type Chart, type Mark, type Point, renderChart } from './chart.ts';
import { html, type Markup, table } from './markup.ts';
import { clockOf, momentOf } from './times.ts';

const STEERING = /^(approve|reject|cancel|pause|resume|resolve)/;
const LABELS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export function renderPace({ timeline, story, finishedAt }: RunReport): Markup {
  if (timeline === null) {
    return html`<section><h2>Rate and latency</h2><p>Nothing was written to CXone${finishedAt === null ? ' so far' : ''}.</p></section>`;
  }
  const decided = decisionsIn(story, timeline);
  const marks = marksOf(decided);
  return html`<section><h2>Rate and latency</h2>
<p>In steps of ${formatDuration(timeline.widthMs)}, from the first request to the last settled batch; times are UTC.</p>
${renderChart(rateChart(timeline, marks))}
${renderChart(latencyChart(timeline, marks))}
${marksList(marks, decided.length - marks.length)}
${numbers(timeline)}</section>`;
}

type LabelledMark = Mark & { readonly line: StoryLine };

function decisionsIn(story: readonly StoryLine[], { from, to }: Timeline): readonly StoryLine[] {
  return story.filter(({ at, action }) => STEERING.test(action) && at >= from && at <= to);
}

function marksOf(decided: readonly StoryLine[]): readonly LabelledMark[] {
  return decided
    .slice(0, LABELS.length)
    .map((line, i) => ({ at: line.at.getTime(), label: LABELS.charAt(i), line }));
}

function marksList(marks: readonly LabelledMark[], unmarked: number): Markup | null {
  if (marks.length === 0) return null;
  const items = marks.map(
    ({ label, line: { at, action, by } }) =>
      html`<li><b>${label}</b> ${action}${by === null ? '' : ` by ${by}`}, ${momentOf(at)}</li>`,
  );
  const rest = unmarked > 0 ? html`<li>and ${formatCount(unmarked)} more, which have no mark</li>` : null;
  return html`<ul class="marks">${items}${rest}</ul>`;
}

interface Step {
  readonly at: number;
  readonly records: number;
  readonly successes: number;
  readonly averageMs: number | null;
  readonly p95Ms: number | null;
}

/** With the steps in which nothing was settled: a pause has to show. */
function stepsOf({ from, to, widthMs, buckets }: Timeline): readonly Step[] {
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
  const steps = stepsOf(timeline);
  const perSecond = (n: number) => (n * 1_000) / timeline.widthMs;
  const end = endOf(steps, timeline);
  // A step needs an end to reach to.
  const points = (value: (step: Step) => number): Point[] => {
    const drawn = steps.map((step) => ({ at: step.at, value: perSecond(value(step)) }));
    return [...drawn, { at: end, value: drawn.at(-1)?.value ?? 0 }];
  };
  const best = steps.reduce((a, b) => (b.records > a.records ? b : a), steps[0] ?? { at: 0, records: 0 });
  const total = steps.reduce((sum, { records }) => sum + records, 0);
  return {
    id: 'rate',
    title: 'Records settled per second',
    description: `${formatCount(total)} records from ${momentOf(timeline.from)} to ${momentOf(timeline.to)}; at most ${formatCount(
      Math.round(perSecond(best.records)),
    )} per second, at ${momentOf(best.at)}. The numbers are in the table below.`,
    unit: 'records/s',
    from: timeline.from.getTime(),
    to: end,
    marks,
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

function latencyChart(timeline: Timeline, marks: readonly Mark[]): Chart {
  const steps = stepsOf(timeline);
  const points = (value: (step: Step) => number | null): Point[] =>
    steps.map((step) => ({ at: step.at + timeline.widthMs / 2, value: value(step) }));
  const highest = Math.max(0, ...steps.map(({ p95Ms }) => p95Ms ?? 0));
  return {
    id: 'latency',
    title: 'Latency of CXone’s answers',
    description: `Average and 95th percentile per step; the highest 95th percentile is ${formatDuration(highest)}.`,
    unit: 'ms',
    from: timeline.from.getTime(),
    to: endOf(steps, timeline),
    marks,
    series: [
      { name: '95 % within', colour: 'high', shape: 'line', points: points(({ p95Ms }) => p95Ms) },
      { name: 'average', colour: 'line', shape: 'line', points: points(({ averageMs }) => averageMs) },
    ],
  };
}

function endOf(steps: readonly Step[], { from, widthMs }: Timeline): number {
  return from.getTime() + steps.length * widthMs;
}

function numbers({ from, widthMs, buckets }: Timeline): Markup {
  const span = (buckets.at(-1)?.index ?? 0) * widthMs;
  const ms = (n: number | null) => (n === null ? '–' : formatCount(Math.round(n)));
  const rows = buckets.map((bucket) => [
    clockOf(from.getTime() + bucket.index * widthMs, span),
    formatCount(bucket.records),
    formatCount(bucket.successes),
    formatCount(bucket.requests),
    formatCount(bucket.repeats),
    ms(bucket.averageMs),
    ms(bucket.p95Ms),
  ]);
  const names = ['records', 'successes', 'requests', 'repeats', 'average ms', '95 % ms'];
  const columns = [{ head: 'from (UTC)' }, ...names.map((head) => ({ head, numeric: true }))];
  return html`<details><summary>The numbers behind the charts</summary>
${table('Steps in which nothing was settled are left out.', columns, rows)}</details>`;
}
