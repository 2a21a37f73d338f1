/** What the first recipients of a message will read, as text. Pure. */
import { plural } from '../../domain/numbers.ts';
import { wrapText } from '../terminal/format.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';
import type { Fact } from './run-parts.ts';

export interface SampleMessage {
  /** Masked. */
  readonly to: string;
  readonly subject: string;
  /** Null: nobody has said what the message looks like. */
  readonly body: { readonly format: 'text' | 'html'; readonly content: string } | null;
  /** Shown if there is no body. */
  readonly fields: readonly Fact[];
}

/** With two spaces in front and the names beside them, a line still fits into 80 columns. */
const BODY_COLUMNS = 66;
const MAX_BODY_LINES = 8;

export function renderSampleMessages(messages: readonly SampleMessage[]): string[] {
  if (messages.length === 0) return [];
  const heading = 'what the first recipients will read';
  return [heading, messages.map(renderMessage).join('\n\n')];
}

function renderMessage({ to, subject, body, fields }: SampleMessage): string {
  const facts: readonly Fact[] = [
    ['to', to],
    ['subject', subject],
    ...(body === null ? fields : toLines(body).map((line, i): Fact => [i === 0 ? 'preview' : '', line])),
  ];
  return renderTable(
    [{}, {}],
    facts.flatMap(([name, value]) =>
      wrapText(printable(value), BODY_COLUMNS).map((line, i) => [i === 0 ? printable(name) : '', line]),
    ),
  );
}

function toLines({ format, content }: NonNullable<SampleMessage['body']>): readonly string[] {
  const text = format === 'html' ? htmlToText(content) : content;
  const lines = text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const more = lines.length - MAX_BODY_LINES;
  return more > 0 ? [...lines.slice(0, MAX_BODY_LINES), `… and ${plural(more, 'more line')}`] : lines;
}

const INVISIBLE = /<(style|script|head|title)\b[\s\S]*?<\/\1\s*>|<!--[\s\S]*?-->/gi;
/** Elements after which a reader sees a new line. */
const LINE_ENDS = /<br\s*\/?>|<\/(?:p|div|li|tr|h[1-6]|table|ul|ol|blockquote)\s*>/gi;
const ENTITIES: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' },
};

/** Good enough to judge a text by; a mail program shows more. */
export function htmlToText(markup: string): string {
  return markup
    .replaceAll(INVISIBLE, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(LINE_ENDS, '\n')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(
      /&(?:#(\d{1,6})|#x([\da-f]{1,5})|([a-z]+));/gi,
      (whole, decimal?: string, hex?: string, name?: string) => {
        const code = decimal ?? (hex === undefined ? undefined : String(Number.parseInt(hex, 16)));
        return code === undefined
          ? (ENTITIES[name?.toLowerCase() ?? ''] ?? whole)
          : String.fromCodePoint(Number(code));
      },
    );
}
