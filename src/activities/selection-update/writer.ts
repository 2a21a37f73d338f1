/**
 * One attempt to write a selection: read the campaign, reconcile what an earlier attempt may have applied, merge, claim,
 * PATCH, settle. Meanwhile no other run of ours works on the campaign; what CXone accepts is decided by the version.
 */
import { Context } from '@temporalio/activity';
import { selectionUpdate as spec } from '../../contract/selection-update.ts';
import { diffSelections } from '../../domain/selection-update/diff.ts';
import { replacePlaces, sameSelection } from '../../domain/selection-update/places.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import { canonicalize, sha256 } from '../../ledger/hashing.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { SelectionUpdate } from '../../ledger/selections/selections.ts';
import { Attempts, type HeldWrite } from '../engine/attempt.ts';
import { OWN_OR_EXISTING } from '../engine/evidence.ts';
import { ALWAYS_FAILS, alwaysFails } from '../engine/failing.ts';
import type { Plan } from '../engine/plan.ts';
import { runInput } from '../engine/run-input.ts';
import { takeOver } from '../engine/step.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { isAbort, retryableFailure } from '../failures.ts';
import { auditUnanswered, describeRefusal, settleAnswer } from './answers.ts';
import {
  PATCH_RULES,
  type Payload,
  removedExclusions,
  type SelectionAttempt,
  type SelectionDeps,
  type SelectionWritten,
  theirSelection,
} from './attempt.ts';
import { Audited, checkCompliance } from './audit.ts';
import { readCampaign } from './campaign.ts';
import { withCampaignLock } from './campaign-lock.ts';
import {
  type Answered,
  breaksRules,
  goesBeyondPlan,
  mergeDesired,
  type ResolvedPlace,
  resolvedPlaces,
  toShown,
} from './desired.ts';
import { giveUp } from './giving-up.ts';
import {
  abandonedPlaces,
  disputedPlaces,
  findLostWrite,
  type LostWrite,
  mayBeApplied,
  OWN_WRITE,
} from './lost-write.ts';
import { replacedWrite, settleNotApplied, settleOwnWrite, settleUnchanged } from './settle.ts';

export async function writeSelection(
  deps: SelectionDeps,
  runId: string,
  answered: Answered,
): Promise<SelectionWritten> {
  const run = await takeOver(deps.ledger, runId);
  const { tenant } = deps.rateLimiter;
  const who = { tenant, campaignId: run.target, runNo: run.run_no };
  return withCampaignLock(deps.ledger, who, () => attemptOnce(deps, run, answered));
}

async function attemptOnce(deps: SelectionDeps, run: Run, answered: Answered): Promise<SelectionWritten> {
  const { ledger } = deps;
  const update = await ledger.selections.get(run.run_no);
  const [write] = await ledger.writes.listOpen(run.run_no, 1, 1);
  // An earlier attempt settled it, and its result did not reach Temporal.
  if (!write) return settledEarlier(deps, run, update);
  const liveMs = await ledger.writes.remainingLeaseMs(run.run_no);
  if (liveMs > 0) throw retryableFailure('WritesInFlight', 'the PATCH may still be in flight', liveMs + 100);
  const theirs = await readCampaign(deps, run.target, mayBeApplied(write) ? MAY_BE_APPLIED : undefined);
  const lost = await findLostWrite(ledger, update, write, theirs);
  const attempt: SelectionAttempt = { run, update, write, theirs, lost };
  return lost === null ? merge(deps, attempt, answered) : reconcile(deps, attempt, lost, answered);
}

const MAY_BE_APPLIED = 'The answer to a PATCH of this run was lost, and it may have been applied';

