/** The state of one run of any operation. The steps are in steps.ts. */
import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Plan } from '../../activities/engine/plan.ts';
import type { SeenLedger } from '../../activities/engine/restored.ts';
import type { InDoubt, OpenedRun } from '../../activities/engine/runs.ts';
import type { CommonInput } from '../../contract/run.ts';
import type { OperationSpec } from '../../contract/spec.ts';
import {
  type Decision,
  PROGRESS_QUERY,
  type Progress,
  type Refusal,
  type ShownConflict,
  type SteeringAction,
} from '../../contract/steering.ts';
import { type Counts, NO_COUNTS, type Phase, type Steering } from '../../domain/run.ts';
import { requireInput } from '../input.ts';
import { isLedgerRestored, ledger } from '../policies.ts';
import type { Background, Companion } from './background.ts';
import { type CarryOver, isWaiting } from './carry-over.ts';
import { NOTHING_DECIDED } from './decision.ts';
import { describeRun } from './details.ts';
import { by, type Situation } from './refusals.ts';
import { describeProgress, type ShownRun, setSearchAttributes, type WritingBegan } from './shown.ts';
import { RunSteering, type SteeredRun } from './steering.ts';

/** What a decision does to the claims of all workers; the other decisions do not affect them. */
const STEERING: Readonly<Partial<Record<SteeringAction, Steering>>> = {
  cancel: 'stopped',
  pause: 'paused',
  resume: 'go',
};

/** Checks the input; throws InvalidInput with every problem. Call it before the workflow awaits anything (steering.ts). */
export function createRun<Input extends CommonInput>(
  spec: OperationSpec<string, Input>,
  given: Input,
  continueAsNew: ContinueAsNew,
  carryOver?: CarryOver,
): Run {
  const input = requireInput(spec.check(given));
  const [kind, target, title] = [spec.kind, spec.target(input), spec.title(input)];
  return new Run({ kind, target, title, input, continueAsNew }, carryOver);
}

/** Goes on in a new history (hand-over.ts). */
type ContinueAsNew = (carryOver: CarryOver) => Promise<never>;

type RunFacts = Pick<Run, 'kind' | 'target' | 'title' | 'input' | 'continueAsNew'>;

export class Run implements SteeredRun, ShownRun {
  readonly runId = workflowInfo().workflowId;
  readonly kind: string;
  readonly target: string;
  /** `Contact import to list L1` */
  readonly title: string;
  readonly input: CommonInput;
  readonly continueAsNew: ContinueAsNew;
  /** The scope of all steps. It is cancelled once no further write can be claimed. */
  readonly scope = new CancellationScope();
  readonly steering: RunSteering;

  // The steps change these:
  phase: Phase;
  waitingFor: string | null = null;
  /** When the run entered its phase. */
  since = new Date();
  plan: Plan | null;
  needsApproval: boolean;
  counts: Counts;
  /** The first batch for which no page has been opened. */
  cursor: number;
  /** Pages are opened up to this batch; null: up to the last one. */
  lastBatch: number | null = null;
  /** Writes in doubt since the last answer to a write, in an operation that pauses for them. */
  lostInARow: number;
  /** Epoch ms: after this moment the run asks before it goes on writing; null: it has no such moment. */
  asksAfter: number | null = null;
  /** ISO 8601: the first moment at which writes may be tried that the pages have left for later; null: there are none. */
  notBefore: string | null;
  /** What the run has seen of its ledger: a ledger that knows less was restored from a backup. */
  seen: SeenLedger;
  /** MAX_LISTED_IN_DOUBT at most; the ledger has all of them. */
  inDoubt: readonly InDoubt[] = [];
  /** Conflicts that wait for an answer. */
  conflicts: readonly ShownConflict[] = [];
  hasSubscriber: boolean;
  /** The wait with which this execution begins, until the run is in it again. */
  resumes: Pick<CarryOver, 'waitingIn' | 'deadline'>;
  /** Of the wait that is being handed over, if it has one: epoch ms. */
  deadline: number | undefined;
  /** Null until the run starts to write. */
  delivery: Background | null = null;
  /** What the operation does beside its steps; null: nothing. */
  companion: Companion | null = null;
  /**
   * What the operation still does with what is known when the run is cancelled or fails, before it is closed; null: nothing. It ends
   * in a bounded time, and throws no failure that would keep the run from being closed.
   */
  onEndingEarly: (() => Promise<void>) | null = null;
  /** Why the run fails although its steps have not; undefined: it does not. */
  failure: unknown;
  writingBegan: WritingBegan | null = null;

