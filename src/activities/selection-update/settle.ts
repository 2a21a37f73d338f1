/** How one try to write a selection is settled: outcome, what stands at CXone now, audit and event, all or nothing. */
import type { UpdateSelectionAnswer } from '../../cxone/outbound.ts';
import { type CxoneError, CxoneRateLimited } from '../../cxone/errors.ts';
import type { Reason } from '../../domain/run.ts';
import { diffSelections, redactMessage } from '../../domain/selection-update/diff.ts';
import type { Conflict } from '../../domain/selection-update/merge.ts';
import { sameSelection } from '../../domain/selection-update/places.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import type { Snapshot } from '../../ledger/selections/campaigns.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { SelectionSettlement } from '../../ledger/selections/writes.ts';
import type { SelectionUpdate } from '../../ledger/selections/selections.ts';
import { OWN_WRITE } from '../engine/evidence.ts';
import { retryableFailure } from '../failures.ts';
import {
  type AuditFacts,
  auditEntry,
  checkCompliance,
  type ComplianceFlags,
  EVENT,
  NOTHING_RAN,
  renderEvent,
} from './audit.ts';
import { abandonedPlaces, type LostWrite, mayBeApplied, type SelectionRefs } from './lost-write.ts';
import type { SelectionDeps, SelectionWritten } from './index.ts';
import { describeConflict, type SettledPlace } from './desired.ts';

/** Everything that one try is about. */
export interface Attempt {
  readonly run: Run;
  readonly update: SelectionUpdate;
  readonly write: OpenWrite;
  readonly theirs: Snapshot;
  /** It was sent before, and that was not answered. */
  readonly lost: LostWrite | null;
}

export interface Payload {
  readonly selection: ContactSelection;
  readonly sha256: string;
  readonly flags: ComplianceFlags;
  readonly settled: readonly SettledPlace[];
}

export const theirsOf = ({ theirs }: Pick<Attempt, 'theirs'>): ContactSelection =>
  readSelection(theirs.selection);

type Facts = Partial<AuditFacts> & Pick<AuditFacts, 'result' | 'details'>;

function entryOf(run: Run, { version }: Snapshot, facts: Facts) {
  const nothing = { payloadHash: null, httpStatus: null, versionAfter: null, complianceFlags: NOTHING_RAN };
  const latencyMs = facts.latencyMs == null ? null : Math.round(facts.latencyMs);
  return auditEntry({ campaignId: run.target, versionBefore: version, ...nothing, ...facts, latencyMs });
}

