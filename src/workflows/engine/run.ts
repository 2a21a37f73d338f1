/** One run, whatever its kind: what it knows of itself, how it is steered, what it shows. steps.ts hasSubscriber its story. */
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Plan } from '../../activities/engine/plan.ts';
import type { InDoubt } from '../../activities/engine/runs.ts';
import { type CommonInput, SEARCH_ATTRIBUTES } from '../../contract/run.ts';
import {
  type Decision,
  PROGRESS_QUERY,
  type Progress,
  type ShownConflict,
  type SteeringAction,
} from '../../contract/steering.ts';
import type { OperationSpec } from '../../contract/spec.ts';
import { type Counts, NO_COUNTS, type Phase, type Steering } from '../../domain/run.ts';
import { describeRun } from './details.ts';
import { fatalFailure, ledger } from '../policies.ts';
import { createSteering, type Decisions, NOTHING_DECIDED } from './steering.ts';

/** What a run takes along when it continues as new (decisions.md 18). Everything else is in the ledger. */
export interface Resumed {
  readonly cursor: number;
  readonly plan: Plan;
  readonly decisions: Decisions;
  readonly searchAttributes: boolean;
  readonly hasSubscriber: boolean;
  readonly counts: Counts;
}

export interface Delivery {
  /** Resolves when everything is told, or nothing more will be. Never rejects. */
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

/** What a run knows of itself; the steps change it. */
interface RunNow {
  phase: Phase;
  waitingFor: string | null;
  since: Date;
  plan: Plan | null;
  counts: Counts;
  /** The first batch that no page was opened for. */
  cursor: number;
  inDoubt: readonly InDoubt[];
  /** Those that wait for an answer. */
  conflicts: readonly ShownConflict[];
  /** Are they registered, so that setting them cannot block the run? */
  searchAttributes: boolean;
  /** Is there a CRM to tell? */
  hasSubscriber: boolean;
  /** Does the ledger know this run? */
  opened: boolean;
  /** Who hasSubscriber the CRM beside the writing; null before that. */
  delivery: Delivery | null;
  /** When the writing began here, and how many records were pending then. */
  writing: { readonly at: number; readonly pending: number } | null;
}

function start(resumed: Resumed | undefined): RunNow {
  return {
    phase: resumed ? 'writing' : 'staging',
    waitingFor: null,
    since: new Date(),
    plan: resumed?.plan ?? null,
    counts: resumed?.counts ?? NO_COUNTS,
    cursor: resumed?.cursor ?? 1,
    inDoubt: [],
    conflicts: [],
    searchAttributes: resumed?.searchAttributes ?? false,
    hasSubscriber: resumed?.hasSubscriber ?? false,
    opened: resumed !== undefined,
    delivery: null,
    writing: null,
  };
}

/**
 * Checks the input, then sets up state and handlers without awaiting anything, so that no signal can arrive before its
 * handler. Throws InvalidInput with every problem.
 */
export function createRun<Input extends CommonInput>(
  spec: OperationSpec<string, Input>,
  given: Input,
  resumed?: Resumed,
) {
  const checked = spec.check(given);
  if ('problems' in checked) throw fatalFailure('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  const { kind } = spec;
  const target = spec.target(input);
  const { workflowId: runId } = workflowInfo();
  const now = start(resumed);
  /** The story's scope: cancelled once no further write can be claimed. */
  const work = new CancellationScope();

  const steering = createSteering({
    initial: resumed?.decisions ?? NOTHING_DECIDED,
    situation: () => ({
      phase: now.phase,
      planHash: now.plan?.hash ?? null,
      inDoubt: now.inDoubt.map(({ id }) => id),
      conflicts: now.conflicts,
    }),
    progress: () => progress(),
    isOpened: () => now.opened,
    carryOut,
    recordRefusal: (refusal) =>
      ledger.recordRefusal.executeWithOptions({ summary: `${refusal.action} refused` }, [{ runId, refusal }]),
    onTaken: async ({ action }) => {
      // First no further write is claimed, then those who wait are woken.
      if (action === 'cancel') work.cancel();
      if (STEERING[action]) await publish();
      else show();
    },
  });

  const progress = (): Progress => ({
    runId,
    kind,
    phase: phaseOf(now, steering.decided()),
    counts: now.counts,
    planHash: now.plan?.hash ?? null,
    waitingFor: waitOf(now, steering.decided()),
    since: now.since.toISOString(),
    ...speedOf(now),
    refused: steering.refused(),
    ...(now.conflicts.length > 0 && { conflicts: now.conflicts }),
  });
  setHandler(defineQuery<Progress>(PROGRESS_QUERY), progress, {
    description: 'Phase, counts as of the last page, what the run waits for.',
  });

  /** Each upsert is an event of the history: only what has changed. */
  let shownPhase: Phase | null = null;

  /** To the Web UI. */
  const show = (): void => {
    const { plan, inDoubt } = now;
    setCurrentDetails(
      describeRun({ progress: progress(), plan, target, inDoubt, decided: steering.decided() }),
    );
    const { phase } = progress();
    if (!now.searchAttributes || phase === shownPhase) return;
    shownPhase = phase;
    showAttributes(kind, target, phase, input.requestedBy);
  };

  /** To the Web UI and to those who read the ledger. */
  const publish = async (): Promise<void> => {
    show();
    const { phase, waitingFor } = progress();
    await ledger.setPhase.executeWithOptions({ summary: phase }, [{ runId, phase, waitingFor }]);
  };

  async function carryOut(decision: Decision): Promise<void> {
    const { action } = decision;
    if (action === 'resolve') return; // recorded by the activity that resolves
    const steeringNow = STEERING[action];
    const summary = `${action}${decision.by === undefined ? '' : ` by ${decision.by}`}`;
    if (!steeringNow) return ledger.recordDecision.executeWithOptions({ summary }, [{ runId, decision }]);
    await ledger.steerRun.executeWithOptions({ summary }, [{ runId, steering: steeringNow, decision }]);
  }

  return {
    runId,
    kind,
    input,
    target,
    now,
    work,
    steering,
    show,
    isPaused: () => steering.decided().paused !== null,
    isCancelled: () => steering.decided().cancelled !== null,

    async enter(phase: Phase, waitingFor: string | null = null): Promise<void> {
      Object.assign(now, { phase, waitingFor, since: new Date() });
      await publish();
    },

    /** Temporal's own cancel: nobody sent a message, so the claims are stopped without one. */
    stopClaims: () =>
      ledger.steerRun.executeWithOptions({ summary: 'cancelled in Temporal' }, [
        { runId, steering: 'stopped', decision: null },
      ]),

    /** No message is left and no handler is under way: the run may end or continue as new. */
    settledDown: () => condition(() => steering.isIdle() && allHandlersFinished()),

    resume: (): Resumed => {
      const { cursor, plan, searchAttributes, hasSubscriber, counts } = now;
      if (!plan) throw new TypeError('a run continues as new only while it writes');
      return { cursor, plan, searchAttributes, hasSubscriber, counts, decisions: steering.decided() };
    },
  };
}

export type Run = ReturnType<typeof createRun>;

/** What a decision means to the claims; the others leave them alone. */
const STEERING: Readonly<Partial<Record<SteeringAction, Steering>>> = {
  cancel: 'stopped',
  pause: 'paused',
  resume: 'go',
};

function phaseOf({ phase }: RunNow, { paused }: Decisions): Phase {
  return phase === 'writing' && paused ? 'paused' : phase;
}

function waitOf({ phase, waitingFor }: RunNow, { paused, cancelled }: Decisions): string | null {
  if (cancelled && phase !== 'done' && phase !== 'delivering') return 'the batches in flight to be settled';
  if (phase === 'writing' && paused)
    return `resume (paused${paused.by === undefined ? '' : ` by ${paused.by}`})`;
  return waitingFor;
}

function speedOf({ writing, counts, phase }: RunNow): Pick<Progress, 'recordsPerSecond' | 'estimatedEnd'> {
  const seconds = writing && phase === 'writing' ? (Date.now() - writing.at) / 1000 : 0;
  if (!writing || seconds < 1) return { recordsPerSecond: null, estimatedEnd: null };
  const recordsPerSecond = Math.round((writing.pending - counts.pending) / seconds);
  if (recordsPerSecond <= 0) return { recordsPerSecond, estimatedEnd: null };
  const end = new Date(Date.now() + (counts.pending / recordsPerSecond) * 1000);
  return { recordsPerSecond, estimatedEnd: end.toISOString() };
}

const KEYS = SEARCH_ATTRIBUTES.map((name) => defineSearchAttributeKey(name, 'KEYWORD'));

function showAttributes(kind: string, target: string, phase: Phase, requestedBy: string | undefined): void {
  // In the order of SEARCH_ATTRIBUTES.
  const values = [kind, target, phase, requestedBy ?? null];
  upsertSearchAttributes(KEYS.map((key, index) => ({ key, value: values[index] ?? null })));
}
