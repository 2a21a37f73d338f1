/** What CXone's answer to a PATCH, or its absence, means for the selection update. */
import type { CxoneError } from '../../cxone/errors.ts';
import type { UpdateSelectionAnswer } from '../../cxone/outbound.ts';
import { Persons, toMessages } from '../../domain/messages.ts';
import type { Reason } from '../../domain/run.ts';
import { sameSelection } from '../../domain/selection-update/places.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { ALWAYS_FAILS, describeGivenUp, nameFailure } from '../engine/failing.ts';
import type { Payload, SelectionAttempt, SelectionDeps, SelectionWritten } from './attempt.ts';
import { describeDoubt, emittedEvent, settle, toAuditEntry } from './settle.ts';

export async function settleAnswer(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  payload: Payload,
  { fence, answer, latencyMs }: { fence: number; answer: UpdateSelectionAnswer; latencyMs: number },
): Promise<SelectionWritten> {
  const { selection, sha256: payloadHash, flags, resolved } = payload;
  const cxoneMs = answer.kind === 'updated' ? answer.durationMs : null;
  const message = answer.kind === 'updated' ? null : answer.message;
  const messages = message === null ? [] : toMessages([message], personsIn(selection), listIds(selection));
  const { status: httpStatus, requestId } = answer;
  const common = { fence, httpStatus, latencyMs, requestId, cxoneMs, messages };
  const facts = { payloadHash, complianceFlags: flags, resolved };
  if (answer.kind === 'outdated') {
    const details =
      attempt.lost?.verdict === 'open'
        ? 'The campaign has another version: somebody else has written, or our write whose answer was lost was applied'
        : 'Somebody else has written since; the campaign is read again and merged';
    await settle(deps, attempt, { ...common, outcome: 'outdated' }, { ...facts, result: 'FAILED', details });
    return { kind: 'outdated', version: attempt.theirs.version };
  }
  if (answer.kind === 'refused') {
    const reasons = [{ code: 'refused', message: answer.message }];
    const failed = { ...facts, result: 'FAILED', details: 'Refused' } as const;
    await settle(deps, attempt, { ...common, outcome: 'rejected', reasons }, failed);
    return { kind: 'refused', message: describeRefusal(attempt.run) };
  }
  const isAsSent = answer.selection === null || sameSelection(readSelection(answer.selection), selection);
  const details = describeUpdated(answer.selection !== null, isAsSent);
  const settlement = {
    ...common,
    outcome: 'updated' as const,
    written: { version: answer.version },
    event: emittedEvent(deps, attempt.run, { flags, latencyMs, cxoneMs }),
    ...(!isAsSent && { reasons: [{ code: 'answered_differently' }] }),
  };
  const completed = { ...facts, result: 'COMPLETED', versionAfter: answer.version, details } as const;
  await settle(deps, attempt, settlement, completed);
  return { kind: 'done', outcome: 'updated', version: answer.version };
}

/** No answer came, or none that shows whether the write was applied: audited like an answer. */
export async function auditUnanswered(
  { ledger }: SelectionDeps,
  { run, write, theirs }: SelectionAttempt,
  { sha256: payloadHash, flags, resolved }: Payload,
  { error, latencyMs }: { error: CxoneError; latencyMs: number },
): Promise<void> {
  const { action, data } = toAuditEntry(run, theirs, {
    payloadHash,
    result: 'FAILED',
    latencyMs,
    httpStatus: error.status,
    complianceFlags: flags,
    resolved,
    details: error.message,
  });
  // The first of equal failures over one version: a write may be repeated for as long as an outage lasts.
  const failure = nameFailure(error) ?? error.name;
  await ledger.audit.add(run.run_id, action, data, `unanswered ${write.id} ${theirs.version} ${failure}`);
}

/**
 * It always fails, and CXone still has the version over which it was sent. `isPartlyApplied`: but it has some of
 * the change, which only a write makes; so nobody can tell.
 */
export async function settleGivenUp(
  deps: SelectionDeps,
  attempt: SelectionAttempt,
  { sha256: payloadHash, flags, resolved }: Payload,
  { error, fence, isPartlyApplied }: { error: CxoneError; fence: number; isPartlyApplied: boolean },
): Promise<SelectionWritten> {
  const { version } = attempt.theirs;
  const state = isPartlyApplied
    ? `still has version ${version}, but with a part of the change`
    : `still has version ${version}, so nothing was written`;
  const details = `${describeGivenUp(attempt.write, error)}. The campaign ${state}`;
  const outcome = isPartlyApplied ? 'in_doubt' : 'rejected';
  const reasons: Reason[] = [{ code: ALWAYS_FAILS, message: details }];
  if (isPartlyApplied) reasons.unshift({ code: 'answer_lost', message: describeDoubt(attempt.theirs) });
  const { status: httpStatus, requestId } = error;
  await settle(
    deps,
    attempt,
    { fence, outcome, reasons, httpStatus, requestId },
    { result: 'FAILED', payloadHash, complianceFlags: flags, resolved, details },
  );
  return isPartlyApplied ? { kind: 'done', outcome, version } : { kind: 'given_up', message: details };
}

/** The details of a PATCH that was applied. `isReadable`: the selection in the answer is, so it was compared with ours. */
function describeUpdated(isReadable: boolean, isAsSent: boolean): string {
  if (!isReadable)
    return 'Updated, but the selection in the answer cannot be read, and was not compared with ours';
  return isAsSent ? 'Updated' : 'Updated, but CXone answered with a different selection';
}

/** Without what CXone says, which may name somebody: the history and the audit cannot be erased. */
export function describeRefusal({ run_id: runId }: Run): string {
  return `for its message see cxflow show ${runId}`;
}

/** Rules may compare with a number, a name or an address. */
function personsIn({ filterRules }: ContactSelection): Persons {
  const values = filterRules.flatMap(({ value }) => (Array.isArray(value) ? (value as unknown[]) : [value]));
  return new Persons(values.filter((value) => typeof value === 'string'));
}

const listIds = ({ targetListIds, exclusionListIds }: ContactSelection): string[] => [
  ...targetListIds,
  ...exclusionListIds,
];
