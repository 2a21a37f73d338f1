/** Selection update (S3): look at the campaign, plan, and write under its version; one campaign, one record a run. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { CampaignSelectionResult, SelectionUpdateInput } from '../../contract/selection-update.ts';
import type { ShownConflict } from '../../contract/steering.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import { CxoneRateLimited } from '../../cxone/errors.ts';
import type { Outcome } from '../../domain/run.ts';
import { diffSelections } from '../../domain/selection-update/diff.ts';
import { readSelection } from '../../domain/selection-update/selection.ts';
import { canonicalize } from '../../ledger/hashing.ts';
import type { CampaignKey, Snapshot } from '../../ledger/selections/campaigns.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { withHeartbeat } from '../engine/heartbeat.ts';
import { fatalFailure, toFailure } from '../failures.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import type { Plan } from '../engine/plan.ts';
import { Audited, auditEntry, NOTHING_RAN } from './audit.ts';
import { type Answered, planOf, settledPlaces, wishOf } from './desired.ts';
import { createSelectionWriter } from './writer.ts';

export interface SelectionDeps {
  readonly ledger: Ledger;
  readonly cxone: Pick<Cxone, 'outbound'>;
  readonly rateLimiter: RateLimiter;
  readonly holder: string;
  readonly draining: AbortSignal;
  /** Is there a CRM to be told? */
  readonly hasSubscriber: boolean;
}

/** What one try came to. */
export type SelectionWritten =
  /** The record has its outcome. `existing`: nothing had to be changed. */
  | { readonly kind: 'done'; readonly outcome: Outcome; readonly version: number | null }
  /** Somebody else wrote since we looked, or may have: look again. */
  | { readonly kind: 'outdated'; readonly version: number | null }
  /** Nothing was sent. */
  | { readonly kind: 'conflict'; readonly conflicts: readonly ShownConflict[] }
  /** 400: CXone's own words. The record is rejected. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Paused or stopped: nothing was sent. */
  | { readonly kind: 'halted' }
  /** It asks for an approval, and more is to be written by now than the plan showed: nothing was sent. */
  | { readonly kind: 'unplanned' };

export interface WriteSelection {
  readonly runId: string;
  /** Of a person, each for the conflict that was seen. */
  readonly answered: Answered;
}

export interface LeaveConflict {
  readonly runId: string;
  readonly why: string;
  /** Of a person who said so. Absent: nobody did, or it comes of an older version. */
  readonly answered?: Answered;
}

export const inputOf = (run: Run): SelectionUpdateInput => run.input as SelectionUpdateInput;

