/** One line that says where a run is: on a terminal with a bar, elsewhere without. Pure. */
import type { Counts, Phase } from '../../domain/run.ts';
import { NEEDS_ATTENTION } from '../../domain/run.ts';
import type { Colors } from '../cli.ts';
import { formatCount, formatDuration, formatPercent, plural, spaced } from './format.ts';

export interface Snapshot {
  /** `starting`: the ledger does not know the run yet. */
  readonly phase: Phase | 'starting';
  readonly counts: Counts | null;
  readonly waitingFor: string | null;
  /** Why nothing moves, when that is not the run's own doing: no worker, no database. */
  readonly trouble: string | null;
  readonly perSecond: number | null;
  readonly secondsLeft: number | null;
}

const WORDS: Readonly<Record<Snapshot['phase'], string>> = {
  starting: 'starting',
  staging: 'reading and checking the source',
  planning: 'planning',
  writing: 'writing to CXone',
  delivering: 'telling the CRM',
  done: 'done',
  awaiting_approval: 'waiting for approval',
  paused: 'paused',
  conflict: 'conflict',
  in_doubt: 'waiting for a word about writes in doubt',
};

/** Phases with no sum to compare with: nothing is settled while the source is read. */
const WITHOUT_SHARE: readonly Snapshot['phase'][] = ['starting', 'staging', 'planning'];
const BAR_CELLS = 24;

/** For files and pipes: `writing to CXone: 6,200 of 10,000 (62.0 %), 1,240/s, about 3 s left`. */
export function plainLine(snapshot: Snapshot): string {
  const facts = [amount(snapshot), rate(snapshot), left(snapshot), look(snapshot)].filter(Boolean);
  const line = facts.length === 0 ? WORDS[snapshot.phase] : `${WORDS[snapshot.phase]}: ${facts.join(', ')}`;
  return [line, waiting(snapshot)].filter(Boolean).join('; ');
}

/** For a terminal of so many columns; never longer. */
export function barLine(snapshot: Snapshot, colors: Colors, columns: number): string {
  const { phase, counts } = snapshot;
  const showsBar = counts !== null && counts.total > 0 && !WITHOUT_SHARE.includes(phase);
  const parts = [
    WORDS[phase],
    ...(showsBar ? [bar((counts.total - counts.pending) / counts.total)] : []),
    amount(snapshot),
    rate(snapshot),
    left(snapshot),
    look(snapshot),
    waiting(snapshot),
  ].filter((part) => part !== '');
  const line = cut(parts.join('  '), columns - 1);
  return snapshot.trouble === null ? line.replace(/█+/, (full) => colors.green(full)) : colors.yellow(line);
}

export function bar(share: number): string {
  const full = Math.min(BAR_CELLS, Math.max(0, Math.floor(share * BAR_CELLS)));
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
}

function amount({ phase, counts }: Snapshot): string {
  if (counts === null || counts.total === 0) return '';
  if (WITHOUT_SHARE.includes(phase)) return plural(counts.total, 'row');
  const settled = counts.total - counts.pending;
  const share = formatPercent(settled, counts.total);
  return `${formatCount(settled)} of ${formatCount(counts.total)} (${share})`;
}

function rate({ perSecond }: Snapshot): string {
  return perSecond === null ? '' : `${formatCount(Math.round(perSecond))}/s`;
}

function left({ secondsLeft }: Snapshot): string {
  return secondsLeft === null
    ? ''
    : `about ${formatDuration(Math.max(1, Math.round(secondsLeft)) * 1_000)} left`;
}

function look({ counts }: Snapshot): string {
  const found = NEEDS_ATTENTION.filter((outcome) => (counts?.[outcome] ?? 0) > 0);
  return found.map((outcome) => `${formatCount(counts?.[outcome] ?? 0)} ${spaced(outcome)}`).join(', ');
}

function waiting({ trouble, waitingFor }: Snapshot): string {
  return trouble ?? (waitingFor === null ? '' : waitingFor);
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}
