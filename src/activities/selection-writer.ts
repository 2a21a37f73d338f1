/**
 * One try to write a selection: look, reconcile what may have been applied, merge, claim, PATCH, settle. Between the look
 * and the settlement the campaign is ours among the runs of cxflow; what CXone takes is decided by the version.
 */
import { Context } from '@temporalio/activity';
import { CxoneError } from '../cxone/errors.ts';
import { mergeSelections } from '../domain/selection-merge.ts';
import { sameSelection } from '../domain/selection-places.ts';
import { readSelection } from '../domain/selection-update.ts';
import { canonicalize, sha256 } from '../ledger/business-key.ts';
import type { Snapshot } from '../ledger/campaigns.ts';
import { LEASE_MARGIN_MS } from '../ledger/operations.ts';
import type { Run } from '../ledger/runs.ts';
import type { SelectionUpdate } from '../ledger/selections.ts';
import { inTurn } from './campaign-turn.ts';
import { passes } from './failures.ts';
import { createLease, LeaseExpired, momentNow } from './lease.ts';
import { LONGEST_WAIT_MS, RateWait } from './pace.ts';
import { checkCompliance } from './selection-audit.ts';
import {
  type Attempt,
  createSelectionSettling,
  type Payload,
  takenOff,
  theirsOf,
} from './selection-settling.ts';
import { inputOf, type SelectionDeps, type SelectionWritten } from './selection-update.ts';
import { type Answered, breaksRules, settleBy, shown } from './selection-wish.ts';

/** Source: cxone-api.md "What every answer means", the campaign PATCH; decisions.md 14. */
const PATCH_DEADLINE_MS = 20_000;
const LEASE_MS = PATCH_DEADLINE_MS + LEASE_MARGIN_MS;

export interface WriterDeps extends SelectionDeps {
  readonly look: (campaignId: string) => Promise<Snapshot>;
}

