/** Settles one attempt to write a selection: outcome, the version that CXone has now, audit and event, all or nothing. */
import type { Reason } from '../../domain/run.ts';
import { diffSelections } from '../../domain/selection-update/diff.ts';
import type { Conflict } from '../../domain/selection-update/merge.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Snapshot } from '../../ledger/selections/campaigns.ts';
import type { Replaced, SelectionSettlement } from '../../ledger/selections/writes.ts';
import { takeOver } from '../engine/step.ts';
import { retryableFailure } from '../failures.ts';
import {
  removedExclusions,
  type SelectionAttempt,
  type SelectionDeps,
  type SelectionWritten,
  theirSelection,
} from './attempt.ts';
import {
  type AuditFacts,
  auditEntry,
  checkCompliance,
  EVENT,
  renderEvent,
  type WrittenFacts,
} from './audit.ts';
import { describeConflict, type ResolvedPlace } from './desired.ts';
import {
  abandonedPlaces,
  type LostWrite,
  mayBeApplied,
  OWN_WRITE,
  type SelectionRefs,
} from './lost-write.ts';

type Facts = Partial<AuditFacts> & Pick<AuditFacts, 'result' | 'details'>;

/** A write whose lost answer turned out to be a success. */
export interface OwnWrite {
  readonly evidence: string;
  /** Conflicts that were resolved before it left. */
  readonly resolved: readonly ResolvedPlace[];
  /** Places where somebody else has undone a part of it since, and theirs was kept. */
  readonly kept?: readonly ResolvedPlace[];
}

export async function settleOwnWrite(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  lost: LostWrite,
  { evidence, resolved, kept = [] }: OwnWrite,
): Promise<SelectionWritten> {
  const { run, update } = attempt;
  const from = readSelection(lost.from.selection);
  const flags = checkCompliance(lost.sent, from, removedExclusions(update));
  const version = lost.from.version + 1;
  const reasons = keptReasons(kept);
  await settle(
    deps,
    attempt,
    {
      outcome: 'updated',
      fence: null,
      evidence,
      written: { version },
      // What was measured belongs to an answer, and this write has none.
      event: emittedEvent(deps, run, { flags, latencyMs: null, cxoneMs: null }),
      ...(reasons.length > 0 && { reasons }),
    },
    {
      result: 'COMPLETED',
      payloadHash: update.sent_sha256,
      versionBefore: lost.from.version,
      versionAfter: version,
      complianceFlags: flags,
      resolved: [...resolved, ...kept],
      details: `The answer was lost; ${describeOwnWrite(evidence, reasons)}`,
    },
  );
  return { kind: 'done', outcome: 'updated', version };
}

function describeOwnWrite(evidence: string, kept: readonly Reason[]): string {
  if (evidence === OWN_WRITE) return 'the write was applied';
  return `${kept.length > 0 ? 'part of ' : ''}the intended change is in place`;
}

export async function settleUnchanged(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  resolved: readonly ResolvedPlace[],
): Promise<SelectionWritten> {
  const kept = keptReasons(resolved);
  const doubt = attempt.lost ? `. ${describeDoubt(attempt.lost.from)}` : '';
  const reasons = kept.length > 0 ? kept : [{ code: 'nothing_to_change' }];
  const what =
    kept.length > 0 ? 'The changes of others were kept' : 'The campaign has this selection already';
  await settle(
    deps,
    attempt,
    { outcome: 'existing', fence: null, reasons },
    { result: 'UNCHANGED', resolved, details: what + doubt },
  );
  return { kind: 'done', outcome: 'existing', version: attempt.theirs.version };
}

/** The campaign has moved past the version that the lost write was guarded by, so it can never be applied any more. */
export function settleNotApplied(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  { from }: LostWrite,
): Promise<void> {
  return settle(
    deps,
    attempt,
    { outcome: 'outdated', isDecided: true, fence: null },
    {
      result: 'FAILED',
      versionBefore: from.version,
      details: 'The answer was lost; the write was not applied',
    },
  );
}

/**
 * A new write replaces one that may have been applied. Where the policy or a person decided for the other side, our change
 * is abandoned: otherwise the next merge, no longer in doubt, would bring it back.
 */