/** First what became of the write whose answer was lost. It is sent again only unchanged, under its version. */
async function reconcile(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  lost: LostWrite,
  answered: Answered,
): Promise<SelectionWritten> {
  const resolved = resolvedInLostWrite(attempt, lost, answered);
  switch (lost.verdict) {
    case 'open':
      return send(deps, attempt, toPayload(attempt, lost.sent, resolved));
    case 'applied':
      return settleOwnWrite(deps, attempt, lost, { evidence: OWN_WRITE, resolved });
    case 'not_applied':
      await settleNotApplied(deps, attempt, lost);
      return { kind: 'outdated', version: attempt.theirs.version };
    case 'unknown':
      // All of the intended change is in place, whether we or somebody else made it.
      if (lost.missing.length === 0)
        return settleOwnWrite(deps, attempt, lost, { evidence: OWN_OR_EXISTING, resolved });
      return merge(deps, attempt, answered);
  }
}

async function merge(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  answered: Answered,
): Promise<SelectionWritten> {
  const { run, update, write, lost } = attempt;
  const theirs = theirSelection(attempt);
  const ours = readSelection(update.desired);
  // A change that was abandoned counts as if it had been there before, so that the merge does not make it again.
  const base = replacePlaces(readSelection(update.base), ours, abandonedPlaces(write));
  const disputed = lost ? disputedPlaces(lost) : undefined;
  const merged = mergeDesired({ base, theirs, ours }, runInput(spec, run), answered, disputed);
  if (merged.kind === 'broken') throw breaksRules('as CXone has it', merged.problems);
  if (merged.kind === 'conflict') {
    const conflicts = merged.open.map((conflict) => ({ ...conflict, hash: toShown(conflict).hash }));
    await deps.ledger.selections.saveConflicts(run, conflicts);
    return { kind: 'conflict', conflicts: merged.open.map(toShown) };
  }
  const { selection } = merged;
  const resolved = resolvedPlaces(merged.resolved, answered);
  if (!sameSelection(selection, theirs)) {
    if (await exceedsApproval(deps, attempt, selection, answered)) return { kind: 'unplanned' };
    return send(deps, attempt, toPayload(attempt, selection, resolved));
  }
  // A part of the lost write is in place, and where the rest is not, theirs was kept.
  if (lost?.isPartlyApplied !== true) return settleUnchanged(deps, attempt, resolved);
  const before = resolvedInLostWrite(attempt, lost, answered);
  return settleOwnWrite(deps, attempt, lost, { evidence: OWN_OR_EXISTING, resolved: before, kept: resolved });
}

/** The run requires an approval, and what would be written is not what was approved. */
async function exceedsApproval(
  { ledger }: SelectionDeps,
  { run, update, theirs }: SelectionAttempt,
  selection: ContactSelection,
  answered: Answered,
): Promise<boolean> {
  if (runInput(spec, run).approval !== true) return false;
  const { options } = run.plan as Plan;
  const { snapshot } = options as { readonly snapshot: string };
  const atPlan = readSelection((await ledger.campaigns.getSnapshot(snapshot)).selection);
  const written = diffSelections(readSelection(theirs.selection), selection);
  return goesBeyondPlan({ ...desiredIn(update), theirs: atPlan }, runInput(spec, run), written, answered);
}

/** The conflicts that were resolved before the PATCH left whose answer was lost. */
function resolvedInLostWrite(
  { run, update }: SelectionAttempt,
  { from }: LostWrite,
  answered: Answered,
): ResolvedPlace[] {
  const sides = { ...desiredIn(update), theirs: readSelection(from.selection) };
  const merged = mergeDesired(sides, runInput(spec, run), answered);
  return merged.kind === 'merged' ? resolvedPlaces(merged.resolved, answered) : [];
}

function toPayload(
  attempt: SelectionAttempt,
  selection: ContactSelection,
  resolved: readonly ResolvedPlace[],
): Payload {
  const flags = checkCompliance(selection, theirSelection(attempt), removedExclusions(attempt.update));
  return { selection, resolved, flags, sha256: sha256(canonicalize(selection)) };
}