export function createSelectionWriter(deps: WriterDeps) {
  const { ledger, pace } = deps;
  const settling = createSelectionSettling(deps);

  const tryOnce = async (run: Run, answered: Answered): Promise<SelectionWritten> => {
    const update = await ledger.selections.get(run.run_no);
    const [operation] = await ledger.operations.open(run.run_no, 1, 1);
    // A try before this one settled it, and its answer to Temporal was lost.
    if (!operation) return settledBefore(run, update);
    const liveMs = await ledger.operations.liveLeaseMs(run.run_no);
    if (liveMs > 0) throw passes('OperationsInFlight', 'the PATCH may still be under way', liveMs + 100);
    const theirs = await deps.look(run.target);
    const mayBeOurs = operation.unanswered > 0 || operation.state === 'sending';
    const attempt: Attempt = { run, update, operation, theirs, mayBeOurs };
    if (mayBeOurs && (await standsThere(attempt))) return settling.ownWrite(attempt, 'own_write_lost_answer');
    return merge(attempt, answered);
  };

  const standsThere = async ({ update, theirs }: Attempt): Promise<boolean> => {
    if (update.from_snapshot === null) return false;
    const { version } = await ledger.campaigns.snapshot(update.from_snapshot);
    return (
      theirs.version > version && sameSelection(readSelection(theirs.selection), readSelection(update.sent))
    );
  };

  const merge = async (attempt: Attempt, answered: Answered): Promise<SelectionWritten> => {
    const { run, update, mayBeOurs } = attempt;
    const theirs = theirsOf(attempt);
    const [base, ours] = [readSelection(update.base), readSelection(update.wish)];
    const merged = mergeSelections({ base, theirs, ours }, settleBy(inputOf(run), answered));
    if (merged.kind === 'broken') throw breaksRules('as CXone has it', merged.problems);
    if (merged.kind === 'conflict') {
      await ledger.selections.keepConflicts(run.run_no, merged.open);
      return { kind: 'conflict', conflicts: merged.open.map(shown) };
    }
    const { selection, settled } = merged;
    if (sameSelection(selection, theirs)) {
      // Ours is in it, and perhaps somebody wrote more on top of it.
      const isOurs = mayBeOurs && settled.length === 0 && !sameSelection(base, ours);
      return isOurs
        ? settling.ownWrite(attempt, 'own_write_or_existing')
        : settling.unchanged(attempt, settled);
    }
    const flags = checkCompliance(selection, theirs, takenOff(update));
    return send(attempt, { selection, sha256: sha256(canonicalize(selection)), flags });
  };

  /** Claimed before it leaves. A payload that is another one than was sent before is another operation. */
  const send = async (attempt: Attempt, payload: Payload): Promise<SelectionWritten> => {
    const { run, operation, theirs } = attempt;
    if (attempt.mayBeOurs && !(await isTheSame(attempt, payload))) {
      await settling.notApplied(attempt);
      return { kind: 'outdated', version: theirs.version };
    }
    await ledger.selections.keepSent(run.run_no, { snapshot: theirs.id, ...payload });
    await pace.turn(Context.current().cancellationSignal);
    if (deps.draining.aborted) throw passes('WorkerDraining', 'the worker stops; another one goes on', 0);
    const since = momentNow();
    const claim = await ledger.operations.claim({
      runNo: run.run_no,
      id: operation.id,
      leaseMs: LEASE_MS,
      holder: deps.holder,
      tenant: pace.tenant,
    });
    if (claim.verdict === 'paused' || claim.verdict === 'stopped') return { kind: 'halted' };
    if (claim.verdict === 'blocked') throw new RateWait(Math.min(claim.waitMs, 6 * LONGEST_WAIT_MS));
    if (claim.verdict !== 'claimed') throw passes('OperationsInFlight', 'another try is at it', 1_000);
    const lease = createLease(since, () => Promise.resolve(false));
    return patch(attempt, payload, claim.fence, () => lease.check());
  };

  /** What may have been applied is sent again only as it was: the same selection over the same version. */
  const isTheSame = async ({ update, theirs }: Attempt, payload: Payload): Promise<boolean> => {
    if (update.from_snapshot === null || update.sent_sha256 !== payload.sha256) return false;
    return (await ledger.campaigns.snapshot(update.from_snapshot)).version === theirs.version;
  };

  const patch = async (
    attempt: Attempt,
    payload: Payload,
    fence: number,
    beforeSend: () => void,
  ): Promise<SelectionWritten> => {
    const { run, theirs, operation } = attempt;
    const startedAt = performance.now();
    const { document, version } = theirs;
    try {
      const answer = await deps.cxone.outbound.updateSelection({
        campaignId: run.target,
        document,
        version,
        selection: { ...payload.selection },
        beforeSend,
      });
      return await settling.answer(attempt, payload, fence, answer, performance.now() - startedAt);
    } catch (error) {
      if (error instanceof LeaseExpired) {
        await ledger.operations.release(operation.id, fence);
        throw passes('OperationsInFlight', 'the lease ran out before the request left', 500);
      }
      if (error instanceof CxoneError) await settling.failure(attempt, payload, fence, error, startedAt);
      throw error;
    }
  };

  const settledBefore = async (run: Run, update: SelectionUpdate): Promise<SelectionWritten> => {
    for await (const { outcome, reasons } of ledger.records.list(run.run_no)) {
      if (outcome === 'rejected') return { kind: 'refused', message: reasons[0]?.message ?? 'refused' };
      const version = update.version_after === null ? null : Number(update.version_after);
      if (outcome !== 'pending') return { kind: 'done', outcome, version };
    }
    throw new Error(`run ${run.run_id} has neither an operation nor an outcome`);
  };

  const write = async (runId: string, answered: Answered): Promise<SelectionWritten> => {
    const run = await ledger.runs.get(runId);
    const who = { tenant: pace.tenant, campaignId: run.target, runNo: run.run_no };
    return inTurn(ledger, who, () => tryOnce(run, answered));
  };

  return Object.assign(write, { leaveConflict: settling.leaveConflict });
}
