/** One line that shows where a run is: with a bar on a terminal, without one elsewhere. Pure. */
import { formatCount, plural } from '../../domain/numbers.ts';
import type { Counts, Phase } from '../../domain/run.ts';
import { NEEDS_ATTENTION } from '../../domain/run.ts';
import { formatDuration, formatPercent, spaced } from './format.ts';
import type { Colors } from './output.ts';

export interface Snapshot {
  /** `starting`: the ledger does not have the run yet. */
  readonly phase: Phase | 'starting';
  readonly counts: Counts | null;
  readonly waitingFor: string | null;
  /** What keeps the run from making progress if it is not the run itself: no worker, no database. */
  readonly trouble: string | null;
  readonly perSecond: number | null;
  readonly secondsLeft: number | null;
  /** How far the operation is, in its own words; instead of the share of settled records. */
  readonly note?: string | null;
}

const PHASE_LABELS: Readonly<Record<Snapshot['phase'], string>> = {
  starting: 'starting',
  staging: 'reading and checking the source',
  planning: 'planning',
  writing: 'writing to CXone',
  tracking: 'following the messages',
  delivering: 'delivering events',
  done: 'done',
  awaiting_approval: 'waiting for approval',
  paused: 'paused',
  conflict: 'waiting for a decision about conflicts',
  in_doubt: 'waiting for a decision about writes in doubt',
};

/** Phases before the first write, in which a share of the total would mean nothing. */
const WITHOUT_SHARE: readonly Snapshot['phase'][] = ['starting', 'staging', 'planning', 'awaiting_approval'];
const BAR_CELLS = 24;
const FEWEST_BAR_CELLS = 6;

/** For files and pipes: `writing to CXone: 6,200 of 10,000 (62.0 %), 1,240/s, about 3 s left`. */
export function renderPlainLine(snapshot: Snapshot): string {
  const label = PHASE_LABELS[snapshot.phase];
  const facts = renderFacts(snapshot);
  const line = facts.length === 0 ? label : `${label}: ${facts.join(', ')}`;
  return [line, renderWaiting(snapshot)].filter(Boolean).join('; ');
}

/** What a narrow terminal does without, in this order. Phase, percentage, time left and trouble stay for as long as they can. */
const LEFT_OUT = ['rate', 'attention', 'amount', 'bar', 'time left'] as const;
type LeftOut = readonly (typeof LEFT_OUT)[number][];

/** For a terminal of this many columns; never longer. The bar is as wide as the rest allows. */
export function renderBarLine(snapshot: Snapshot, colors: Colors, columns: number): string {
  const room = columns - 1;
  const narrower = LEFT_OUT.map((_, i) => LEFT_OUT.slice(0, i + 1));
  const [line] = [[], ...narrower].flatMap((leftOut) => fitInto(room, snapshot, leftOut) ?? []);
  const waiting = renderWaiting(snapshot);
  const shown = line ?? truncate(waiting === '' ? PHASE_LABELS[snapshot.phase] : waiting, room);
  return snapshot.trouble === null ? shown.replace(/█+/, (full) => colors.green(full)) : colors.yellow(shown);
}

/** null: it does not fit, or its bar would be too short to show anything. */
function fitInto(room: number, snapshot: Snapshot, leftOut: LeftOut): string | null {
  const { phase, counts } = snapshot;
  const rest = [...renderFacts(snapshot, leftOut), renderWaiting(snapshot)].filter((part) => part !== '');
  const hasBar =
    counts !== null &&
    counts.total > 0 &&
    !WITHOUT_SHARE.includes(phase) &&
    !snapshot.note &&
    !leftOut.includes('bar');
  const line = [PHASE_LABELS[phase], ...(hasBar ? [''] : []), ...rest].join('  ');
  if (!hasBar) return line.length <= room ? line : null;
  const cells = Math.min(BAR_CELLS, room - line.length);
  if (cells < FEWEST_BAR_CELLS) return null;
  const bar = renderBar((counts.total - counts.pending) / counts.total, cells);
  return [PHASE_LABELS[phase], bar, ...rest].join('  ');
}

export function renderBar(share: number, cells: number): string {
  const full = Math.min(cells, Math.max(0, Math.floor(share * cells)));
  return '█'.repeat(full) + '░'.repeat(cells - full);
}

function renderFacts(snapshot: Snapshot, leftOut: LeftOut = []): string[] {
  const facts = [
    snapshot.note ?? (leftOut.includes('amount') ? renderShare(snapshot) : renderAmount(snapshot)),
    leftOut.includes('rate') ? '' : renderRate(snapshot),
    leftOut.includes('time left') ? '' : renderTimeLeft(snapshot),
    leftOut.includes('attention') ? '' : renderAttention(snapshot),
  ];
  return facts.filter((fact) => fact !== '');
}

function renderAmount({ phase, counts }: Snapshot): string {
  if (counts === null || counts.total === 0) return '';
  if (WITHOUT_SHARE.includes(phase)) return plural(counts.total, 'row');
  const settled = counts.total - counts.pending;
  return `${formatCount(settled)} of ${formatCount(counts.total)} (${renderShare({ phase, counts })})`;
}

function renderShare({ phase, counts }: Pick<Snapshot, 'phase' | 'counts'>): string {
  if (counts === null || counts.total === 0 || WITHOUT_SHARE.includes(phase)) return '';
  return formatPercent(counts.total - counts.pending, counts.total);
}

/** A run that waits does not go on at the rate that it had. */
function renderRate({ perSecond, waitingFor }: Snapshot): string {
  return perSecond === null || waitingFor !== null ? '' : `${formatCount(Math.round(perSecond))}/s`;
}

function renderTimeLeft({ secondsLeft, waitingFor }: Snapshot): string {
  return secondsLeft === null || waitingFor !== null
    ? ''
    : `about ${formatDuration(Math.max(1, Math.round(secondsLeft)) * 1_000)} left`;
}

function renderAttention({ counts }: Snapshot): string {
  const found = NEEDS_ATTENTION.filter((outcome) => (counts?.[outcome] ?? 0) > 0);
  return found.map((outcome) => `${formatCount(counts?.[outcome] ?? 0)} ${spaced(outcome)}`).join(', ');
}

/** A note says what the run waits for, and more. */
function renderWaiting({ trouble, waitingFor, note }: Snapshot): string {
  return trouble ?? (note ? '' : (waitingFor ?? ''));
}

function truncate(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}
