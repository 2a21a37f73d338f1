/** Parts of the report that only the operation of a run has. Pure. */
import type { Bar, Curves, Section } from '../render/sections.ts';
import { renderChart } from './chart.ts';
import { html, type Markup, table } from './markup.ts';

export function renderSections(sections: readonly Section[]): Markup | null {
  if (sections.length === 0) return null;
  return html`${sections.map(renderSection)}`;
}

function renderSection({ title, columns, rows, bars, hasTotal = false, note = '' }: Section): Markup {
  const heads = columns.map(({ head = '', align }) => ({ head, numeric: align === 'right' }));
  const [first, ...others] = heads;
  const lines = rows.map(([name = '', ...cells], i) => {
    const bar = bars?.[i];
    const line = [name, ...(bars ? [bar ? renderBar(bar) : ''] : []), ...cells];
    const isTotal = hasTotal && i === rows.length - 1;
    return isTotal ? line.map((cell) => html`<b>${cell}</b>`) : line;
  });
  const named = first ? [first] : [];
  return html`<section><h2>${capitalize(title)}</h2>
${table(note, [...named, ...(bars ? [{ head: 'share' }] : []), ...others], lines)}</section>`;
}

function renderBar({ share, colour }: Bar): Markup {
  const width = (Math.min(1, Math.max(0, share)) * 100).toFixed(2);
  return html`<span class="bar"><span class="${colour}" style="width:${width}%"></span></span>`;
}

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export function renderCurves(all: readonly Curves[]): Markup | null {
  if (all.length === 0) return null;
  const charts = all.map(({ series, ...curves }, i) =>
    renderChart({
      ...curves,
      id: `curves-${i}`,
      marks: [],
      series: series.map((each) => ({ ...each, shape: 'line' as const })),
    }),
  );
  return html`<section>${charts}</section>`;
}
