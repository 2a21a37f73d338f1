/**
 * Charts as SVG, drawn here instead of by a script in the browser (docs/adr/0007-charts-without-a-script.md). Colours come
 * from the style sheet, so that light, dark and print have their own. Pure.
 */
import { scaleLinear, scaleUtc } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import { formatCount } from '../../domain/numbers.ts';
import { html, type Markup } from './markup.ts';
import { formatTick } from './times.ts';

export interface Point {
  /** ms since 1970 */
  readonly at: number;
  /** Null where there is nothing to draw. */
  readonly value: number | null;
}

export interface Series {
  readonly name: string;
  /** A class in the style sheet. */
  readonly colour: 'good' | 'other' | 'line' | 'high';
  /** `area`: a step from each point to the next. `line`: the points are connected. */
  readonly shape: 'area' | 'line';
  readonly points: readonly Point[];
}

export interface Mark {
  readonly at: number;
  /** One character, explained in the list below the charts. */
  readonly label: string;
}

/** A time that is shaded from top to bottom. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What the chart shows, for screen readers. */
  readonly description: string;
  readonly unit: string;
  readonly from: number;
  readonly to: number;
  readonly series: readonly Series[];
  readonly marks: readonly Mark[];
  readonly outages?: readonly Span[];
}

const [WIDTH, HEIGHT] = [920, 240];
const MARGIN = { top: 26, right: 14, bottom: 28, left: 64 };
const [X_TICKS, Y_TICKS] = [7, 4];

export function renderChart(chart: Chart): Markup {
  const scales = createScales(chart);
  return html`<figure>
<figcaption>${chart.title}${drawLegend(chart.series)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${chart.id}-t ${chart.id}-d">
<title id="${chart.id}-t">${chart.title}</title>
<desc id="${chart.id}-d">${chart.description}</desc>
${drawAxes(chart, scales)}
${(chart.outages ?? []).map((span) => drawSpan(span, scales))}
${chart.series.map((series) => drawSeries(series, scales))}
${chart.marks.map((mark) => drawMark(mark, scales))}
</svg></figure>`;
}

type Scales = ReturnType<typeof createScales>;

function createScales({ from, to, series }: Chart) {
  const highest = Math.max(1, ...series.flatMap(({ points }) => points.map(({ value }) => value ?? 0)));
  return {
    x: scaleUtc([from, Math.max(to, from + 1)], [MARGIN.left, WIDTH - MARGIN.right]),
    y: scaleLinear([0, highest], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(Y_TICKS),
  };
}

function drawAxes({ from, to, unit }: Chart, { x, y }: Scales): Markup {
  const rows = y.ticks(Y_TICKS).map((tick) => {
    const at = y(tick).toFixed(1);
    return html`<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}"/>
<text class="tick end" x="${MARGIN.left - 8}" y="${at}" dy="0.32em">${formatCount(tick)}</text>`;
  });
  const columns = x.ticks(X_TICKS).map((tick) => {
    const at = x(tick).toFixed(1);
    return html`<text class="tick mid" x="${at}" y="${HEIGHT - 8}">${formatTick(tick.getTime(), to - from)}</text>`;
  });
  return html`<text class="tick end" x="${MARGIN.left - 8}" y="12">${unit}</text>
${rows}
${columns}`;
}

function drawSeries(series: Series, scales: Scales): Markup {
  return series.shape === 'area' ? drawArea(series, scales) : drawLine(series, scales);
}

function drawArea({ points, colour }: Series, { x, y }: Scales): Markup {
  const shape = area<Point>()
    .curve(curveStepAfter)
    .x(({ at }) => x(at))
    .y0(y(0))
    .y1(({ value }) => y(value ?? 0))
    .digits(1);
  return html`<path class="area ${colour}" d="${shape(points) ?? ''}"/>`;
}

/** A point without neighbours would be a line of length zero, so it gets a dot. */
function drawLine({ points, colour }: Series, { x, y }: Scales): Markup {
  const shape = line<Point>()
    .defined(({ value }) => value !== null)
    .x(({ at }) => x(at))
    .y(({ value }) => y(value ?? 0))
    .digits(1);
  const isIsolated = (i: number) =>
    (points[i - 1]?.value ?? null) === null && (points[i + 1]?.value ?? null) === null;
  const dots = points.flatMap(({ at, value }, i) => {
    if (value === null || !isIsolated(i)) return [];
    return [html`<circle class="dot ${colour}" cx="${x(at).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3"/>`];
  });
  return html`<path class="line ${colour}" d="${shape(points) ?? ''}"/>${dots}`;
}

/** At least two units wide, so that a short one in a long run can be seen. */
function drawSpan({ from, to }: Span, { x }: Scales): Markup {
  const [left, right] = [x(from), x(to)];
  const top = MARGIN.top - 8;
  return html`<rect class="outage" x="${left.toFixed(1)}" width="${Math.max(2, right - left).toFixed(1)}" y="${top}" height="${HEIGHT - MARGIN.bottom - top}"/>`;
}

function drawMark({ at, label }: Mark, { x }: Scales): Markup {
  const left = x(at).toFixed(1);
  return html`<line class="mark" x1="${left}" x2="${left}" y1="${MARGIN.top - 8}" y2="${HEIGHT - MARGIN.bottom}"/>
<text class="mark mid" x="${left}" y="${MARGIN.top - 12}">${label}</text>`;
}

function drawLegend(series: readonly Series[]): Markup {
  const keys = series.map(({ name, colour }) => html`<span class="key ${colour}">${name}</span>`);
  return html` <span class="legend">${keys}</span>`;
}