  #isOpen: boolean;
  #suggestedAt: number | null = null;
  #searchAttributes: boolean;
  /** The phase in the search attributes. */
  #searchablePhase: Phase | null = null;

  constructor({ kind, target, title, input, continueAsNew }: RunFacts, carryOver?: CarryOver) {
    this.kind = kind;
    this.target = target;
    this.title = title;
    this.input = input;
    this.continueAsNew = continueAsNew;
    this.phase = carryOver ? 'writing' : 'staging';
    this.plan = carryOver?.plan ?? null;
    this.needsApproval = input.approval === true && !input.dryRun;
    this.counts = carryOver?.counts ?? NO_COUNTS;
    this.cursor = carryOver?.cursor ?? 1;
    this.notBefore = carryOver?.notBefore ?? null;
    this.lostInARow = carryOver?.lostInARow ?? 0;
    this.seen = carryOver?.seen ?? { claims: 0, lastBatch: 0 };
    this.hasSubscriber = carryOver?.hasSubscriber ?? false;
    this.#searchAttributes = carryOver?.searchAttributes ?? false;
    this.#isOpen = carryOver !== undefined;
    this.resumes = carryOver ?? {};
    this.steering = new RunSteering(this, carryOver?.decisions ?? NOTHING_DECIDED, carryOver);
    setHandler(defineQuery<Progress>(PROGRESS_QUERY), () => this.progress(), {
      description: 'Phase, counts as of the last page or phase, and what the run is waiting for.',
    });
  }

  /** The ledger has the run. Search attributes are set only if they are registered, or setting them would block the run. */
  markOpen({ searchAttributes, hasSubscriber }: OpenedRun): void {
    this.#searchAttributes = searchAttributes;
    this.hasSubscriber = hasSubscriber;
    this.#isOpen = true;
  }

  isOpen(): boolean {
    return this.#isOpen;
  }

  takesMessages(): boolean {
    return this.#isOpen && !this.isResuming();
  }

  /** It is not yet in the phase again for which the messages were sent that it has been handed. */
  isResuming(): boolean {
    return this.resumes.waitingIn !== undefined;
  }

  /** A step is under way that cannot be interrupted. A last flood of messages is recorded when the run is done. */
  defersSignals(): boolean {
    return this.phase !== 'done' && this.isOverlong();
  }

