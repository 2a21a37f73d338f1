/** A run in the ledger: opened, steered, resolved. The same for every operation. */
import { Context } from '@temporalio/activity';
import { fatalFailure } from '../../contract/failures.ts';
import type { CommonInput } from '../../contract/run.ts';
import { type Decision, MAX_LISTED_IN_DOUBT, type Refusal } from '../../contract/steering.ts';
import type { Counts, Phase, Steering } from '../../domain/run.ts';
import { canonicalize } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { WriteInDoubt } from '../../ledger/writes/writes.ts';
import type { Registry } from './registry.ts';
import { activityKey, attemptTime, takeOver } from './step.ts';

export interface OpenRunInput {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  readonly input: CommonInput;
}

export interface OpenedRun {
  /** Are the search attributes registered, so that the workflow may set them? */
  readonly searchAttributes: boolean;
  /** Does anybody receive the events of this run? */
  readonly hasSubscriber: boolean;
}

/** A write that a person or the policy has to decide about. */
export type InDoubt = Omit<WriteInDoubt, 'sentAt'> & {
  readonly sentAt: string | null;
  /** Many of these writes are certain to have been sent, but the ledger does not know which. */
  readonly afterRestore?: true;
};

export interface ResolveInDoubt {
  readonly runId: string;
  readonly decision: Decision;
  /** Only writes that nobody has decided to resend yet. */
  readonly firstTimeOnly?: boolean;
}

export interface RecordRefusal {
  readonly runId: string;
  readonly refusal: Refusal;
  readonly more?: readonly Refusal[];
}

export interface SteerRun {
  readonly runId: string;
  readonly steering: Steering;
  readonly decision: Decision | null;
}

export interface SetPhase {
  readonly runId: string;
  readonly phase: Phase;
  readonly waitingFor: string | null;
}

export interface RunsDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly searchAttributes: () => boolean;
}

export function createRunActivities(deps: RunsDeps) {
  const { ledger } = deps;
  return {
    /** Creates the run, or returns to one that did not end. Repeatable. */
    openRun: (input: OpenRunInput): Promise<OpenedRun> => openRun(deps, input),

    /** Stores where the run is, for readers of the ledger, and returns its counts as they are now. Repeatable. */
    async setPhase({ runId, phase, waitingFor }: SetPhase): Promise<Counts> {
      const run = await ledger.runs.get(runId);
      await ledger.runs.setPhase(run.run_no, phase, waitingFor, attemptTime());
      return ledger.runs.counts(run.run_no);
    },

    /** Once this has returned, no write is claimed against the new steering. Repeatable. */
    async steerRun({ runId, steering, decision }: SteerRun): Promise<void> {
      const run = await ledger.runs.get(runId);
      await ledger.runs.steer(run.run_no, steering, attemptTime());
      if (decision) await ledger.audit.add(runId, decision.action, { ...decision, steering }, activityKey());
    },

    /** An approval with `whenPlanned` does not count yet. Repeatable. */
    async recordDecision({ runId, decision }: { runId: string; decision: Decision }): Promise<void> {
      const action = decision.whenPlanned ? 'approval_kept' : decision.action;
      await ledger.audit.add(runId, action, { ...decision }, activityKey());
    },

    /** `more`: of a flood. Repeatable. */
    async recordRefusal({ runId, refusal, more = [] }: RecordRefusal): Promise<void> {
      for (const [i, each] of [refusal, ...more].entries())
        await ledger.audit.add(runId, 'steering_refused', { ...each }, activityKey(i === 0 ? '' : String(i)));
    },

    /**
     * The first MAX_LISTED_IN_DOUBT of them, because the result becomes part of the history. First those that nobody has
     * decided to resend yet. `id`: only this one, if it is in doubt.
     */
    async listInDoubt(runId: string, id?: string): Promise<InDoubt[]> {
      const run = await ledger.runs.get(runId);
      const query = { limit: MAX_LISTED_IN_DOUBT, ...(id !== undefined && { id }) };
      const writes = await ledger.writes.listInDoubt(run.run_no, query);
      return writes.map(({ sentAt, ...rest }) => ({
        ...rest,
        sentAt: sentAt?.toISOString() ?? null,
        ...(run.restored_at !== null && { afterRestore: true }),
      }));
    },

    /** Opens writes in doubt again, or leaves their records in doubt for good. Repeatable. */
    resolveInDoubt: (input: ResolveInDoubt): Promise<number> => resolveInDoubt(deps, input),
  };
}

