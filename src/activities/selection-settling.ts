/** How one try to write a selection is settled: outcome, what stands at CXone now, audit and event, all or nothing. */
import type { UpdateSelectionAnswer } from '../cxone/outbound.ts';
import { type CxoneError, CxoneRateLimited } from '../cxone/errors.ts';
import type { Reason } from '../domain/run.ts';
import type { Conflict } from '../domain/selection-merge.ts';
import { sameSelection } from '../domain/selection-places.ts';
import { type ContactSelection, readSelection } from '../domain/selection-update.ts';
import type { Snapshot } from '../ledger/campaigns.ts';
import type { OpenOperation } from '../ledger/operations.ts';
import type { Run } from '../ledger/runs.ts';
import type { SelectionSettlement, SelectionUpdate } from '../ledger/selections.ts';
import { passes } from './failures.ts';
import {
  type AuditFacts,
  auditEntry,
  checkCompliance,
  type ComplianceFlags,
  EVENT,
  NOTHING_RAN,
  renderEvent,
} from './selection-audit.ts';
import type { SelectionDeps, SelectionWritten } from './selection-update.ts';
import { describeConflict } from './selection-wish.ts';

/** Everything that one try is about. */
export interface Attempt {
  readonly run: Run;
  readonly update: SelectionUpdate;
  readonly operation: OpenOperation;
  readonly theirs: Snapshot;
  /** Was it sent before, without an answer? */
  readonly mayBeOurs: boolean;
}

export interface Payload {
  readonly selection: ContactSelection;
  readonly sha256: string;
  readonly flags: ComplianceFlags;
}

export const theirsOf = ({ theirs }: Pick<Attempt, 'theirs'>): ContactSelection =>
  readSelection(theirs.selection);