  /** The history has twice the length at which Temporal suggested a new one: even what is under way has to be interrupted. */
  isOverlong(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested) this.#suggestedAt ??= historyLength;
    return this.#suggestedAt !== null && historyLength > 2 * this.#suggestedAt;
  }

  isPaused(): boolean {
    return this.steering.decisions().paused !== null;
  }

  isCancelled(): boolean {
    return this.steering.decisions().cancelled !== null;
  }

  /** Nothing more is to be done: it is cancelled or has failed, and the scope of the steps is cancelled a moment later. */
  isEnding(): boolean {
    return this.isCancelled() || this.failure !== undefined;
  }

  /** Nothing more is claimed until a person has looked into it and resumed the run. */
  async pause(reason: string): Promise<void> {
    if (!this.isPaused() && !this.isEnding())
      await this.steering.decide({ action: 'pause', by: 'cxflow', reason });
  }

  async enter(phase: Phase, waitingFor: string | null = null): Promise<void> {
    Object.assign(this, { phase, waitingFor, since: new Date() });
    await this.#publish();
  }

  /** In Temporal's Web UI. */
  show(): void {
    const { plan, title, inDoubt } = this;
    const progress = this.progress();
    setCurrentDetails(describeRun({ progress, plan, title, inDoubt, decisions: this.steering.decisions() }));
    const { phase } = progress;
    // Each upsert is an event in the history, so only changes are sent.
    if (!this.#searchAttributes || phase === this.#searchablePhase) return;
    this.#searchablePhase = phase;
    setSearchAttributes(this, phase);
  }

  /** Without a decision of a person: after Temporal's own cancel, or a failure. */
  async stopClaims(summary = 'cancelled in Temporal'): Promise<void> {
    const { runId } = this;
    const stop = { runId, steering: 'stopped', decision: null } as const;
    await ledger.steerRun.executeWithOptions({ summary }, [stop]).catch((error: unknown) => {
      // A ledger that no longer has the run lets nobody claim anything of it.
      if (!(error instanceof ActivityFailure && isLedgerRestored(error.cause))) throw error;
    });
  }

  /** Work beside the steps has failed for good: they end, and the run with that failure. */
  async fail(error: unknown): Promise<void> {
    this.failure = error;
    await CancellationScope.nonCancellable(() => this.stopClaims('work beside the steps has failed')).catch(
      // The steps end all the same, and closing the run stops the claims once more.
      (cause: unknown) => log.error('the claims of a failed run were not stopped', { error: String(cause) }),
    );
    this.scope.cancel();
  }

  /** Then the run may end without losing a message. */
  allMessagesProcessed(): Promise<void> {
    return condition(() => this.steering.inbox.isIdle() && allHandlersFinished());
  }

  carryOver(): CarryOver {
    const { cursor, plan, hasSubscriber, counts, phase, deadline, notBefore, lostInARow, seen } = this;
    if (!plan) throw new TypeError('a run continues as new only once it has a plan');
    return {
      cursor,
      plan,
      searchAttributes: this.#searchAttributes,
      hasSubscriber,
      counts,
      decisions: this.steering.decisions(),
      seen,
      ...(isWaiting(phase) && { waitingIn: phase, deadline }),
      ...(notBefore !== null && { notBefore }),
      ...(lostInARow > 0 && { lostInARow }),
      ...this.steering.carry(),
    };
  }

  progress(): Progress {
    return describeProgress(this);
  }

  situation(): Situation {
    return {
      phase: this.phase,
      planHash: this.plan?.hash ?? null,
      needsApproval: this.needsApproval,
      inDoubt: this.inDoubt.map(({ id }) => id),
      conflicts: this.conflicts,
    };
  }

  async carryOut(decision: Decision): Promise<string | null> {
    const { action } = decision;
    if (action === 'resolve') return this.#findUnlisted(decision); // The activity that resolves it records it too.
    const { runId } = this;
    const steering = STEERING[action];
    const summary = `${action}${by(decision)}`;
    if (steering) await ledger.steerRun.executeWithOptions({ summary }, [{ runId, steering, decision }]);
    else await ledger.recordDecision.executeWithOptions({ summary }, [{ runId, decision }]);
    return null;
  }

  /** Only the ledger knows all writes in doubt. Returns why the decision is refused, if it names none of them. */
  async #findUnlisted({ writeId }: Decision): Promise<string | null> {
    if (writeId === undefined || this.inDoubt.some(({ id }) => id === writeId)) return null;
    const summary = `is write ${writeId} in doubt?`;
    const [found] = await ledger.listInDoubt.executeWithOptions({ summary }, [this.runId, writeId]);
    return found ? null : `write ${writeId} is not in doubt; cxflow show lists those that are`;
  }

  async recordRefusals([refusal, ...more]: readonly [Refusal, ...Refusal[]]): Promise<void> {
    const summary = `${refusal.action} refused${more.length > 0 ? `, and ${more.length} more` : ''}`;
    await ledger.recordRefusal.executeWithOptions({ summary }, [
      { runId: this.runId, refusal, ...(more.length > 0 && { more }) },
    ]);
  }

  async onDecided({ action, whenPlanned }: Decision): Promise<void> {
    // The claims have stopped by now, so the steps can be cancelled.
    if (action === 'cancel') this.scope.cancel();
    if (STEERING[action] || whenPlanned) await this.#publish();
    else this.show();
  }

  /** In the Web UI and in the ledger, whose counts are those to be shown during a wait, whatever has come in which order before. */
  async #publish(): Promise<void> {
    this.show();
    const { runId } = this;
    const { phase, waitingFor } = this.progress();
    const counts: Counts | undefined = await ledger.setPhase.executeWithOptions({ summary: phase }, [
      { runId, phase, waitingFor },
    ]);
    // Histories of earlier versions have none.
    if (counts) this.setCounts(counts);
  }

  noteSeen({ claims = 0, lastBatch = 0 }: Partial<SeenLedger>): void {
    const { seen } = this;
    this.seen = {
      claims: Math.max(seen.claims, claims),
      lastBatch: Math.max(seen.lastBatch, lastBatch),
    };
  }

  setCounts(counts: Counts): void {
    this.counts = counts;
    this.show();
  }
}