async function openRun(deps: RunsDeps, { runId, kind, target, input }: OpenRunInput): Promise<OpenedRun> {
  const { ledger, registry } = deps;
  const { again = false, dryRun = false, requestedBy = null } = input;
  const asked = {
    runId,
    kind,
    target,
    again,
    dryRun,
    requestedBy,
    input,
    execution: thisExecution(),
    attempt: attemptTime(),
    openedAt: Context.current().info.scheduledTimestampMs,
    auditKey: activityKey(),
  };
  const opened = await ledger.runs.open(asked);
  if (opened.kind === 'ended') throw alreadyEnded(opened.run);
  if (opened.kind === 'reopened') await reopen(deps, asked, opened.run);
  return {
    searchAttributes: deps.searchAttributes(),
    hasSubscriber: registry.hasSubscriber(kind),
  };
}

function thisExecution() {
  const { workflowNamespace: namespace = '', workflowExecution } = Context.current().info;
  return { namespace, id: workflowExecution?.runId ?? '' };
}

type AskedRun = Parameters<Ledger['runs']['open']>[0];

/**
 * A failed run may be restarted with a corrected input of the same operation; once it has staged rows, only with an input that
 * reads and writes the same rows in the same way.
 */
async function reopen({ ledger, registry }: RunsDeps, asked: AskedRun, known: Run): Promise<void> {
  const meaning = ({ target, again, dryRun, input }: Omit<AskedRun, 'kind'>) =>
    canonicalize({
      target,
      again,
      dryRun,
      source: (input as { source?: unknown }).source ?? null,
      options: registry.get(known.kind).spec.fingerprint(input as CommonInput),
    });
  const before = { ...known, runId: known.run_id, dryRun: known.dry_run, requestedBy: known.requested_by };
  if (known.kind !== asked.kind) {
    const message = `run ${asked.runId} is known as a ${known.kind}, so it cannot be a ${asked.kind}. Choose another run id`;
    throw fatalFailure('InvalidInput', message);
  }
  if (known.source !== null && meaning(before) !== meaning(asked)) {
    const message = `run ${asked.runId} began with another input. Start it as it was, or choose another run id`;
    throw fatalFailure('InvalidInput', message);
  }
  // It may have been purged since it was found.
  if (!(await ledger.runs.reopen(asked))) throw alreadyEnded(await ledger.runs.get(asked.runId));
}

async function resolveInDoubt(
  { ledger, registry }: RunsDeps,
  { runId, decision, firstTimeOnly = false }: ResolveInDoubt,
): Promise<number> {
  const run = await takeOver(ledger, runId);
  return ledger.writes.resolve({
    runNo: run.run_no,
    fence: run.fence,
    verdict: decision.verdict ?? 'leave',
    id: decision.writeId ?? null,
    firstTimeOnly,
    event: registry.eventWithoutAnswer(run.kind),
    audit: { runId, data: { ...decision }, key: activityKey() },
  });
}

function alreadyEnded(run: Run) {
  const message =
    `run ${run.run_id} ended before (${run.state}${run.purged_at === null ? '' : ', and its rows were purged'}). Nothing was written. ` +
    'Choose another run id to start it again (cxflow: --id, or --again for an id of its own)';
  return fatalFailure('AlreadyRun', message);
}
