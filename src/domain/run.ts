/** What all operations have in common: outcomes, counts, reasons, states (docs/glossary.md#records). Pure. */

import { percentOf } from './numbers.ts';

/** What became of a record. Exactly one of these, or none yet (`pending`). */
export const OUTCOMES = [
  'created',
  'updated',
  'existing',
  'sent',
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

/** The record is in CXone as requested; `sent`: CXone has accepted a message for it. */
export const SUCCESSES: readonly Outcome[] = ['created', 'updated', 'existing', 'sent'];

/** With one of these a command exits with 3: the run completed, but somebody should check the result. */
export const NEEDS_ATTENTION: readonly Outcome[] = ['invalid', 'rejected', 'conflict', 'in_doubt'];

/**
 * What a retry of a run takes up. Records in doubt are not among them, because they may be in
 * CXone; invalid ones need a corrected file.
 */
export const RETRIED: readonly (Outcome | 'pending')[] = ['rejected', 'conflict', 'cancelled', 'pending'];

/** Why a record has its outcome. Never contains a value of the record, because reasons are shown where rows are not. */
export interface Reason {
  /** Stable, snake_case, e.g. `phone_not_e164`. */
  readonly code: string;
  /** As the source or CXone names it. */
  readonly field?: string;
  readonly message?: string;
}

/** What CXone says of a record. */
interface NamedFault {
  readonly code: string;
  readonly field: string | null;
  readonly message: string | null;
}

export function toReason({ code, field, message }: NamedFault): Reason {
  return { code, ...(field !== null && { field }), ...(message !== null && { message }) };
}

/** At every moment, `total` is `pending` plus the sum of the outcomes. Outcomes that are 0 may be missing. */
export type Counts = { readonly total: number; readonly pending: number } & {
  readonly [outcome in Outcome]?: number;
};

export const NO_COUNTS: Counts = { total: 0, pending: 0 };

export function sumOutcomes(counts: Partial<Record<Outcome, number>>): number {
  return OUTCOMES.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

/** Without outcomes that no record has. */
export function outcomesOf(
  counts: Partial<Record<Outcome, number | undefined>>,
): Partial<Record<Outcome, number>> {
  return Object.fromEntries(OUTCOMES.flatMap((each) => (counts[each] ? [[each, counts[each]]] : [])));
}

export function isConserved(counts: Counts): boolean {
  return counts.total === counts.pending + sumOutcomes(counts);
}

export function countSuccesses(counts: Partial<Record<Outcome, number>>): number {
  return SUCCESSES.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

/** Successes per 100 records, the invalid ones included. Two decimals; 0 of 0 is 0. */
export function successRatePercent(counts: Counts): number {
  return percentOf(countSuccesses(counts), counts.total) ?? 0;
}

export type RunState = 'completed' | 'rejected' | 'cancelled' | 'failed';

/** Where a run is. In the last four it waits for a person. `done`: it has ended, in whatever state. */
export type Phase =
  | 'staging'
  | 'planning'
  | 'writing'
  | 'tracking'
  | 'delivering'
  | 'done'
  | 'awaiting_approval'
  | 'paused'
  | 'in_doubt'
  | 'conflict';

/** Phases in which a run goes on only after somebody has decided something. */
export const WAITS_FOR_PERSON: readonly Phase[] = ['awaiting_approval', 'paused', 'in_doubt', 'conflict'];

/** Checked by every claim (docs/adr/0018-steering.md#pausing-and-stopping). */
export type Steering = 'go' | 'paused' | 'stopped';
