/** What CXone says beyond single records, as text. Pure; without personal data. */
import { formatCount } from '../../domain/numbers.ts';
import type { CxoneMessages } from '../../queries/answers.ts';
import { wrapText } from '../terminal/format.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';

/** With the numbers before it, a line has at most 80 columns. */
const TEXT_COLUMNS = 46;

/** One section with the most frequent `max` of them, or none. */
export function renderMessages({ messages, notKept }: CxoneMessages, max: number): string[] {
  if (messages.length + notKept === 0) return [];
  const rows = messages
    .slice(0, max)
    .map(({ text, httpStatus, n, firstBatch }) => [
      formatCount(n),
      httpStatus === null ? '–' : String(httpStatus),
      formatCount(firstBatch),
      wrapText(printable(text), TEXT_COLUMNS).join('\n'),
    ]);
  const left = messages.slice(max).reduce((sum, { n }) => sum + n, 0) + notKept;
  const lines = [
    'messages of CXone',
    ...(rows.length === 0 ? [] : [renderTable(COLUMNS, rows)]),
    ...(left === 0 ? [] : [`  … and ${formatCount(left)} more`]),
  ];
  return [lines.join('\n')];
}

const COLUMNS = [
  { head: 'times', align: 'right' },
  { head: 'status', align: 'right' },
  { head: 'from batch', align: 'right' },
  { head: 'message' },
] as const;