export function createSelectionSettling(deps: SelectionDeps) {
  const { ledger, rateLimiter } = deps;

  const settle = async (
    { run, write, theirs }: Attempt,
    settlement: Pick<SelectionSettlement, 'outcome' | 'fence'> & Partial<SelectionSettlement>,
    facts: Facts,
  ): Promise<void> => {
    const { httpStatus = null, latencyMs = null } = settlement;
    const mine = await ledger.selections.settle({
      runNo: run.run_no,
      writeId: write.id,
      attempts: write.attempts,
      event: null,
      ...settlement,
      audit: entryOf(run, theirs, { httpStatus, latencyMs, ...facts }),
    });
    if (!mine) throw retryableFailure('WritesInFlight', 'another try has taken it over', 500);
  };

  /** Told to the CRM, if there is one. */
  const eventOf = (run: Run, flags: ComplianceFlags): SelectionSettlement['event'] =>
    deps.hasSubscriber ? { name: EVENT, body: (ids) => renderEvent(run, flags, ids) } : null;

  const done = (outcome: 'updated' | 'existing', version: number | null): SelectionWritten => ({
    kind: 'done',
    outcome,
    version,
  });

  /**
   * The PATCH whose answer never came was carried out. `settled`: what was settled when it left; `kept`: where somebody has
   * taken something of it back since.
   */
  const ownWrite = async (
    attempt: Attempt,
    lost: LostWrite,
    { evidence, settled, kept = [] }: OwnWrite,
  ): Promise<SelectionWritten> => {
    const { run, update } = attempt;
    const from = readSelection(lost.from.selection);
    const flags = checkCompliance(lost.sent, from, takenOff(update));
    const version = lost.from.version + 1;
    const reasons = theirsKept(kept);
    const what =
      evidence === OWN_WRITE
        ? 'it was applied'
        : `${reasons.length > 0 ? 'a part of ' : ''}what it was to change stands there`;
    await settle(
      attempt,
      {
        outcome: 'updated',
        fence: null,
        evidence,
        written: { version },
        event: eventOf(run, flags),
        ...(reasons.length > 0 && { reasons }),
      },
      {
        result: 'COMPLETED',
        payloadHash: update.sent_sha256,
        versionBefore: lost.from.version,
        versionAfter: version,
        complianceFlags: flags,
        settled: [...settled, ...kept],
        details: `The answer was lost; ${what}`,
      },
    );
    return done('updated', version);
  };

  const theirsKept = (settled: readonly SettledPlace[]): Reason[] =>
    settled.flatMap(({ place, side }) => (side === 'theirs' ? [{ code: 'theirs_kept', field: place }] : []));

  const unchanged = async (attempt: Attempt, settled: readonly SettledPlace[]): Promise<SelectionWritten> => {
    const reasons = theirsKept(settled);
    const doubt = attempt.lost ? `. ${mayHaveBeen(attempt.lost.from)}` : '';
    await settle(
      attempt,
      {
        outcome: 'existing',
        fence: null,
        reasons: reasons.length > 0 ? reasons : [{ code: 'nothing_to_change' }],
      },
      {
        result: 'UNCHANGED',
        settled,
        details: (reasons.length > 0 ? 'Their changes were kept' : 'It stands there already') + doubt,
      },
    );
    return done('existing', attempt.theirs.version);
  };

  /** Its version went by without it: it can never be applied any more. */
  const notApplied = (attempt: Attempt, { from }: LostWrite): Promise<void> => {
    const facts = { result: 'FAILED', versionBefore: from.version } as const;
    const details = 'The answer was lost; it was not applied';
    return settle(attempt, { outcome: 'outdated', isDecided: true, fence: null }, { ...facts, details });
  };

  /**
   * What is sent in its place was decided about by the policy or a person. Where that was for theirs, the wish ends: with
   * the doubt gone, the next merge would take it for one that was never heard.
   */
  const replaced = (attempt: Attempt, { from, missing }: LostWrite, selection: ContactSelection) => {
    const { run, write, update } = attempt;
    const written = diffSelections(theirsOf(attempt), selection).map(({ place }) => place);
    const given = missing.filter((place) => !written.includes(place));
    return {
      attempts: write.attempts,
      refs: { abandoned: [...abandonedPlaces(write), ...given] } satisfies SelectionRefs,
      audit: entryOf(run, from, {
        result: 'FAILED',
        payloadHash: update.sent_sha256,
        details: `${mayHaveBeen(from)}. Where it does not stand now, it was decided whose word counts`,
      }),
    };
  };

  const answer = async (
    attempt: Attempt,
    { selection, sha256: payloadHash, flags, settled }: Payload,
    fence: number,
    given: UpdateSelectionAnswer,
    latencyMs: number,
  ): Promise<SelectionWritten> => {
    const { status: httpStatus, requestId } = given;
    const common = { fence, httpStatus, latencyMs, requestId };
    const facts = { payloadHash, complianceFlags: flags, settled };
    if (given.kind === 'outdated') {
      const details =
        attempt.lost?.verdict === 'open'
          ? 'Another version stands there: somebody else wrote since, or it is ours whose answer was lost'
          : 'Somebody else wrote since; fetched again and merged';
      await settle(attempt, { ...common, outcome: 'outdated' }, { ...facts, result: 'FAILED', details });
      return { kind: 'outdated', version: attempt.theirs.version };
    }
    if (given.kind === 'refused') {
      // The ledger has CXone's words whole; the history and the audit do not.
      const reasons = [{ code: 'refused', message: given.message }];
      const message = refusalOf(given.message, selection);
      const details = `Refused: ${message}`;
      await settle(
        attempt,
        { ...common, outcome: 'rejected', reasons },
        { ...facts, result: 'FAILED', details },
      );
      return { kind: 'refused', message };
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
    { run, write, theirs }: Attempt,
    { sha256: payloadHash, flags, settled }: Payload,
    fence: number,
    error: CxoneError,
    startedAt: number,
  ): Promise<void> => {
    if (error.applied === 'no') await ledger.writes.release(write.id, fence);
    else await ledger.writes.markUnanswered(write.id, fence);
    if (error instanceof CxoneRateLimited && error.retryAfterMs !== null)
      await rateLimiter.block(error.retryAfterMs);
    const { action, data } = entryOf(run, theirs, {
      payloadHash,
      result: 'FAILED',
      latencyMs: performance.now() - startedAt,
      httpStatus: error.status,
      complianceFlags: flags,
      settled,
      details: error.message,
    });
    await ledger.audit.add(run.run_id, action, data);
  };

  const leaveConflict = async (
    runId: string,
    why: string,
    settled: readonly SettledPlace[] = [],
  ): Promise<void> => {
    const run = await ledger.runs.get(runId);
    const update = await ledger.selections.get(run.run_no);
    const [write] = await ledger.writes.listOpen(run.run_no, 1, 1);
    if (!write) return;
    const theirs = await ledger.campaigns.getSnapshot(update.from_snapshot ?? update.base_snapshot);
    const conflicts = (update.conflicts ?? []) as readonly Conflict[];
    const differently: Reason[] = conflicts.map((conflict) => ({
      code: 'changed_differently',
      field: conflict.place,
      message: describeConflict(conflict),
    }));
    const doubt = mayBeApplied(write) ? mayHaveBeen(theirs) : null;
    await settle(
      { run, update, write, theirs, lost: null },
      {
        outcome: 'conflict',
        fence: null,
        reasons: [
          ...(differently.length > 0 ? differently : [{ code: 'changing_too_fast' }]),
          ...(doubt === null ? [] : [{ code: 'answer_lost', message: doubt }]),
        ],
      },
      { result: 'FAILED', settled, details: doubt === null ? why : `${why}. ${doubt}` },
    );
  };

  return { ownWrite, unchanged, notApplied, replaced, answer, failure, leaveConflict };
}

interface OwnWrite {
  readonly evidence: string;
  readonly settled: readonly SettledPlace[];
  readonly kept?: readonly SettledPlace[];
}

export function refusalOf(message: string, { targetListIds, exclusionListIds }: ContactSelection): string {
  return redactMessage(message, [...targetListIds, ...exclusionListIds]);
}

const mayHaveBeen = ({ version }: Snapshot): string =>
  `The answer to our write over version ${version} was lost, and it may have been applied`;

/** Exclusions that the wish takes off, or makes targets. */
export function takenOff({ base, desired }: SelectionUpdate): string[] {
  const [before, ours] = [readSelection(base), readSelection(desired)];
  const removed = before.exclusionListIds.filter((id) => !ours.exclusionListIds.includes(id));
  return [...removed, ...ours.targetListIds];
}
