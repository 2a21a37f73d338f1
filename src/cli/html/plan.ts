/** What the plan of an operation says beyond its counts, in the report of a run. Pure. */
import { formatCount } from '../../domain/numbers.ts';
import type { Histogram, PlanDetails } from '../render/plan.ts';
import { htmlToText, type SampleMessage } from '../render/sample-messages.ts';
import { html, type Markup, table } from './markup.ts';

export function renderPlanDetails({ figures, samples, messages = [] }: PlanDetails): Markup | null {
  if (!figures && samples.length + messages.length === 0) return null;
  const facts =
    figures?.facts.map(([name, value]) => html`<li>${name === '' ? value : `${name}: ${value}`}</li>`) ?? [];
  return html`<section><h2>Plan</h2>
${facts.length === 0 ? null : html`<ul>${facts}</ul>`}
${figures?.histogram ? renderHistogram(figures.histogram) : null}
${renderSamples(samples)}
${renderMessages(messages)}</section>`;
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

/** The body as text, because a report loads nothing and executes nothing. */
function renderMessages(messages: readonly SampleMessage[]): Markup | null {
  if (messages.length === 0) return null;
  const rows = messages.map(({ to, subject, body, fields }) => [
    to,
    subject,
    body === null
      ? fields.map(([name, value]) => `${name} ${value}`).join(', ')
      : toLines(body).map((line) => html`${line}<br>`),
  ]);
  const hasBody = messages.some(({ body }) => body !== null);
  const columns = [{ head: 'to' }, { head: 'subject' }, { head: hasBody ? 'preview' : 'merge fields' }];
  return table('What the first recipients will read, with values hidden.', columns, rows);
}

function toLines({ format, content }: NonNullable<SampleMessage['body']>): readonly string[] {
  return (format === 'html' ? htmlToText(content) : content)
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