export function createSelectionUpdate(deps: SelectionDeps) {
  const { ledger, cxone, rateLimiter } = deps;
  const keyOf = (campaignId: string): CampaignKey => ({ tenant: rateLimiter.tenant, campaignId });

  /** A GET: repeatable. What was seen is kept, for merges and rollbacks to come. */
  const look = async (campaignId: string): Promise<Snapshot> => {
    const signal = Context.current().cancellationSignal;
    await rateLimiter.acquire(signal);
    try {
      const campaign = await cxone.outbound.readCampaign({ campaignId, signal });
      return await ledger.campaigns.saveSnapshot(keyOf(campaignId), {
        ...campaign,
        selection: readSelection(campaign.selection),
      });
    } catch (error) {
      if (error instanceof CxoneRateLimited && error.retryAfterMs !== null)
        await rateLimiter.block(error.retryAfterMs);
      throw error;
    }
  };
  const write = createSelectionWriter({ ...deps, look });

  /** What ends the run is audited as a failed update, wherever it happened (S3 audited successes only). */
  const audited = async <T>(runId: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await withHeartbeat(work);
    } catch (error) {
      if (error instanceof Audited) throw error.cause;
      const failure = toFailure(error);
      if (failure instanceof ApplicationFailure && failure.nonRetryable === true)
        await auditFailure(runId, failure);
      throw error;
    }
  };

  const auditFailure = async (runId: string, { type, message }: ApplicationFailure): Promise<void> => {
    const { target } = await ledger.runs.get(runId);
    const { action, data } = auditEntry({
      campaignId: target,
      payloadHash: null,
      result: 'FAILED',
      latencyMs: null,
      httpStatus: null,
      versionBefore: null,
      versionAfter: null,
      complianceFlags: NOTHING_RAN,
      details: `${type ?? ''}: ${message}`,
    });
    await ledger.audit.add(runId, action, data);
  };

  const plan = async (runId: string, snapshot: string): Promise<Plan> => {
    const run = await ledger.runs.get(runId);
    const fresh = await ledger.campaigns.getSnapshot(snapshot);
    const key = keyOf(run.target);
    const begun = await ledger.selections.find(run.run_no);
    if (begun && (begun.campaign_id !== key.campaignId || begun.tenant !== key.tenant))
      throw beganOtherwise(runId);
    const from = begun ? await ledger.campaigns.getSnapshot(begun.base_snapshot) : fresh;
    const wish = await wishOf(ledger, key, inputOf(run), from);
    const planned = planOf(wish, fresh, inputOf(run));
    const kept = await ledger.selections.plan({
      ...key,
      runNo: run.run_no,
      baseSnapshot: wish.baseSnapshot,
      base: wish.base,
      desired: wish.ours,
      differences: diffSelections(wish.base, wish.ours),
    });
    const isTheSame = ([a, b]: readonly [unknown, unknown]) => canonicalize(a) === canonicalize(b);
    const both = [
      [kept.desired, wish.ours],
      [kept.base, wish.base],
    ] as const;
    if (!both.every(isTheSame)) throw beganOtherwise(runId);
    await ledger.runs.setPlan(run.run_no, planned, planned.hash);
    await ledger.audit.add(runId, 'planned', { ...planned, reasons: undefined });
    return planned;
  };

  const activities = {
    /** The campaign as it is now, into the ledger. Repeatable. */
    readSelection: ({ runId }: { runId: string }): Promise<CampaignSelectionResult> =>
      audited(runId, async () => {
        const { target } = await ledger.runs.get(runId);
        const { id: snapshot, version } = await look(target);
        return { snapshot, version };
      }),

    /** The same for a person who only looks. Repeatable. */
    readCampaign: ({ campaignId }: { campaignId: string }): Promise<CampaignSelectionResult> =>
      withHeartbeat(async () => {
        const { id: snapshot, version } = await look(campaignId);
        return { snapshot, version };
      }),

    /**
     * The wish, and what it is going to change. Repeatable: a run that goes on after a failure is measured from where it
     * began, so that what others did since is not taken back by it.
     */
    planSelection: ({ runId, snapshot }: { runId: string; snapshot: string }): Promise<Plan> =>
      audited(runId, () => plan(runId, snapshot)),

    /**
     * Looks, merges, writes. Repeatable: the PATCH is guarded by the version, and one whose answer was lost is looked
     * for before anything is sent again.
     */
    writeSelection: ({ runId, answered }: WriteSelection): Promise<SelectionWritten> =>
      audited(runId, () => write(runId, answered)),

    /** Nobody settled them: the record is in conflict, and nothing was written for it. Repeatable. */
    leaveConflict: ({ runId, why, answered = [] }: LeaveConflict): Promise<void> =>
      withHeartbeat(() => write.leaveConflict(runId, why, settledPlaces([], answered))),
  };

  return { activities, result: (run: Run) => resultOf(ledger, keyOf(run.target), run) };
}

function beganOtherwise(runId: string) {
  return fatalFailure(
    'InvalidInput',
    `run ${runId} began with another input. Start it as it was, or choose another run id`,
  );
}

/** What the result has besides what all have. */
async function resultOf(ledger: Ledger, key: CampaignKey, run: Run) {
  const update = await ledger.selections.find(run.run_no);
  if (!update) return { campaignId: run.target, version: null, payloadHash: null, metrics: null };
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
    metrics: await ledger.selections.metrics(key),
  };
}
