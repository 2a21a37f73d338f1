/** Why a decision makes no sense at the moment. Pure: signals and the update's validator refuse with the same message. */
import { type Decision, MAX_LISTED_IN_DOUBT, type ShownConflict } from '../../contract/steering.ts';
import type { Phase } from '../../domain/run.ts';
import { shortenList } from '../../domain/shorten.ts';
import type { Decisions } from './decision.ts';

/** What a run is doing when a decision arrives. */
export interface Situation {
  readonly phase: Phase;
  readonly planHash: string | null;
  readonly needsApproval: boolean;
  /** Ids of the writes in doubt, MAX_LISTED_IN_DOUBT at most. */
  readonly inDoubt: readonly string[];
  /** Conflicts that wait for an answer. */
  readonly conflicts: readonly OpenConflict[];
}

const MAX_IDS_SHOWN = 20;

type OpenConflict = Pick<ShownConflict, 'place' | 'hash'>;

/** Null if the decision can be carried out. */
export function findRefusal(decision: Decision, decisions: Decisions, now: Situation): string | null {
  if (now.phase === 'done') return 'the run has ended';
  if (decisions.cancelled) return `the run was cancelled${by(decisions.cancelled)} and is ending`;
  switch (decision.action) {
    case 'approve':
    case 'reject':
      return refuseAnswerToPlan(decision, decisions, now);
    case 'cancel':
      return null;
    case 'pause':
      return decisions.paused ? `the run was already paused${by(decisions.paused)}` : null;
    case 'resume':
      return decisions.paused ? null : 'the run is not paused';
    case 'resolve':
      return refuseResolution(decision, now);
  }
}

/** A plan is answered once: while the answer is being recorded, the run is still in the phase that waits for it. */
function refuseAnswerToPlan(decision: Decision, decisions: Decisions, now: Situation): string | null {
  const { action, planHash } = decision;
  const { approved, rejected } = decisions;
  if (approved) return `the plan was already approved${by(approved)}`;
  if (rejected) return `the plan was already rejected${by(rejected)}`;
  if (!now.needsApproval) return `the run needs no approval (phase ${now.phase})`;
  if (isUnplanned(now)) return refuseEarlyAnswer(decision, decisions, now);
  if (now.phase !== 'awaiting_approval') return `the run is not waiting for approval (phase ${now.phase})`;
  if (action === 'reject' || planHash === undefined || planHash === now.planHash) return null;
  return `the plan is ${now.planHash}, not ${planHash}; review it, then approve it`;
}

/** Its plan, or the next one, is still to come. */
export const isUnplanned = ({ phase }: Pick<Situation, 'phase'>): boolean =>
  phase === 'staging' || phase === 'planning';

function refuseEarlyAnswer(
  { action, whenPlanned }: Decision,
  { keptApproval }: Decisions,
  { phase }: Situation,
): string | null {
  if (action === 'reject') return `the run has no plan yet (phase ${phase}); to stop it now, cancel it`;
  if (!whenPlanned)
    return (
      `the run has no plan yet (phase ${phase}); approve it once it waits for approval, ` +
      'or add "whenPlanned": true (cxflow approve --when-planned) to have the approval kept until then'
    );
  return keptApproval ? `an approval${by(keptApproval)} is already kept until the run has a plan` : null;
}

function refuseResolution({ verdict, writeId, ...answers }: Decision, now: Situation): string | null {
  if (now.phase === 'conflict') return refuseAnswersToConflicts(answers, now.conflicts);
  if (now.phase !== 'in_doubt') return `nothing needs to be resolved (phase ${now.phase})`;
  if (verdict !== 'resend' && verdict !== 'leave') return 'verdict must be "resend" or "leave"';
  if (writeId === undefined || now.inDoubt.includes(writeId)) return null;
  // It may be one of those that are not listed, which only the ledger can tell.
  if (now.inDoubt.length === MAX_LISTED_IN_DOUBT && /^\d{1,18}$/.test(writeId)) return null;
  return `write ${writeId} is not in doubt; these are: ${shortenList(now.inDoubt, MAX_IDS_SHOWN).join(', ')}`;
}

/** Every place needs an answer, so that nothing is decided by an oversight. */
function refuseAnswersToConflicts(
  { answers, seen }: Pick<Decision, 'answers' | 'seen'>,
  conflicts: readonly OpenConflict[],
): string | null {
  const unseen = seen ? conflicts.filter(({ hash }) => !seen.includes(hash)) : [];
  if (unseen.length > 0) {
    const changed = unseen.map(({ place }) => place).join(', ');
    return `changed again since you saw it: ${changed}; review it (cxflow show), then answer`;
  }
  const places = conflicts.map(({ place }) => place);
  if (answers === undefined)
    return `answers must be "mine", "theirs", or {place: "mine" | "theirs"} for ${places.join(', ')}`;
  if (typeof answers === 'string') return null;
  const missing = places.filter((place) => !Object.hasOwn(answers, place));
  if (missing.length > 0) return `answers are missing for ${missing.join(', ')}`;
  const unknown = Object.keys(answers).filter((place) => !places.includes(place));
  if (unknown.length > 0) return `not in conflict: ${unknown.join(', ')}; these are: ${places.join(', ')}`;
  return null;
}

/** A phrase to append: ` by dana`, or nothing if the decision does not name anybody. */
export const by = (decision: Decision): string => (decision.by === undefined ? '' : ` by ${decision.by}`);