export function replacedWrite(
  attempt: SelectionAttempt,
  { from, missing }: LostWrite,
  selection: ContactSelection,
): Replaced {
  const { run, write, update } = attempt;
  const written = diffSelections(theirSelection(attempt), selection).map(({ place }) => place);
  const abandoned = missing.filter((place) => !written.includes(place));
  return {
    attempts: write.attempts,
    refs: { abandoned: [...abandonedPlaces(write), ...abandoned] } satisfies SelectionRefs,
    audit: toAuditEntry(run, from, {
      result: 'FAILED',
      payloadHash: update.sent_sha256,
      details: `${describeDoubt(from)}. Where it is not in place now, it was decided which side counts`,
    }),
  };
}

/** Nobody resolved the conflicts: the record ends in conflict, and nothing was written for it. */
export async function leaveConflict(
  deps: SelectionDeps,
  runId: string,
  why: string,
  resolved: readonly ResolvedPlace[],
): Promise<void> {
  const { ledger } = deps;
  const run = await takeOver(ledger, runId);
  const update = await ledger.selections.get(run.run_no);
  const [write] = await ledger.writes.listOpen(run.run_no, 1, 1);
  if (!write) return;
  const theirs = await ledger.campaigns.getSnapshot(update.from_snapshot ?? update.base_snapshot);
  const conflicts = (update.conflicts ?? []) as readonly Conflict[];
  const doubt = mayBeApplied(write) ? describeDoubt(theirs) : null;
  const reasons: Reason[] = conflicts.map((conflict) => ({
    code: 'changed_differently',
    field: conflict.place,
    message: describeConflict(conflict),
  }));
  if (reasons.length === 0) reasons.push({ code: 'changing_too_fast' });
  if (doubt !== null) reasons.push({ code: 'answer_lost', message: doubt });
  const details = doubt === null ? why : `${why}. ${doubt}`;
  const attempt = { run, update, write, theirs, lost: null };
  await settle(
    deps,
    attempt,
    { outcome: 'conflict', fence: null, reasons },
    { result: 'FAILED', resolved, details },
  );
}

/** Throws WritesInFlight if another attempt holds the write by now. */
export async function settle(
  { ledger }: SelectionDeps,
  { run, write, theirs }: SelectionAttempt,
  settlement: Pick<SelectionSettlement, 'outcome' | 'fence'> & Partial<SelectionSettlement>,
  facts: Facts,
): Promise<void> {
  const { httpStatus = null, latencyMs = null, cxoneMs = null } = settlement;
  const settled = await ledger.selections.settle({
    runNo: run.run_no,
    writeId: write.id,
    attempts: write.attempts,
    event: null,
    ...settlement,
    audit: toAuditEntry(run, theirs, { httpStatus, latencyMs, cxoneMs, ...facts }),
  });
  if (!settled) throw retryableFailure('WritesInFlight', 'another attempt has taken over the write', 500);
}

export function toAuditEntry(run: Run, { version }: Snapshot, facts: Facts) {
  const latencyMs = roundMs(facts.latencyMs);
  return auditEntry({ campaignId: run.target, versionBefore: version, ...facts, latencyMs });
}

const roundMs = (ms: number | null | undefined): number | null => (ms == null ? null : Math.round(ms));

export function emittedEvent(
  deps: SelectionDeps,
  run: Run,
  { flags, latencyMs, cxoneMs }: WrittenFacts,
): SelectionSettlement['event'] {
  if (deps.webhooks[EVENT.endpoint] === null) return null;
  const facts = { flags, latencyMs: roundMs(latencyMs), cxoneMs };
  return { name: EVENT.name, body: (ids) => renderEvent(run, facts, ids) };
}

function keptReasons(resolved: readonly ResolvedPlace[]): Reason[] {
  return resolved.flatMap(({ place, side }) =>
    side === 'theirs' ? [{ code: 'theirs_kept', field: place }] : [],
  );
}

export function describeDoubt({ version }: Snapshot): string {
  return `The answer to our write over version ${version} was lost, and it may have been applied`;
}
