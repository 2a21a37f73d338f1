/**
 * One run, whatever its kind: its phases, its steering, its end. A kind's file tells the story in terms of these steps.
 */
import {
  allHandlersFinished,
  ApplicationFailure,
  ActivityFailure,
  CancellationScope,
  condition,
  defineQuery,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { PageResult } from '../activities/pages.ts';
import type { Plan } from '../activities/runs.ts';
import {
  type CommonInput,
  type ContactImportResult,
  type Decision,
  type Kind,
  PROGRESS_QUERY,
  type Progress,
  SEARCH_ATTRIBUTES,
} from '../contract.ts';
import { type Counts, NO_COUNTS, OUTCOMES, type Phase, type RunState, type Steering } from '../domain/run.ts';
import { describeRun } from './details.ts';
import { writePages } from './pages.ts';
import { endsTheRun, ledger, PATIENCE_WITH_THE_CRM, staging, telling } from './policies.ts';
import { createSteering, type Decisions, NOTHING_DECIDED } from './steering.ts';

/** What a run takes along when it continues as new. Counts come from the ledger. */
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

type EndState = 'completed' | 'rejected';

/** Sets the run up: state and handlers, nothing awaited; `story` then tells it. */
export function createRun({ kind, target, input, resumed }: RunOptions) {
  const { workflowId: runId } = workflowInfo();
  let phase: Phase = resumed ? 'writing' : 'staging';
  let waitingFor: string | null = null;
  let since = new Date();
  let plan: Plan | null = resumed?.plan ?? null;
  let counts: Counts = resumed?.counts ?? NO_COUNTS;
  let cursor = resumed?.cursor ?? 1;
  let inDoubt: readonly { id: string; batch: number; records: number; sentAt: string | null }[] = [];
  let searchAttributes = resumed?.searchAttributes ?? false;
  let tells = resumed?.tells ?? false;
  let applied: Steering = resumed?.decisions.paused ? 'paused' : 'go';
  let acting = 0;
  let actions: Promise<unknown> = Promise.resolve();
  let opened = resumed !== undefined;
  const writingSince = { at: 0, written: 0 };
  const work = new CancellationScope();

  const written = () => OUTCOMES.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
  const wanted = (): Steering => {
    const { cancelled, paused } = steering.decided();
    if (cancelled) return 'stopped';
    return paused ? 'paused' : 'go';
  };

  const rate = (): number | null => {
    const seconds = (Date.now() - writingSince.at) / 1000;
    if (phase !== 'writing' || writingSince.at === 0 || seconds < 1) return null;
    return Math.round((written() - writingSince.written) / seconds);
  };

  const progress = (): Progress => {
    const recordsPerSecond = rate();
    const secondsLeft = recordsPerSecond ? counts.pending / recordsPerSecond : null;
    return {
      runId,
      kind,
      phase: shownPhase(),
      counts,
      planHash: plan?.hash ?? null,
      waitingFor: shownWait(),
      since: since.toISOString(),
      recordsPerSecond,
      estimatedEnd: secondsLeft === null ? null : new Date(Date.now() + secondsLeft * 1000).toISOString(),
      refused: steering.refused(),
    };
  };

  const shownPhase = (): Phase => (phase === 'writing' && steering.decided().paused ? 'paused' : phase);
  const shownWait = (): string | null => {
    const { paused, cancelled } = steering.decided();
    if (cancelled && phase !== 'done') return 'the batches in flight to be settled';
    if (phase === 'writing' && paused) return `resume (paused${paused.by ? ` by ${paused.by}` : ''})`;
    return waitingFor;
  };

  const show = (): void =>
    setCurrentDetails(
      describeRun({ progress: progress(), plan, target, inDoubt, decided: steering.decided() }),
    );

  /** The ledger and the Web UI learn it too; only what the workflow itself decides by is in here. */
  const enter = async (next: Phase, wait: string | null = null): Promise<void> => {
    phase = next;
    waitingFor = wait;
    since = new Date();
    await publish();
  };

  const publish = async (): Promise<void> => {
    show();
    if (searchAttributes) upsertSearchAttributes(attributesOf(kind, target, shownPhase(), input.requestedBy));
    await ledger.setPhase.executeWithOptions({ summary: shownPhase() }, [
      { runId, phase: shownPhase(), waitingFor: shownWait() },
    ]);
  };

  /** Acts on decisions one after the other, beside the story; a cancelled run still does it. */
  const act = (job: () => Promise<unknown>): void => {
    acting += 1;
    actions = actions.then(() => CancellationScope.nonCancellable(() => actOnce(job)));
  };
  const actOnce = async (job: () => Promise<unknown>): Promise<void> => {
    try {
      // The ledger knows nothing of the run before it is opened.
      await condition(() => opened);
      await job();
    } catch (error) {
      log.error('a decision could not be carried out', { error: String(error) });
    } finally {
      acting -= 1;
      show();
    }
  };

  const applySteering = (decision: Decision | null) => async (): Promise<void> => {
    const steeringNow = wanted();
    await ledger.steerRun.executeWithOptions({ summary: steeringNow }, [
      { runId, steering: steeringNow, decision },
    ]);
    applied = steeringNow;
    if (phase !== 'done') await publish();
    // Only now: first no further operation is claimed, then those who wait are woken.
    if (steering.decided().cancelled) work.cancel();
  };

  const steering = createSteering({
    initial: resumed?.decisions ?? NOTHING_DECIDED,
    situation: () => ({ phase, planHash: plan?.hash ?? null, inDoubt: inDoubt.map(({ id }) => id) }),
    progress,
    onDecision: (decision) => {
      if (['cancel', 'pause', 'resume'].includes(decision.action)) act(applySteering(decision));
      // A resolution is recorded by the activity that carries it out.
      else if (decision.action !== 'resolve') act(() => ledger.recordDecision({ runId, decision }));
    },
    onRefusal: (refusal) => act(() => ledger.recordRefusal({ runId, refusal })),
    settled: () => wanted() === applied || phase === 'done',
  });

  setHandler(defineQuery<Progress>(PROGRESS_QUERY), progress, {
    description: 'Phase, counts as of the last page, what the run waits for.',
  });

  const close = async (state: RunState, failure: { type: string; message: string } | null = null) => {
    const result = await ledger.closeRun.executeWithOptions({ summary: state }, [{ runId, state, failure }]);
    phase = 'done';
    waitingFor = null;
    counts = result.counts;
    show();
    if (searchAttributes) upsertSearchAttributes(attributesOf(kind, target, 'done', input.requestedBy));
    // Handlers that are still at it would be lost with the run.
    await condition(() => acting === 0 && allHandlersFinished());
    return result;
  };

  /** No word for so long counts as no. */
  const awaitApproval = async (): Promise<EndState | 'go'> => {
    if (!input.approval) return 'go';
    await enter('awaiting_approval', `approve or reject of plan ${plan?.hash ?? ''}`);
    const decided = () => steering.decided().approved !== null || steering.decided().rejected !== null;
    if (input.approvalDeadline === undefined) await condition(decided);
    else
      await condition(decided, input.approvalDeadline as '3 days', { summary: 'deadline of the approval' });
    return steering.decided().approved ? 'go' : 'rejected';
  };

  const onPage = (result: PageResult): void => {
    // Pages end in any order: the one that knows of most is the latest.
    if (result.counts.pending <= counts.pending) ({ counts } = result);
    show();
  };

  return {
    steps: {
      /** 1. The run in the ledger; refused where the same has ended before. */
      async open(): Promise<void> {
        ({ searchAttributes, tells } = await ledger.openRun({ runId, kind, target, input }));
        opened = true;
        await enter('staging');
      },

      /** 2. The source in the ledger, row by row, by the rules. */
      async stage(): Promise<void> {
        await staging.stageRecords.executeWithOptions({ summary: `read the source for ${target}` }, [runId]);
      },

      /** 3. Counted before anything is written. */
      async plan(): Promise<void> {
        await enter('planning');
        plan = await staging.planWrites(runId);
        counts = {
          total: plan.total,
          pending: plan.toWrite,
          invalid: plan.invalid,
          duplicate: plan.duplicate,
        };
        show();
      },

      /** 4. Waits for approve or reject, where that was asked for. */
      decide: awaitApproval,

      /** 5. Page by page. False: the history grew long, go on in a new one. */
      async write(): Promise<boolean> {
        if (!plan) throw new TypeError('write comes after plan');
        await enter('writing');
        writingSince.at = Date.now();
        writingSince.written = written();
        const { batches, pageBatches } = plan;
        const isStopped = () => steering.decided().cancelled !== null;
        cursor = await writePages({
          runId,
          batches,
          pageBatches,
          cursor,
          isPaused: () => steering.decided().paused !== null,
          isStopped,
          onResult: onPage,
        });
        if (isStopped()) await work.cancelRequested;
        return cursor > batches;
      },

      /** 6. Writes whose answer was lost and that must not be repeated: a person, or the policy, decides. */
      async settleDoubts(): Promise<void> {
        inDoubt = await ledger.listInDoubt(runId);
        while (inDoubt.length > 0) {
          const decision = await resolution();
          if (decision === null) break;
          await ledger.resolveInDoubt.executeWithOptions({ summary: decision.verdict ?? 'leave' }, [
            { runId, decision },
          ]);
          if (decision.verdict === 'resend') await rewrite();
          inDoubt = await ledger.listInDoubt(runId);
        }
      },

      /** 7. The CRM hears the rest; what it does not take stays in the outbox. */
      async tell({ ended, stop }: Telling): Promise<void> {
        if (!tells) return;
        await enter('telling', 'the CRM to take its events');
        const patience = new CancellationScope();
        const timer = patience.run(() => sleep(PATIENCE_WITH_THE_CRM, { summary: 'patience with the CRM' }));
        await Promise.race([ended, timer.catch(() => undefined)]);
        patience.cancel();
        stop();
        await ended;
      },

      close,
    },

    /** Runs beside the writing until everything is told. Never fails: what is not told stays in the outbox. */
    keepTelling(): Telling {
      const scope = new CancellationScope();
      const told = scope.run(async () => {
        for (let done = !tells; !done; ) {
          ({ done } = await telling.tellCrm.executeWithOptions({ summary: 'CRM events' }, [runId]));
        }
      });
      const ended = told.catch((error: unknown) => {
        if (!isCancellation(error)) log.error('the CRM is not told any more', { error: String(error) });
      });
      return { ended, stop: () => scope.cancel() };
    },

    /**
     * Tells the story and ends it, however it ends: cancelled by signal (a result), cancelled by Temporal (Canceled),
     * failed (a failure that names what to do). In all of them the ledger has the result.
     */
    async story<R>(story: () => Promise<R>): Promise<R | ContactImportResult> {
      watchNativeCancel();
      try {
        return await work.run(story);
      } catch (error) {
        if (isCancellation(error)) return await endCancelled(error);
        throw await endFailed(error);
      }
    },

    resume: (): Resumed => ({
      cursor,
      plan: plan as Plan,
      decisions: steering.decided(),
      searchAttributes,
      tells,
      counts,
    }),
    settledDown: () => condition(() => acting === 0 && allHandlersFinished()),
  };

  /** By signal the claims stop first and the scope after; here the scope is gone already, so stop the claims at once. */
  function watchNativeCancel(): void {
    CancellationScope.current().cancelRequested.catch(() => {
      act(() => ledger.steerRun({ runId, steering: 'stopped', decision: null }));
    });
  }

  async function endCancelled(error: unknown): Promise<ContactImportResult> {
    const native = steering.decided().cancelled === null;
    // Nothing was begun that the ledger would know of.
    if (!opened) throw error;
    return CancellationScope.nonCancellable(async () => {
      const result = await close('cancelled');
      if (native) throw error;
      return result;
    });
  }

  async function endFailed(error: unknown): Promise<unknown> {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    // Not opened: the ledger has nothing of this run, or another run of this id, whose result stays as it is.
    if (!(cause instanceof ApplicationFailure) || !opened)
      return cause instanceof ApplicationFailure ? cause : error;
    const failure = { type: cause.type ?? 'Bug', message: cause.message };
    await CancellationScope.nonCancellable(() => close('failed', failure));
    return endsTheRun(failure.type as 'Bug', failure.message);
  }

  async function resolution(): Promise<Decision | null> {
    const { onInDoubt = 'ask', inDoubtDeadline } = input;
    if (onInDoubt !== 'ask')
      return { action: 'resolve', verdict: onInDoubt, reason: 'onInDoubt of the input' };
    await enter('in_doubt', `resolve of ${inDoubt.length} operations in doubt`);
    const answered = () => steering.hasResolution();
    if (inDoubtDeadline === undefined) await condition(answered);
    else await condition(answered, inDoubtDeadline as '3 days', { summary: 'deadline of the resolution' });
    return (
      steering.nextResolution() ?? {
        action: 'resolve',
        verdict: 'leave',
        reason: 'inDoubtDeadline of the input',
      }
    );
  }

  /** Resent operations lie in their old batches: every page is looked through once more, and those are few. */
  async function rewrite(): Promise<void> {
    if (!plan) return;
    const { batches, pageBatches } = plan;
    await enter('writing');
    await writePages({
      runId,
      batches,
      pageBatches,
      cursor: 1,
      isPaused: () => steering.decided().paused !== null,
      isStopped: () => steering.decided().cancelled !== null,
      onResult: onPage,
    });
  }
}

export interface Telling {
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

const [KIND, TARGET, PHASE, REQUESTED_BY] = SEARCH_ATTRIBUTES.map((name) =>
  defineSearchAttributeKey(name, 'KEYWORD'),
);

function attributesOf(kind: Kind, target: string, phase: Phase, requestedBy: string | undefined) {
  const pairs = [
    { key: KIND, value: kind },
    { key: TARGET, value: target },
    { key: PHASE, value: phase },
    { key: REQUESTED_BY, value: requestedBy ?? null },
  ];
  return pairs as Parameters<typeof upsertSearchAttributes>[0];
}