/** What is sent is stored with the claim, so that the next attempt knows what may have been applied. */
async function send(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  payload: Payload,
): Promise<SelectionWritten> {
  const signal = AbortSignal.any([deps.draining, Context.current().cancellationSignal]);
  // The campaign is locked: whoever waits for the end of a block waits without the lock.
  const attempts = new Attempts({ ...deps, signal, longestBlockMs: 0 });
  try {
    const held = await claim(deps, attempts, attempt, payload);
    if (held === 'halted') return { kind: 'halted' };
    return await patch(
      deps,
      attempts,
      held,
      { ...attempt, write: { ...attempt.write, id: held.id } },
      payload,
    );
  } catch (error) {
    if (isAbort(error)) await throwIfStopping(deps.draining);
    throw error;
  }
}

async function claim(
  { ledger }: SelectionDeps,
  attempts: Attempts,
  attempt: SelectionAttempt,
  { selection, sha256: hash }: Payload,
): Promise<HeldWrite | 'halted'> {
  const { run, write, theirs, lost } = attempt;
  const claimed = await attempts.claim(run.run_no, write.id, PATCH_RULES, (plain) =>
    ledger.selections.claim({
      ...plain,
      // An expired lease is a lost answer that nobody has recorded yet.
      lostAnswers: write.lostAnswers + (write.state === 'sending' ? 1 : 0),
      sent: { snapshot: theirs.id, selection, sha256: hash },
      replaces: lost?.verdict === 'unknown' ? replacedWrite(attempt, lost, selection) : null,
    }),
  );
  if (claimed.verdict === 'held') return claimed.write;
  if (claimed.verdict === 'paused' || claimed.verdict === 'stopped') return 'halted';
  throw retryableFailure('WritesInFlight', 'another attempt holds the write', 1_000);
}

async function patch(
  deps: SelectionDeps,
  attempts: Attempts,
  held: HeldWrite,
  attempt: SelectionAttempt,
  payload: Payload,
): Promise<SelectionWritten> {
  const { document, version } = attempt.theirs;
  const request = () =>
    deps.cxone.outbound.updateSelection({
      campaignId: attempt.run.target,
      document,
      version,
      selection: { ...payload.selection },
      beforeSend: () => held.lease.check(),
    });
  const result = await attempts.send(held, PATCH_RULES, request, {
    // The campaign was read before. That is another kind of request, so it shows only that CXone is there.
    giveUp: async (error) =>
      alwaysFails(attempt.write, error) ? giveUp(deps, attempt, payload, held, error) : null,
  });
  if (result.kind === 'given_up') return result.ending;
  if (result.kind === 'answered')
    return settleAnswer(deps, attempt, payload, { ...result, fence: held.fence });
  // No gate of a selection update throws it.
  if (result.kind === 'left') throw result.error;
  if (result.kind === 'unsent') {
    await throwIfStopping(deps.draining);
    throw retryableFailure('WritesInFlight', `nothing was sent: ${result.error.message}`, 500);
  }
  await auditUnanswered(deps, attempt, payload, result);
  throw new Audited(result.error);
}

async function settledEarlier(
  { ledger }: SelectionDeps,
  run: Run,
  update: SelectionUpdate,
): Promise<SelectionWritten> {
  for await (const { outcome, reasons } of ledger.records.list(run.run_no)) {
    const [reason] = reasons;
    if (outcome === 'rejected')
      return reason?.code === ALWAYS_FAILS
        ? { kind: 'given_up', message: reason.message ?? ALWAYS_FAILS }
        : { kind: 'refused', message: describeRefusal(run) };
    const version = update.version_after === null ? null : Number(update.version_after);
    if (outcome !== 'pending') return { kind: 'done', outcome, version };
  }
  throw new Error(`run ${run.run_id} has neither an open write nor an outcome`);
}

const desiredIn = ({ base, desired }: SelectionUpdate) => ({
  base: readSelection(base),
  ours: readSelection(desired),
});
