/**
 * What operators say to a run: signals (which cannot be refused, so a wrong one changes nothing and is shown) and the
 * update `decide` (which refuses with the same words). decisions.md 9. Deterministic; no I/O.
 */
import {
  CancellationScope,
  condition,
  defineSignal,
  defineUpdate,
  log,
  patched,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import {
  DECIDE_UPDATE,
  type Decision,
  type Progress,
  type Refusal,
  type ShownConflict,
  STEERING_ACTIONS,
  type SteeringAction,
  type SteeringMessage,
} from '../../contract/steering.ts';
import { isObject } from '../../domain/json.ts';
import type { Phase } from '../../domain/run.ts';
import { readDecision } from './decision.ts';
import { refusesDecision } from '../policies.ts';

/** What is decided and not yet acted upon. Travels through continue-as-new. */
export interface Decisions {
  readonly approved: Decision | null;
  readonly rejected: Decision | null;
  readonly cancelled: Decision | null;
  /** The word that paused the run, until it is resumed. */
  readonly paused: Decision | null;
}

export interface Situation {
  readonly phase: Phase;
  readonly planHash: string | null;
  readonly inDoubt: readonly string[];
  /** What waits for an answer. */
  readonly conflicts: readonly OpenConflict[];
}

type OpenConflict = Pick<ShownConflict, 'place' | 'hash'>;

export const NOTHING_DECIDED: Decisions = { approved: null, rejected: null, cancelled: null, paused: null };

const DESCRIPTIONS: Readonly<Record<SteeringAction, string>> = {
  approve: 'Go on with the plan. {"by", "reason"?, "planHash"? (default: the plan shown)}',
  reject: 'Write nothing; the run ends as rejected. {"by", "reason"?}',
  cancel: 'Start no new batch, settle those in flight, cancel the rest. {"by", "reason"?}',
  pause: 'Start no new batch until resumed. {"by", "reason"?}',
  resume: 'Go on after a pause. {"by", "reason"?}',
  resolve:
    'Writes in doubt: {"by", "verdict": "resend" | "leave", "writeId"? (default: all), "reason"?}. ' +
    'Conflicts: {"by", "answers": "mine" | "theirs" | {"<place>": "mine" | "theirs"}, "reason"?, ' +
    '"seen"?: [the hashes of those that were seen] (default: those now shown)}',
};

const MOST_REFUSALS_KEPT = 20;

/** Why this decision makes no sense now, or null. Pure: the validator and the signals use the same words. */
export function refusalOf(decision: Decision, decided: Decisions, now: Situation): string | null {
  if (now.phase === 'done') return 'the run has ended';
  if (decided.cancelled) return `the run was cancelled${by(decided.cancelled)} and is ending`;
  switch (decision.action) {
    case 'approve':
      if (answered(decided) !== null) return answered(decided);
      if (now.phase !== 'awaiting_approval')
        return `the run does not wait for an approval now (${now.phase})`;
      if (decision.planHash !== undefined && decision.planHash !== now.planHash) {
        return `the plan is ${now.planHash}, not ${decision.planHash}; look at it again, then approve it`;
      }
      return null;
    case 'reject':
      if (answered(decided) !== null) return answered(decided);
      return now.phase === 'awaiting_approval'
        ? null
        : `the run does not wait for an approval now (${now.phase})`;
    case 'cancel':
      return null;
    case 'pause':
      return decided.paused ? `the run is paused already${by(decided.paused)}` : null;
    case 'resume':
      return decided.paused ? null : 'the run is not paused';
    case 'resolve':
      if (now.phase === 'conflict') return answersRefusal(decision, now.conflicts);
      if (now.phase !== 'in_doubt') return `nothing waits to be resolved now (${now.phase})`;
      if (decision.verdict !== 'resend' && decision.verdict !== 'leave')
        return 'verdict must be "resend" or "leave"';
      if (decision.writeId !== undefined && !now.inDoubt.includes(decision.writeId)) {
        return `write ${decision.writeId} is not in doubt; these are: ${now.inDoubt.join(', ')}`;
      }
      return null;
  }
}

/** One answer to a plan: while it is being recorded, the run still seems to wait for it. */
function answered({ approved, rejected }: Decisions): string | null {
  if (approved) return `the plan was approved already${by(approved)}`;
  return rejected ? `the plan was rejected already${by(rejected)}` : null;
}

/** Every place needs its answer: one that nobody thought of must not be settled by the way. */
function answersRefusal(
  { answers, seen }: Pick<Decision, 'answers' | 'seen'>,
  conflicts: readonly OpenConflict[],
): string | null {
  const anew = seen ? conflicts.filter(({ hash }) => !seen.includes(hash)) : [];
  if (anew.length > 0) {
    const changed = anew.map(({ place }) => place).join(', ');
    return `${changed}: not what you saw, it was changed again; look at it again (cxflow show), then answer`;
  }
  const places = conflicts.map(({ place }) => place);
  if (answers === undefined)
    return `answers must be "mine", "theirs", or {place: "mine" | "theirs"} for ${places.join(', ')}`;
  if (typeof answers === 'string') return null;
  const missing = places.filter((place) => !Object.hasOwn(answers, place));
  const strange = Object.keys(answers).filter((place) => !places.includes(place));
  if (missing.length > 0) return `answers are missing for ${missing.join(', ')}`;
  if (strange.length > 0) return `${strange.join(', ')} is not in conflict; these are: ${places.join(', ')}`;
  return null;
}

const by = (decision: Decision): string => (decision.by === undefined ? '' : ` by ${decision.by}`);

export interface SteeringOptions {
  readonly initial: Decisions;
  readonly situation: () => Situation;
  readonly progress: () => Progress;
  /** Does the ledger know the run? Before that, nothing is carried out. */
  readonly isOpened: () => boolean;
  /** Makes it so in the ledger. The decision counts once this has resolved. */
  readonly carryOut: (decision: Decision) => Promise<void>;
  readonly recordRefusal: (refusal: Refusal) => Promise<void>;
  /** Called when the decision counts. */
  readonly onTaken: (decision: Decision) => Promise<void>;
}

interface Message {
  readonly action: string;
  /** Or why it cannot be read. */
  readonly decision: Decision | string;
  outcome?: 'taken' | { readonly refused: string };
}

/**
 * Registers the handlers: first thing in a workflow, before any await. They only fill the inbox; one reader acts on
 * it, message after message. So a message starts exactly one chain of commands, and a replay yields them in the same
 * order even where Temporal hands an update to a new worker together with the events before it (docs/adr/0005).
 */
export function createSteering(options: SteeringOptions) {
  let decided = options.initial;
  const inbox: Message[] = [];
  const refused: Refusal[] = [];
  const resolutions: Decision[] = [];

  const put = (action: unknown, given: unknown): Message => {
    const message = { action: String(action), decision: readDecision(action, given) };
    inbox.push(message);
    return message;
  };

  /** Somebody has answered, and the run has not read it yet: the second answer is not to replace the first unseen. */
  const secondAnswer = ({ action }: Decision): string | null => {
    const [first] = resolutions;
    if (!first || action !== 'resolve' || options.situation().phase !== 'conflict') return null;
    return `it was answered already${by(first)}`;
  };

  const refusalNow = (decision: Decision): string | null => refusalOf(decision, decided, options.situation());

  const take = async (decision: Decision): Promise<void> => {
    await options.carryOut(decision);
    decided = withDecision(decided, decision);
    if (decision.action === 'resolve') resolutions.push(decision);
    await options.onTaken(decision);
  };

  const refuse = async (message: Message, why: string): Promise<void> => {
    const by = typeof message.decision === 'string' ? null : (message.decision.by ?? null);
    const refusal = { action: message.action, by, why, at: new Date().toISOString() };
    refused.push(refusal);
    if (refused.length > MOST_REFUSALS_KEPT) refused.shift();
    message.outcome = { refused: why };
    await options.recordRefusal(refusal);
  };

  const readOne = async (message: Message): Promise<void> => {
    const { decision } = message;
    if (typeof decision === 'string') return refuse(message, decision);
    const second = secondAnswer(decision);
    // Histories from before took the second one, and forgot it.
    const why = refusalNow(decision) ?? (second !== null && patched('one answer') ? second : null);
    if (why !== null) return refuse(message, why);
    await take(decision);
    message.outcome = 'taken';
  };

  const readInbox = async (): Promise<never> => {
    for (;;) {
      await condition(() => inbox.length > 0 && options.isOpened());
      const [message] = inbox;
      if (!message) continue;
      try {
        await readOne(message);
      } catch (error) {
        message.outcome = { refused: 'it could not be carried out; the worker log says why' };
        log.error('a decision could not be carried out', { error: String(error) });
      }
      inbox.shift();
    }
  };

  // First: what came with the start, or while the history was renewed, is handed over by name, one name after the other,
  // to handlers that are set by name. "Pause, resume" would be read as it was not said.
  setDefaultSignalHandler((name, given) => void put(name, given));
  for (const action of STEERING_ACTIONS) {
    setHandler(defineSignal<[SteeringMessage?]>(action), (given) => void put(action, given), {
      description: DESCRIPTIONS[action],
    });
  }

  setHandler(
    defineUpdate<Progress, [Decision]>(DECIDE_UPDATE),
    async (given) => {
      const message = put(isObject(given) ? given.action : undefined, given);
      await condition(() => message.outcome !== undefined);
      if (typeof message.outcome === 'object') throw refusesDecision(message.outcome.refused);
      const { approved, rejected } = decided;
      // The sender is to see what came of it.
      if (approved || rejected) await condition(() => options.situation().phase !== 'awaiting_approval');
      return options.progress();
    },
    {
      description: `As the signals, with "action" (${STEERING_ACTIONS.join(', ')}); refuses what makes no sense now.`,
      validator: (given) => {
        const decision = readDecision(isObject(given) ? given.action : undefined, given);
        const why =
          typeof decision === 'string' ? decision : (refusalNow(decision) ?? secondAnswer(decision));
        if (why !== null) throw refusesDecision(why);
      },
    },
  );

  // A cancelled run still reads its messages.
  void CancellationScope.nonCancellable(readInbox);

  return {
    decided: (): Decisions => decided,
    refused: (): readonly Refusal[] => refused,
    /** It was of another plan than the one that is made now. */
    forgetApproval: (): void => {
      decided = { ...decided, approved: null };
    },
    /** The next resolution that was not acted upon yet. */
    nextResolution: (): Decision | undefined => resolutions.shift(),
    hasResolution: (): boolean => resolutions.length > 0,
    isIdle: (): boolean => inbox.length === 0,
  };
}

function withDecision(decided: Decisions, decision: Decision): Decisions {
  switch (decision.action) {
    case 'approve':
      return { ...decided, approved: decision };
    case 'reject':
      return { ...decided, rejected: decision };
    case 'cancel':
      return { ...decided, cancelled: decision };
    case 'pause':
      return { ...decided, paused: decision };
    case 'resume':
      return { ...decided, paused: null };
    case 'resolve':
      return decided;
  }
}
