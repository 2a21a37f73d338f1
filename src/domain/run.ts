/** Words that every kind of run shares: outcomes, counts, reasons, states. Pure. */

/** What became of a record: exactly one of these, or none yet (`pending`). */
export const OUTCOMES = [
  'created',
  'updated',
  'existing',
  'conflict',
  'duplicate',
  'suppressed',
  'ineligible',
  'invalid',
  'rejected',
  'in_doubt',
  'cancelled',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Outcomes that mean: the record stands in CXone as the run wanted it (decisions.md 27). */
export const SUCCESSES: readonly Outcome[] = ['created', 'updated', 'existing'];

/** Outcomes that make a command exit with 3: completed, but somebody should look. */
export const NEEDS_ATTENTION: readonly Outcome[] = ['invalid', 'rejected', 'conflict', 'in_doubt'];

/** Why a record has its outcome. Never holds a value of the record: reasons travel further than rows do. */
export interface Reason {
  /** Stable, snake_case, e.g. `phone_not_e164`. */
  readonly code: string;
  /** The field as the source or CXone names it. */
  readonly field?: string;
  readonly message?: string;
}

/** `total = pending + the sum of the outcomes`, at every moment. Outcomes that are 0 may be left out. */
export type Counts = { readonly total: number; readonly pending: number } & {
  readonly [outcome in Outcome]?: number;
};

export const NO_COUNTS: Counts = { total: 0, pending: 0 };

export function sumOutcomes(counts: Partial<Record<Outcome, number>>): number {
  return OUTCOMES.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

export function isConserved(counts: Counts): boolean {
  return counts.total === counts.pending + sumOutcomes(counts);
}

export function countSuccesses(counts: Partial<Record<Outcome, number>>): number {
  return SUCCESSES.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

/** Over *all* records; S1's tutorial left the invalid ones out and reported 100 %. Two decimals; 0 of 0 is 0. */
export function successRatePercent(counts: Counts): number {
  return counts.total === 0 ? 0 : Math.round((countSuccesses(counts) / counts.total) * 10_000) / 100;
}

export type RunState = 'completed' | 'rejected' | 'cancelled' | 'failed';

/** Where a run is. The last four wait for a person; `done` is any end. */
export type Phase =
  | 'staging'
  | 'planning'
  | 'writing'
  | 'delivering'
  | 'done'
  | 'awaiting_approval'
  | 'paused'
  | 'in_doubt'
  | 'conflict';

/** What the claim of every write looks at (decisions.md 10). */
export type Steering = 'go' | 'paused' | 'stopped';
