/**
 * One try to write a selection: look, reconcile what may have been applied, merge, claim, PATCH, settle. Between the look
 * and the settlement the campaign is ours among the runs of cxflow; what CXone takes is decided by the version.
 */
import { Context } from '@temporalio/activity';
import { CxoneError } from '../../cxone/errors.ts';
import { diffSelections } from '../../domain/selection-update/diff.ts';
import { sameSelection, replacePlaces } from '../../domain/selection-update/places.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import { canonicalize, sha256 } from '../../ledger/hashing.ts';
import type { Snapshot } from '../../ledger/selections/campaigns.ts';
import { LEASE_MARGIN_MS } from '../../ledger/writes/claims.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { SelectionUpdate } from '../../ledger/selections/selections.ts';
import { inTurn } from './campaign-lock.ts';
import { OWN_OR_EXISTING, OWN_WRITE } from '../engine/evidence.ts';
import { retryableFailure } from '../failures.ts';
import { createLease, LeaseExpired, momentNow } from '../engine/lease.ts';
import { RateWait } from '../failures.ts';
import { LONGEST_WAIT_MS } from '../engine/rate-limiter.ts';
import { Audited, checkCompliance } from './audit.ts';
import { disputedOf, abandonedPlaces, type LostWrite, lostWriteOf } from './lost-write.ts';
import {
  type Attempt,
  createSelectionSettling,
  type Payload,
  refusalOf,
  takenOff,
  theirsOf,
} from './settle.ts';
import type { Plan } from '../engine/plan.ts';
import { inputOf, type SelectionDeps, type SelectionWritten } from './index.ts';
import {
  type Answered,
  breaksRules,
  goesBeyond,
  mergeWish,
  settledPlaces,
  type SettledPlace,
  shown,
} from './desired.ts';

/** Source: cxone-api.md "What every answer means", the campaign PATCH; decisions.md 14. */
const PATCH_DEADLINE_MS = 20_000;
const LEASE_MS = PATCH_DEADLINE_MS + LEASE_MARGIN_MS;

export interface WriterDeps extends SelectionDeps {
  readonly look: (campaignId: string) => Promise<Snapshot>;
}

