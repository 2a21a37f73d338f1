/** Defines the selection update: read the campaign, plan, write under its version. One campaign and one record per run. */
import { ApplicationFailure } from '@temporalio/common';
import { fatalFailure } from '../../contract/failures.ts';
import { type CampaignSelectionResult, selectionUpdate as spec } from '../../contract/selection-update.ts';
import type { RunState } from '../../domain/run.ts';
import { diffSelections } from '../../domain/selection-update/diff.ts';
import { canonicalize } from '../../ledger/hashing.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { OperationDefinition } from '../engine/definition.ts';
import type { Plan } from '../engine/plan.ts';
import { runInput } from '../engine/run-input.ts';
import { activityKey, takeOver } from '../engine/step.ts';
import { toFailure } from '../failures.ts';
import type { SelectionDeps, SelectionWritten } from './attempt.ts';
import { Audited, auditEntry, EVENT } from './audit.ts';
import { readCampaign, toCampaignKey } from './campaign.ts';
import { type Answer, planSelection, resolveDesired, resolvedPlaces, toAnswered } from './desired.ts';
import { leaveConflict } from './settle.ts';
import { writeSelection } from './writer.ts';

export type { SelectionWritten } from './attempt.ts';

export interface WriteSelection {
  readonly runId: string;
  /** A person's answers. */
  readonly answered: readonly Answer[];
}

export interface LeaveConflict {
  readonly runId: string;
  readonly why: string;
  /** The answer of the person who decided so; absent if nobody did. */
  readonly answered?: Answer;
}

export function defineSelectionUpdate(deps: SelectionDeps) {
  const definition: OperationDefinition = {
    spec,
    event: EVENT,
    result: (run, state) => selectionResult(deps, run, state),
  };
  return { definition, activities: createSelectionActivities(deps) };
}

function createSelectionActivities(deps: SelectionDeps) {
  const { ledger } = deps;
  return {
    /** Stores the campaign as CXone has it now. Repeatable. */
    readSelection: ({ runId }: { runId: string }): Promise<CampaignSelectionResult> =>
      auditingFailures(deps, runId, async () => {
        const { target } = await ledger.runs.get(runId);
        const { id: snapshot, version } = await readCampaign(deps, target);
        return { snapshot, version };
      }),

    /** The same for a person who only wants to see it. Repeatable. */
    async readCampaign({ campaignId }: { campaignId: string }): Promise<CampaignSelectionResult> {
      const { id: snapshot, version } = await readCampaign(deps, campaignId);
      return { snapshot, version };
    },

    /**
     * The desired selection, and what it is going to change. Repeatable: a run that continues after a failure is compared
     * with the version where it began, so that it does not undo what others have changed since.
     */
    planSelection: ({ runId, snapshot }: { runId: string; snapshot: string }): Promise<Plan> =>
      auditingFailures(deps, runId, () => plan(deps, runId, snapshot)),

    /** Reads, merges, writes. Repeatable: see PATCH_RULES in attempt.ts. */
    writeSelection: ({ runId, answered }: WriteSelection): Promise<SelectionWritten> =>
      auditingFailures(deps, runId, () => writeSelection(deps, runId, toAnswered(answered))),

    /** Nobody resolved the conflicts: the record ends in conflict, and nothing is written for it. Repeatable. */
    leaveConflict: ({ runId, why, answered }: LeaveConflict): Promise<void> => {
      const resolved = resolvedPlaces([], toAnswered(answered ? [answered] : []));
      return leaveConflict(deps, runId, why, resolved);
    },
  };
}

/** A failure that ends the run is audited as a failed update, wherever it happened. */
async function auditingFailures<T>(deps: SelectionDeps, runId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Audited) throw error.cause;
    const failure = toFailure(error);
    if (failure instanceof ApplicationFailure && failure.nonRetryable === true)
      await auditFailure(deps, runId, failure);
    throw error;
  }
}

async function auditFailure(
  { ledger }: SelectionDeps,
  runId: string,
  { type, message }: ApplicationFailure,
): Promise<void> {
  const { target } = await ledger.runs.get(runId);
  const { action, data } = auditEntry({
    campaignId: target,
    result: 'FAILED',
    details: `${type ?? ''}: ${message}`,
  });
  await ledger.audit.add(runId, action, data, activityKey('failed'));
}

async function plan({ ledger, rateLimiter }: SelectionDeps, runId: string, snapshot: string): Promise<Plan> {
  const run = await takeOver(ledger, runId);
  const fresh = await ledger.campaigns.getSnapshot(snapshot);
  const key = toCampaignKey(rateLimiter, run.target);
  const begun = await ledger.selections.find(run.run_no);
  if (begun && (begun.campaign_id !== key.campaignId || begun.tenant !== key.tenant))
    throw beganWithAnotherInput(runId);
  const from = begun ? await ledger.campaigns.getSnapshot(begun.base_snapshot) : fresh;
  const desired = await resolveDesired(ledger, key, runInput(spec, run), from);
  const planned = planSelection(desired, fresh, runInput(spec, run));
  const stored = await ledger.selections.plan({
    ...key,
    run,
    baseSnapshot: desired.baseSnapshot,
    base: desired.base,
    desired: desired.ours,
    differences: diffSelections(desired.base, desired.ours),
  });
  if (!isSame(stored.desired, desired.ours) || !isSame(stored.base, desired.base))
    throw beganWithAnotherInput(runId);
  await ledger.runs.setPlan(run, planned, planned.hash);
  await ledger.audit.add(runId, 'planned', { ...planned, reasons: undefined }, activityKey());
  return planned;
}

const isSame = (a: unknown, b: unknown): boolean => canonicalize(a) === canonicalize(b);

function beganWithAnotherInput(runId: string) {
  return fatalFailure(
    'InvalidInput',
    `run ${runId} began with another input, or an earlier version of cxflow has planned it by other rules. ` +
      'Start it as it was, or choose another run id',
  );
}

/** The fields of the result beyond those of every run. */
async function selectionResult({ ledger }: SelectionDeps, run: Run, state: RunState) {
  const update = await ledger.selections.find(run.run_no);
  const metrics = await ledger.selections.metrics(run.target, { runNo: run.run_no, state });
  if (!update) return { campaignId: run.target, version: null, payloadHash: null, metrics };
  const versionOf = async (id: string | null) => id && (await ledger.campaigns.getSnapshot(id)).version;
  const after = update.version_after === null ? null : Number(update.version_after);
  return {
    campaignId: run.target,
    version: {
      base: await versionOf(update.base_snapshot),
      before: after === null ? null : await versionOf(update.from_snapshot),
      after,
    },
    payloadHash: after === null ? null : update.sent_sha256,
    metrics,
  };
}