export function createSelectionSettling(deps: SelectionDeps) {
  const { ledger, pace } = deps;

  const settle = async (
    { run, operation, theirs }: Attempt,
    settlement: Pick<SelectionSettlement, 'outcome' | 'fence'> & Partial<SelectionSettlement>,
    facts: Partial<AuditFacts> & Pick<AuditFacts, 'result' | 'details'>,
  ): Promise<void> => {
    const { httpStatus = null, latencyMs = null } = settlement;
    const mine = await ledger.selections.settle({
      runNo: run.run_no,
      operationId: operation.id,
      event: null,
      ...settlement,
      audit: auditEntry({
        campaignId: run.target,
        payloadHash: null,
        versionBefore: theirs.version,
        versionAfter: null,
        complianceFlags: NOTHING_RAN,
        httpStatus,
        latencyMs: latencyMs === null ? null : Math.round(latencyMs),
        ...facts,
      }),
    });
    if (!mine) throw passes('OperationsInFlight', 'another try has taken it over', 500);
  };

  /** Told to the CRM, if there is one. */
  const eventOf = (run: Run, flags: ComplianceFlags): SelectionSettlement['event'] =>
    deps.tells ? { name: EVENT, body: (ids) => renderEvent(run, flags, ids) } : null;

  const done = (outcome: 'updated' | 'existing', version: number | null): SelectionWritten => ({
    kind: 'done',
    outcome,
    version,
  });

  /** The PATCH whose answer never came was carried out: what it was to make of the campaign is what stands there. */
  const ownWrite = async (attempt: Attempt, evidence: string): Promise<SelectionWritten> => {
    const { run, update, theirs } = attempt;
    const flags = checkCompliance(readSelection(update.sent), theirsOf(attempt), takenOff(update));
    await settle(
      attempt,
      {
        outcome: 'updated',
        fence: null,
        evidence,
        written: { version: theirs.version },
        event: eventOf(run, flags),
      },
      {
        result: 'COMPLETED',
        payloadHash: update.sent_sha256,
        versionAfter: theirs.version,
        complianceFlags: flags,
        details: 'The answer was lost; our selection stands there',
      },
    );
    return done('updated', theirs.version);
  };

  const unchanged = async (attempt: Attempt, kept: readonly Conflict[]): Promise<SelectionWritten> => {
    const reasons: Reason[] = kept.map(({ place }) => ({ code: 'theirs_kept', field: place }));
    await settle(
      attempt,
      {
        outcome: 'existing',
        fence: null,
        reasons: reasons.length > 0 ? reasons : [{ code: 'nothing_to_change' }],
      },
      {
        result: 'UNCHANGED',
        details: kept.length > 0 ? 'Their changes were kept' : 'It stands there already',
      },
    );
    return done('existing', attempt.theirs.version);
  };

  /** It was not applied, and now another payload is to be sent: by another operation. */
  const notApplied = (attempt: Attempt): Promise<void> => {
    const facts = { result: 'FAILED', details: 'The answer was lost; it was not applied' } as const;
    return settle(attempt, { outcome: 'outdated', fence: null }, facts);
  };

  const answer = async (
    attempt: Attempt,
    { selection, sha256: payloadHash, flags }: Payload,
    fence: number,
    given: UpdateSelectionAnswer,
    latencyMs: number,
  ): Promise<SelectionWritten> => {
    const { status: httpStatus, requestId } = given;
    const common = { fence, httpStatus, latencyMs, requestId };
    const facts = { payloadHash, complianceFlags: flags };
    if (given.kind === 'outdated') {
      const details = 'Somebody else wrote since; fetched again and merged';
      await settle(attempt, { ...common, outcome: 'outdated' }, { ...facts, result: 'FAILED', details });
      return { kind: 'outdated', version: attempt.theirs.version };
    }
    if (given.kind === 'refused') {
      const reasons = [{ code: 'refused', message: given.message }];
      const details = `Refused: ${given.message}`;
      await settle(
        attempt,
        { ...common, outcome: 'rejected', reasons },
        { ...facts, result: 'FAILED', details },
      );
      return { kind: 'refused', message: given.message };
    }
    const isAsSent = sameSelection(readSelection(given.selection), selection);
    const details = isAsSent ? 'Updated' : 'Updated, and CXone answered with another selection';
    const reasons: Reason[] = isAsSent ? [] : [{ code: 'answered_differently' }];
    const written = { version: given.version };
    const event = eventOf(attempt.run, flags);
    await settle(
      attempt,
      { ...common, outcome: 'updated', written, event, ...(reasons.length > 0 && { reasons }) },
      { ...facts, result: 'COMPLETED', versionAfter: given.version, details },
    );
    return done('updated', given.version);
  };

  /** Nothing came back, or nothing that says what became of it. Audited like an answer: S3 lost sight of these. */
  const failure = async (
    { run, operation, theirs }: Attempt,
    { sha256: payloadHash, flags }: Payload,
    fence: number,
    error: CxoneError,
    startedAt: number,
  ): Promise<void> => {
    if (error.applied === 'no') await ledger.operations.release(operation.id, fence);
    else await ledger.operations.loseAnswer(operation.id, fence);
    if (error instanceof CxoneRateLimited && error.retryAfterMs !== null)
      await pace.block(error.retryAfterMs);
    const { action, data } = auditEntry({
      campaignId: run.target,
      payloadHash,
      result: 'FAILED',
      latencyMs: Math.round(performance.now() - startedAt),
      httpStatus: error.status,
      versionBefore: theirs.version,
      versionAfter: null,
      complianceFlags: flags,
      details: error.message,
    });
    await ledger.audit.add(run.run_id, action, data);
  };

  const leaveConflict = async (runId: string, why: string): Promise<void> => {
    const run = await ledger.runs.get(runId);
    const update = await ledger.selections.get(run.run_no);
    const [operation] = await ledger.operations.open(run.run_no, 1, 1);
    if (!operation) return;
    const theirs = await ledger.campaigns.snapshot(update.from_snapshot ?? update.base_snapshot);
    const conflicts = (update.conflicts ?? []) as readonly Conflict[];
    const reasons: Reason[] = conflicts.map((conflict) => ({
      code: 'changed_differently',
      field: conflict.place,
      message: describeConflict(conflict),
    }));
    await settle(
      { run, update, operation, theirs, mayBeOurs: false },
      {
        outcome: 'conflict',
        fence: null,
        reasons: reasons.length > 0 ? reasons : [{ code: 'changing_too_fast' }],
      },
      { result: 'FAILED', details: why },
    );
  };

  return { ownWrite, unchanged, notApplied, answer, failure, leaveConflict };
}

/** Exclusions that the wish takes off, or makes targets. */
export function takenOff({ base, wish }: SelectionUpdate): string[] {
  const [before, ours] = [readSelection(base), readSelection(wish)];
  const removed = before.exclusionListIds.filter((id) => !ours.exclusionListIds.includes(id));
  return [...removed, ...ours.targetListIds];
}
