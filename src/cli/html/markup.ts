/** HTML from template literals: every value is escaped unless it is markup already. Pure. */
import { printable } from '../terminal/sanitize.ts';

export interface Markup {
  readonly html: string;
}
type Part = Markup | string | number | null | readonly Markup[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const filled = texts.map((text, i) => text + (i < parts.length ? toHtml(parts[i] ?? null) : ''));
  return { html: filled.join('') };
}

function toHtml(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return 'html' in part ? part.html : part.map((each) => each.html).join('\n');
}

export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

export interface Column {
  readonly head: string;
  readonly numeric?: boolean;
}

export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
): Markup {
  const heads = columns.map(
    ({ head, numeric }) => html`<th scope="col"${numeric ? NUMERIC : null}>${head}</th>`,
  );
  const cell = (part: Part, i: number) => html`<td${columns[i]?.numeric ? NUMERIC : null}>${part}</td>`;
  const lines = rows.map((row) => html`<tr>${row.map(cell)}</tr>`);
  return html`<div class="scroll"><table><caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>${lines}</tbody></table></div>`;
}

const NUMERIC: Markup = { html: ' class="n"' };
