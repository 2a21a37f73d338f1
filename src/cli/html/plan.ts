/** What the plan of an operation says beyond its counts, in the report of a run. Pure. */
import { formatCount } from '../../domain/numbers.ts';
import type { Histogram, PlanDetails } from '../render/plan.ts';
import { html, type Markup, table } from './markup.ts';

export function renderPlanDetails({ figures, samples }: PlanDetails): Markup | null {
  if (!figures && samples.length === 0) return null;
  const facts = figures?.facts.map(([name, value]) => html`<li>${name}: ${value}</li>`) ?? [];
  return html`<section><h2>Plan</h2>
${facts.length === 0 ? null : html`<ul>${facts}</ul>`}
${figures ? renderHistogram(figures.histogram) : null}
${renderSamples(samples)}</section>`;
}

function renderHistogram({ title, bars }: Histogram): Markup | null {
  const most = Math.max(...bars.map(({ n }) => n));
  if (most <= 0) return null;
  const bar = (n: number) =>
    n === 0
      ? ''
      : html`<span class="bar"><span class="good" style="width:${((n / most) * 100).toFixed(2)}%"></span></span>`;
  const columns = [{ head: '' }, { head: 'records', numeric: true }, { head: '' }];
  const rows = bars.map(({ label, n }) => [
    html`<span class="nowrap">${label}</span>`,
    formatCount(n),
    bar(n),
  ]);
  return table(title, columns, rows);
}

/** A column for each field that any sample has. */
function renderSamples(samples: PlanDetails['samples']): Markup | null {
  if (samples.length === 0) return null;
  const names = [...new Set(samples.flatMap((sample) => sample.map(([name]) => name)))];
  const rows = samples.map((sample) => {
    const values = new Map(sample);
    return names.map((name) => values.get(name) ?? '');
  });
  return table(
    'The first records of the plan, with values hidden.',
    names.map((head) => ({ head })),
    rows,
  );
}
