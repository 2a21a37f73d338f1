/** What a run hands to itself when it continues as new (docs/adr/0002-pages.md). */
import type { Plan } from '../../activities/engine/plan.ts';
import type { SeenLedger } from '../../activities/engine/restored.ts';
import type { Counts, Phase } from '../../domain/run.ts';
import type { Decisions } from './decision.ts';
import type { CarriedMessages } from './steering.ts';

/** Everything else is in the ledger. */
export interface CarryOver extends CarriedMessages {
  readonly cursor: number;
  readonly plan: Plan;
  readonly decisions: Decisions;
  readonly searchAttributes: boolean;
  readonly hasSubscriber: boolean;
  readonly counts: Counts;
  /** The phase in which the run was waiting for people, if it was. */
  readonly waitingIn?: WaitingPhase;
  /** When the wait ends without an answer: epoch ms. */
  readonly deadline?: number | undefined;
  readonly notBefore?: string;
  readonly lostInARow?: number;
  /** Absent in histories of earlier versions. */
  readonly seen?: SeenLedger;
}

/** Phases in which a run waits for a decision, for days if need be. */
const WAITING_PHASES = ['awaiting_approval', 'in_doubt', 'conflict'] as const;
export type WaitingPhase = (typeof WAITING_PHASES)[number];
export const isWaiting = (phase: Phase): phase is WaitingPhase =>
  WAITING_PHASES.some((each) => each === phase);
