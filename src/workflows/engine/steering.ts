/**
 * Decisions that operators send to a run (docs/adr/0018-steering.md#messages). A signal cannot be refused: one that makes
 * no sense changes nothing and is listed among the refusals. The update `decide` refuses with the same message.
 */
import {
  CancellationScope,
  condition,
  defineSignal,
  defineUpdate,
  log,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import {
  DECIDE_UPDATE,
  type Decision,
  type Progress,
  type Refusal,
  readDecision,
  STEERING_ACTIONS,
  type SteeringAction,
  type SteeringMessage,
} from '../../contract/steering.ts';
import { isObject } from '../../domain/json.ts';
import { shorten } from '../../domain/shorten.ts';
import { escapeUnprintable } from '../../domain/text.ts';
import { decisionRefused } from '../policies.ts';
import { applyDecision, type Decisions } from './decision.ts';
import { Inbox, type Message, type Reader, type WaitingMessage } from './inbox.ts';
import { by, findRefusal, isUnplanned, type Situation } from './refusals.ts';

const DESCRIPTIONS: Readonly<Record<SteeringAction, string>> = {
  approve:
    'Carry out the plan. {"by", "reason"?, "planHash"? (default: the plan shown), ' +
    '"whenPlanned"? (true: if there is no plan yet, keep the approval until there is)}',
  reject: 'Write nothing; the run ends as rejected. {"by", "reason"?}',
  cancel: 'Start no new batch, settle those in flight, cancel the rest. {"by", "reason"?}',
  pause: 'Start no new batch until resumed. {"by", "reason"?}',
  resume: 'Continue after a pause. {"by", "reason"?}',
  resolve:
    'Writes in doubt: {"by", "verdict": "resend" | "leave", "writeId"? (default: all), "reason"?}. ' +
    'Conflicts: {"by", "answers": "mine" | "theirs" | {"<place>": "mine" | "theirs"}, "reason"?, ' +
    '"seen"?: [hashes of the conflicts you reviewed] (default: those shown now)}',
};

const UPDATE_DESCRIPTION =
  `Like the signals, with "action" (${STEERING_ACTIONS.join(', ')}); ` +
  'refuses a decision that makes no sense at the moment.';

const MAX_REFUSALS_KEPT = 20;
const MAX_WHY_LENGTH = 1_000;
/** The name of a signal may be as long as Temporal permits. */
const MAX_ACTION_LENGTH = 100;

/** The run that is steered. */
export interface SteeredRun {
  situation(): Situation;
  progress(): Progress;
  /** Does the ledger know the run, and is the run in the phase for which messages are meant? Until then, they wait. */
  takesMessages(): boolean;
  /** It cannot tell yet which decisions make sense. */
  isResuming(): boolean;
  /** The history is too long for whatever can wait. */
  defersSignals(): boolean;
  /** Takes effect in the ledger. The decision counts once this has resolved; or the reason why it is refused after all. */
  carryOut(decision: Decision): Promise<string | null>;
  recordRefusals(refusals: readonly [Refusal, ...Refusal[]]): Promise<void>;
  /** Called when the decision counts. */
  onDecided(decision: Decision): Promise<void>;
}

/** What an execution hands to the next one. */
export interface CarriedMessages {
  readonly messages?: readonly WaitingMessage[];
  readonly refusals?: readonly Refusal[];
  readonly resolutions?: readonly Decision[];
}

/**
 * Construct it before the workflow awaits anything, because it registers the handlers. They only put messages into an
 * inbox; one coroutine processes them one by one. A message thus starts exactly one chain of commands, and a replay
 * yields them in the same order even where Temporal hands an update to another worker together with the events before
 * it (docs/adr/0005-one-reader-of-decisions.md).
 */
export class RunSteering {
  readonly inbox: Inbox;
  readonly #run: SteeredRun;
  readonly #refusals: Refusal[];
  readonly #resolutions: Decision[];
  #decisions: Decisions;

  constructor(run: SteeredRun, decisions: Decisions, carried: CarriedMessages = {}) {
    const { messages = [], refusals = [], resolutions = [] } = carried;
    this.#run = run;
    this.#decisions = decisions;
    this.inbox = new Inbox(messages);
    this.#refusals = [...refusals];
    this.#resolutions = [...resolutions];
    this.#handleSignals();
    this.#handleUpdate();
    const reader: Reader = {
      takesMessages: () => run.takesMessages(),
      defersSignals: () => run.defersSignals(),
      isRefused: (message) => this.#whyRefused(message) !== null,
      process: (received) => this.#process(received),
    };
    // A cancelled run still processes its messages.
    void CancellationScope.nonCancellable(() => this.inbox.process(reader));
  }

  decisions(): Decisions {
    return this.#decisions;
  }

  refusals(): readonly Refusal[] {
    return this.#refusals;
  }

  /** The plan it approved is being replaced by another one. */
  dropApproval(): void {
    this.#decisions = { ...this.#decisions, approved: null };
  }

  /** The plan that a kept approval was waiting for exists, or never will: it is judged like one that arrives now. */
  submitKeptApproval(): void {
    const kept = this.#takeKeptApproval();
    if (kept) this.#put(kept.action, kept, false);
  }

  hasResolution(): boolean {
    return this.#resolutions.length > 0;
  }

  /** Removes and returns the oldest resolution that has not been acted upon. */
  takeResolution(): Decision | undefined {
    return this.#resolutions.shift();
  }

  /** A decision of the run itself. It waits for its turn like those of people, and resolves once it counts or is refused. */
  async decide(decision: Decision): Promise<void> {
    const message = this.#put(decision.action, decision, false);
    await condition(() => message.result !== undefined);
  }

  carry(): CarriedMessages {
    return {
      ...(!this.inbox.isIdle() && { messages: this.inbox.toCarry() }),
      ...(this.#refusals.length > 0 && { refusals: this.#refusals }),
      ...(this.#resolutions.length > 0 && { resolutions: this.#resolutions }),
    };
  }

  #handleSignals(): void {
    // The default handler comes first. Signals that arrived with the start, or while the run continued as new, are
    // dispatched as soon as a handler matches them: with the named handlers first, all pauses would come before all
    // resumes, whatever the order in which they were sent.
    setDefaultSignalHandler((name, given) => void this.#put(name, given, false));
    for (const action of STEERING_ACTIONS) {
      setHandler(defineSignal<[SteeringMessage?]>(action), (given) => void this.#put(action, given, false), {
        description: DESCRIPTIONS[action],
      });
    }
  }

  #handleUpdate(): void {
    setHandler(defineUpdate<Progress, [Decision]>(DECIDE_UPDATE), (given) => this.#answer(given), {
      description: UPDATE_DESCRIPTION,
      validator: (given) => {
        const decision = readDecision(isObject(given) ? given.action : undefined, given);
        // Behind other messages it waits for its turn: what makes no sense now may make sense after them.
        const isKnown = typeof decision === 'string' || (this.inbox.isIdle() && !this.#run.isResuming());
        const why = isKnown ? this.#whyRefused({ decision }) : null;
        if (why !== null) throw decisionRefused(shorten(why, MAX_WHY_LENGTH));
      },
    });
  }

  async #answer(given: unknown): Promise<Progress> {
    const message = this.#put(isObject(given) ? given.action : undefined, given, true);
    await condition(() => message.result !== undefined);
    if (typeof message.result === 'object') throw decisionRefused(message.result.refused);
    const { approved, rejected } = this.#decisions;
    // The answer shows the run after the decision, not before it.
    if (approved || rejected) await condition(() => this.#run.situation().phase !== 'awaiting_approval');
    return this.#run.progress();
  }

  #put(action: unknown, given: unknown, isUpdate: boolean): Message {
    const message = { action: describeAction(action), decision: readDecision(action, given), isUpdate };
    this.inbox.put(message);
    return message;
  }

  /** Null: it can be carried out, as far as can be told before. */
  #whyRefused({ decision }: Pick<Message, 'decision'>): string | null {
    return typeof decision === 'string' ? decision : this.#findRefusal(decision);
  }

  async #process(messages: readonly Message[]): Promise<void> {
    try {
      await this.#judge(messages);
    } catch (error) {
      for (const message of messages)
        message.result ??= { refused: 'it could not be carried out; the worker log has the error' };
      log.error('a decision could not be carried out', { error: String(error) });
    }
  }

  async #judge(messages: readonly Message[]): Promise<void> {
    const refusals: Refusal[] = [];
    for (const message of messages) {
      const why = this.#whyRefused(message) ?? (await this.#accept(message.decision as Decision));
      if (why === null) message.result = 'accepted';
      else refusals.push(this.#refuse(message, why));
    }
    const [first, ...more] = refusals;
    if (first) await this.#run.recordRefusals([first, ...more]);
  }

  async #accept(given: Decision): Promise<string | null> {
    const decision = this.#bindToPlan(given);
    const refused = await this.#run.carryOut(decision);
    if (refused !== null) return refused;
    this.#decisions = applyDecision(this.#decisions, decision);
    if (decision.action === 'resolve') this.#resolutions.push(decision);
    if (decision.action === 'cancel') this.submitKeptApproval();
    // While it was being recorded, the run may have been planned, or may even have ended.
    const isLate = decision.whenPlanned && !isUnplanned(this.#run.situation());
    const late = isLate ? this.#takeKeptApproval() : null;
    await this.#run.onDecided(decision);
    return late && (this.#findRefusal(late) ?? (await this.#accept(late)));
  }

  /**
   * An answer to a plan names it: the one that is shown, if it names none. `whenPlanned` is left only to an approval that has to be
   * kept.
   */
  #bindToPlan({ whenPlanned, ...decision }: Decision): Decision {
    if (decision.action !== 'approve' && decision.action !== 'reject') return decision;
    const { phase, planHash: shown } = this.#run.situation();
    if (phase !== 'awaiting_approval') return { ...decision, ...(whenPlanned && { whenPlanned }) };
    const planHash = decision.planHash ?? shown;
    return { ...decision, ...(planHash !== null && { planHash }) };
  }

  #takeKeptApproval(): Decision | null {
    const { keptApproval, ...decisions } = this.#decisions;
    if (!keptApproval) return null;
    this.#decisions = decisions;
    const { whenPlanned: _, ...approval } = keptApproval;
    return approval;
  }

  #refuse(message: Message, reason: string): Refusal {
    const { action, decision } = message;
    const sender = typeof decision === 'string' ? null : (decision.by ?? null);
    // Bounded, because it may quote the message, and goes into the history, the audit and every answer to the query.
    const why = shorten(reason, MAX_WHY_LENGTH);
    const refusal = { action, by: sender, why, at: new Date().toISOString() };
    this.#refusals.push(refusal);
    if (this.#refusals.length > MAX_REFUSALS_KEPT) this.#refusals.shift();
    message.result = { refused: why };
    return refusal;
  }

  #findRefusal(decision: Decision): string | null {
    return (
      findRefusal(decision, this.#decisions, this.#run.situation()) ?? this.#refuseSecondAnswer(decision)
    );
  }

  /** An answer to a conflict that the run has not used yet must not be replaced by one that never saw it. */
  #refuseSecondAnswer({ action }: Decision): string | null {
    const [first] = this.#resolutions;
    if (!first || action !== 'resolve' || this.#run.situation().phase !== 'conflict') return null;
    return `the conflict was already answered${by(first)}`;
  }
}

/** The action of a signal is its name, which may be anything. */
function describeAction(action: unknown): string {
  return typeof action === 'string' ? shorten(escapeUnprintable(action), MAX_ACTION_LENGTH) : 'unknown';
}
