/** What has been decided about a run so far. Pure. */
import type { Decision } from '../../contract/steering.ts';

/** What has been decided and not yet acted upon. Carried over when the run continues as new. */
export interface Decisions {
  readonly approved: Decision | null;
  readonly rejected: Decision | null;
  readonly cancelled: Decision | null;
  /** The decision that paused the run; null once it is resumed. */
  readonly paused: Decision | null;
  /** An approval of a plan that does not exist yet. */
  readonly keptApproval?: Decision;
}

export const NOTHING_DECIDED: Decisions = { approved: null, rejected: null, cancelled: null, paused: null };

export function applyDecision(decisions: Decisions, decision: Decision): Decisions {
  switch (decision.action) {
    case 'approve':
      return decision.whenPlanned
        ? { ...decisions, keptApproval: decision }
        : { ...decisions, approved: decision };
    case 'reject':
      return { ...decisions, rejected: decision };
    case 'cancel':
      return { ...decisions, cancelled: decision };
    case 'pause':
      return { ...decisions, paused: decision };
    case 'resume':
      return { ...decisions, paused: null };
    case 'resolve':
      return decisions;
  }
}
