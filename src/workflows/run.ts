/** One run, whatever its kind: what it knows of itself, how it is steered, what it shows. steps.ts tells its story. */
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  log,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Plan } from '../activities/runs.ts';
import {
  type CommonInput,
  type Decision,
  type Kind,
  PROGRESS_QUERY,
  type Progress,
  SEARCH_ATTRIBUTES,
} from '../contract.ts';
import { type Counts, NO_COUNTS, type Phase, type Steering } from '../domain/run.ts';
import { describeRun } from './details.ts';
import { ledger } from './policies.ts';
import { createSteering, type Decisions, NOTHING_DECIDED } from './steering.ts';

/** What a run takes along when it continues as new (decisions.md 18). Everything else is in the ledger. */
export interface Resumed {
  readonly cursor: number;
  readonly plan: Plan;
  readonly decisions: Decisions;
  readonly searchAttributes: boolean;
  readonly tells: boolean;
  readonly counts: Counts;
}

export interface RunOptions {
  readonly kind: Kind;
  readonly target: string;
  readonly input: CommonInput;
  readonly resumed: Resumed | undefined;
}

export interface InDoubt {
  readonly id: string;
  readonly batch: number;
  readonly records: number;
  readonly sentAt: string | null;
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
  /** Are they registered, so that setting them cannot block the run? */
  searchAttributes: boolean;
  /** Is there a CRM to tell? */
  tells: boolean;
  /** Does the ledger know this run? */
  opened: boolean;
  /** The steering that the ledger has. */
  applied: Steering;
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
    searchAttributes: resumed?.searchAttributes ?? false,
    tells: resumed?.tells ?? false,
    opened: resumed !== undefined,
    applied: resumed?.decisions.paused ? 'paused' : 'go',
    writing: null,
  };
}

/** State and handlers; nothing is awaited, so that no signal comes too early. */
export function createRun({ kind, target, input, resumed }: RunOptions) {
  const { workflowId: runId } = workflowInfo();
  const now = start(resumed);
  /** The story's scope: cancelled once no further operation can be claimed. */
  const work = new CancellationScope();
  const actions = createActions(() => now.opened);

  const steering = createSteering({
    initial: resumed?.decisions ?? NOTHING_DECIDED,
    situation: () => ({
      phase: now.phase,
      planHash: now.plan?.hash ?? null,
      inDoubt: now.inDoubt.map(({ id }) => id),
    }),
    progress: () => progress(),
    onDecision: (decision) => actions.add(() => carryOut(decision)),
    onRefusal: (refusal) => actions.add(() => ledger.recordRefusal({ runId, refusal })),
    settled: () => wantedSteering(steering.decided()) === now.applied || now.phase === 'done',
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
  });
  setHandler(defineQuery<Progress>(PROGRESS_QUERY), progress, {
    description: 'Phase, counts as of the last page, what the run waits for.',
  });

  /** To the Web UI. */
  const show = (): void => {
    const { plan, inDoubt } = now;
    setCurrentDetails(
      describeRun({ progress: progress(), plan, target, inDoubt, decided: steering.decided() }),
    );
    if (now.searchAttributes) showAttributes(kind, target, progress().phase, input.requestedBy);
  };

  /** To the Web UI and to those who read the ledger. */
  const publish = async (): Promise<void> => {
    show();
    const { phase, waitingFor } = progress();
    await ledger.setPhase.executeWithOptions({ summary: phase }, [{ runId, phase, waitingFor }]);
  };

  async function carryOut(decision: Decision): Promise<void> {
    if (decision.action === 'resolve') return; // recorded by the activity that resolves
    if (decision.action === 'approve' || decision.action === 'reject') {
      return ledger.recordDecision({ runId, decision });
    }
    await steer(wantedSteering(steering.decided()), decision);
    // Only now: first no further operation is claimed, then those who wait are woken.
    if (steering.decided().cancelled) work.cancel();
  }

  async function steer(word: Steering, decision: Decision | null): Promise<void> {
    await ledger.steerRun.executeWithOptions({ summary: word }, [{ runId, steering: word, decision }]);
    now.applied = word;
    if (now.phase !== 'done') await publish();
  }

  return {
    runId,
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

    /** Temporal's own cancel: the scope is gone already, so the claims are stopped beside it, at once. */
    stopClaims: (): void => actions.add(() => steer('stopped', null)),

    /** Nothing is being carried out any more and no handler is under way: the run may end or continue as new. */
    settledDown: () => condition(() => actions.none() && allHandlersFinished()),

    resume: (): Resumed => {
      const { cursor, plan, searchAttributes, tells, counts } = now;
      if (!plan) throw new TypeError('a run continues as new only while it writes');
      return { cursor, plan, searchAttributes, tells, counts, decisions: steering.decided() };
    },
  };
}

export type Run = ReturnType<typeof createRun>;

/** What follows from decisions, one after the other, beside the story; a cancelled run still does it. */
function createActions(isOpened: () => boolean) {
  let waiting = 0;
  let line: Promise<unknown> = Promise.resolve();
  const once = async (job: () => Promise<unknown>): Promise<void> => {
    try {
      // The ledger knows nothing of a run before it is opened.
      await condition(isOpened);
      await job();
    } catch (error) {
      log.error('a decision could not be carried out', { error: String(error) });
    } finally {
      waiting -= 1;
    }
  };
  return {
    add(job: () => Promise<unknown>): void {
      waiting += 1;
      line = line.then(() => CancellationScope.nonCancellable(() => once(job)));
    },
    none: (): boolean => waiting === 0,
  };
}

function wantedSteering({ cancelled, paused }: Decisions): Steering {
  if (cancelled) return 'stopped';
  return paused ? 'paused' : 'go';
}

function phaseOf({ phase }: RunNow, { paused }: Decisions): Phase {
  return phase === 'writing' && paused ? 'paused' : phase;
}

function waitOf({ phase, waitingFor }: RunNow, { paused, cancelled }: Decisions): string | null {
  if (cancelled && phase !== 'done') return 'the batches in flight to be settled';
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

function showAttributes(kind: Kind, target: string, phase: Phase, requestedBy: string | undefined): void {
  // In the order of SEARCH_ATTRIBUTES.
  const values = [kind, target, phase, requestedBy ?? null];
  upsertSearchAttributes(KEYS.map((key, index) => ({ key, value: values[index] ?? null })));
}