export function createSelectionWriter(deps: WriterDeps) {
  const { ledger, rateLimiter } = deps;
  const settling = createSelectionSettling(deps);

  const tryOnce = async (run: Run, answered: Answered): Promise<SelectionWritten> => {
    const update = await ledger.selections.get(run.run_no);
    const [write] = await ledger.writes.listOpen(run.run_no, 1, 1);
    // A try before this one settled it, and its answer to Temporal was lost.
    if (!write) return settledBefore(run, update);
    const liveMs = await ledger.writes.remainingLeaseMs(run.run_no);
    if (liveMs > 0)
      throw retryableFailure('WritesInFlight', 'the PATCH may still be under way', liveMs + 100);
    const theirs = await deps.look(run.target);
    const lost = await lostWriteOf(ledger, update, write, theirs);
    const attempt: Attempt = { run, update, write, theirs, lost };
    return lost === null ? merge(attempt, answered) : reconcile(attempt, lost, answered);
  };

  /** First what became of the write whose answer never came. It is sent again only as it was, under its version. */
  const reconcile = async (
    attempt: Attempt,
    lost: LostWrite,
    answered: Answered,
  ): Promise<SelectionWritten> => {
    const settled = settledInSent(attempt, lost, answered);
    if (lost.verdict === 'open') return send(attempt, payloadOf(attempt, lost.sent, settled));
    if (lost.verdict === 'applied') return settling.ownWrite(attempt, lost, { evidence: OWN_WRITE, settled });
    // All that it was to change is there, be it by us or by somebody else.
    if (lost.verdict === 'unknown' && lost.missing.length === 0)
      return settling.ownWrite(attempt, lost, { evidence: OWN_OR_EXISTING, settled });
    if (lost.verdict === 'unknown') return merge(attempt, answered);
    await settling.notApplied(attempt, lost);
    return { kind: 'outdated', version: attempt.theirs.version };
  };

  const merge = async (attempt: Attempt, answered: Answered): Promise<SelectionWritten> => {
    const { run, update, write, lost } = attempt;
    const theirs = theirsOf(attempt);
    const ours = readSelection(update.desired);
    // What is not wished any more is as if it had been there before the wish.
    const base = replacePlaces(readSelection(update.base), ours, abandonedPlaces(write));
    const disputed = lost ? disputedOf(lost) : undefined;
    const merged = mergeWish({ base, theirs, ours }, inputOf(run), answered, disputed);
    if (merged.kind === 'broken') throw breaksRules('as CXone has it', merged.problems);
    if (merged.kind === 'conflict') {
      const conflicts = merged.open.map((conflict) => ({ ...conflict, hash: shown(conflict).hash }));
      await ledger.selections.saveConflicts(run.run_no, conflicts);
      return { kind: 'conflict', conflicts: merged.open.map(shown) };
    }
    const { selection } = merged;
    const settled = settledPlaces(merged.resolved, answered);
    if (!sameSelection(selection, theirs)) {
      if (await exceedsApproval(attempt, selection, answered)) return { kind: 'unplanned' };
      return send(attempt, payloadOf(attempt, selection, settled));
    }
    // Some of what was lost is there, and theirs was kept where the rest of it is not.
    if (lost?.isPartlyApplied !== true) return settling.unchanged(attempt, settled);
    const before = settledInSent(attempt, lost, answered);
    return settling.ownWrite(attempt, lost, { evidence: OWN_OR_EXISTING, settled: before, kept: settled });
  };

  /** An approval was asked for, and what is about to be written is not what it was given for. */
  const exceedsApproval = async (
    { run, update, theirs }: Attempt,
    selection: ContactSelection,
    answered: Answered,
  ): Promise<boolean> => {
    if (inputOf(run).approval !== true) return false;
    const { toWrite, options } = run.plan as Plan;
    const { snapshot } = options as { readonly snapshot?: string };
    // Planned by an older version.
    if (snapshot === undefined) return toWrite === 0;
    const atPlan = readSelection((await ledger.campaigns.getSnapshot(snapshot)).selection);
    const written = diffSelections(readSelection(theirs.selection), selection);
    return goesBeyond({ ...wishIn(update), theirs: atPlan }, inputOf(run), written, answered);
  };

  /** What was settled before the PATCH left whose answer never came. */
  const settledInSent = (
    { run, update }: Attempt,
    { from }: LostWrite,
    answered: Answered,
  ): SettledPlace[] => {
    const sides = { ...wishIn(update), theirs: readSelection(from.selection) };
    const merged = mergeWish(sides, inputOf(run), answered);
    return merged.kind === 'merged' ? settledPlaces(merged.resolved, answered) : [];
  };

  const payloadOf = (
    attempt: Attempt,
    selection: ContactSelection,
    settled: readonly SettledPlace[],
  ): Payload => ({
    selection,
    settled,
    sha256: sha256(canonicalize(selection)),
    flags: checkCompliance(selection, theirsOf(attempt), takenOff(attempt.update)),
  });

  /** Claimed before it leaves, and kept with the claim. */
  const send = async (attempt: Attempt, payload: Payload): Promise<SelectionWritten> => {
    const { run, write, theirs, lost } = attempt;
    await rateLimiter.acquire(Context.current().cancellationSignal);
    if (deps.draining.aborted)
      throw retryableFailure('WorkerDraining', 'the worker stops; another one goes on', 0);
    const since = momentNow();
    const claim = await ledger.selections.claim({
      runNo: run.run_no,
      id: write.id,
      leaseMs: LEASE_MS,
      holder: deps.holder,
      tenant: rateLimiter.tenant,
      lostAnswers: write.lostAnswers + (write.state === 'sending' ? 1 : 0),
      sent: { snapshot: theirs.id, selection: payload.selection, sha256: payload.sha256 },
      replaces: lost?.verdict === 'unknown' ? settling.replaced(attempt, lost, payload.selection) : null,
    });
    if (claim.verdict === 'paused' || claim.verdict === 'stopped') return { kind: 'halted' };
    if (claim.verdict === 'blocked') throw new RateWait(Math.min(claim.waitMs, 6 * LONGEST_WAIT_MS));
    if (claim.verdict !== 'claimed') throw retryableFailure('WritesInFlight', 'another try is at it', 1_000);
    const lease = createLease(since, () => Promise.resolve(false));
    const claimed = { ...attempt, write: { ...write, id: claim.id } };
    return patch(claimed, payload, claim.fence, () => lease.check());
  };

  const patch = async (
    attempt: Attempt,
    payload: Payload,
    fence: number,
    beforeSend: () => void,
  ): Promise<SelectionWritten> => {
    const { run, theirs, write } = attempt;
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
        await ledger.writes.release(write.id, fence);
        throw retryableFailure('WritesInFlight', 'the lease ran out before the request left', 500);
      }
      if (!(error instanceof CxoneError)) throw error;
      await settling.failure(attempt, payload, fence, error, startedAt);
      throw new Audited(error);
    }
  };

  const settledBefore = async (run: Run, update: SelectionUpdate): Promise<SelectionWritten> => {
    for await (const { outcome, reasons } of ledger.records.list(run.run_no)) {
      const message = refusalOf(reasons[0]?.message ?? 'refused', readSelection(update.sent));
      if (outcome === 'rejected') return { kind: 'refused', message };
      const version = update.version_after === null ? null : Number(update.version_after);
      if (outcome !== 'pending') return { kind: 'done', outcome, version };
    }
    throw new Error(`run ${run.run_id} has neither a write nor an outcome`);
  };

  const write = async (runId: string, answered: Answered): Promise<SelectionWritten> => {
    const run = await ledger.runs.get(runId);
    const who = { tenant: rateLimiter.tenant, campaignId: run.target, runNo: run.run_no };
    return inTurn(ledger, who, () => tryOnce(run, answered));
  };

  return Object.assign(write, { leaveConflict: settling.leaveConflict });
}

const wishIn = ({ base, desired }: SelectionUpdate) => ({
  base: readSelection(base),
  ours: readSelection(desired),
});
