/** Our own suppression list on a terminal. Pure. */
import { formatCount, plural } from '../../domain/numbers.ts';
import { shorten } from '../../domain/shorten.ts';
import type {
  AddedEntries,
  ListedSuppression,
  RemovedSuppression,
} from '../../ledger/consent/suppressions.ts';
import { formatTime } from '../terminal/format.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTableWithin } from '../terminal/table.ts';

const ABOUT = { contact: 'contact', email: 'email', phone: 'phone' } as const;
const REASON_CHARACTERS = 24;

const LISTED = [
  { head: 'since' },
  { head: 'about' },
  { head: 'channel' },
  { head: 'reason' },
  { head: 'code' },
  { head: 'added by' },
] as const;

const text = (value: string, max = REASON_CHARACTERS): string => printable(shorten(value, max));

/** No wider than the terminal: who has added them comes last. */
export function renderListed(entries: readonly ListedSuppression[], columns = 80): string {
  const rows = entries.map(({ since, kind, channel, reason, code, addedBy, runId }) => [
    formatTime(since),
    ABOUT[kind],
    channel,
    text(reason),
    code === null ? '' : printable(code),
    addedBy === null ? runIdText(runId) : text(addedBy),
  ]);
  return renderTableWithin(LISTED, rows, { maxWidth: columns, minColumns: 5 });
}

/** In full: it is the argument of other commands. */
const runIdText = (runId: string | null): string => (runId === null ? '' : printable(runId));

const REMOVED = [
  { head: 'taken off' },
  { head: 'about' },
  { head: 'channel' },
  { head: 'reason' },
  { head: 'by' },
  { head: 'because' },
] as const;

export function renderRemoved(entries: readonly RemovedSuppression[], columns = 80): string {
  const rows = entries.map(({ removedAt, kind, channel, reason, removedBy, removedBecause }) => [
    formatTime(removedAt),
    ABOUT[kind],
    channel,
    text(reason),
    text(removedBy, 12),
    text(removedBecause, 40),
  ]);
  return renderTableWithin(REMOVED, rows, { maxWidth: columns, minColumns: 5 });
}

/** `3 entries: 2 added, 1 on the list already`, and what to do about those without effect. */
export function describeAdded({ added, renewed, unchanged, ineffective }: AddedEntries): readonly string[] {
  const parts = [
    `${plural(added, 'entry')} added`,
    ...(renewed > 0 ? [`${formatCount(renewed)} renewed with a later date`] : []),
    ...(unchanged > 0 ? [`${formatCount(unchanged)} on the list already`] : []),
  ];
  if (ineffective === 0) return [parts.join(', ')];
  const [have, which] = ineffective === 1 ? ['has', 'it was'] : ['have', 'they were'];
  return [
    parts.join(', '),
    `${plural(ineffective, 'entry')} ${have} no effect: ${which} taken off the list, or the contact has consented, at this date or later`,
    '  → if the person has objected again since, give the date of that: --since, or the column since',
  ];
}
