/**
 * A write that always fails, although CXone answers others, must not be repeated for ever: it is divided until the record at
 * fault is alone, and that one is given up. An outage must do no more than delay. So CXone has to answer a probe before a
 * write is divided, which does no harm, and a record is given up only if CXone has answered other writes meanwhile.
 */

import { type CxoneError, CxoneNoAnswer, CxoneRateLimited, CxoneUnavailable } from '../../cxone/errors.ts';
import type { ReasonCode } from '../../domain/reasons.ts';
import type { DerivedWrite } from '../../ledger/writes/settlements.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import { bisect } from './bisect.ts';
import { classifyPriorAttempt } from './prior-attempt.ts';

/** So many equal failures in a row raise the question whether the write is their cause. */
export const MAX_EQUAL_FAILURES = 4;

/** The reason of a record that was given up. */
export const ALWAYS_FAILS = 'always_fails' satisfies ReasonCode;

export function failsRepeatedly({ failures }: Pick<OpenWrite, 'failures'>): boolean {
  return failures >= MAX_EQUAL_FAILURES;
}

/**
 * Asked once CXone has answered the probe: did the write fail once more, in the same way? Then it is divided or given up.
 * Another failure is counted anew. `isConclusive`: the write is like its probe.
 */
export function alwaysFails(write: OpenWrite, error: CxoneError, isConclusive = false): boolean {
  if (!failsRepeatedly(write) || nameFailure(error) !== write.failure) return false;
  return write.seqs.length > 1 || write.failsAlone || isConclusive;
}

/** Names a failure, so that equal ones are recognised. Null: it shows nothing about the write. */
export function nameFailure(error: CxoneError): string | null {
  if (error instanceof CxoneRateLimited) return null;
  // CXone itself calls it temporary.
  if (error instanceof CxoneUnavailable && error.retryAfterMs !== null) return null;
  if (error instanceof CxoneNoAnswer) return error.sent ? `${error.name} ${error.reason}` : null;
  return `${error.name} ${error.status}`;
}

/** For the audit and the reasons of a write that always fails. */
export function describeGivenUp({ failures }: OpenWrite, error: CxoneError): string {
  return `${failures + 1} equal failures, although CXone answers others: ${error.message}`;
}

/** This attempt, or an earlier one. */
export function mayBeAppliedAfter(write: OpenWrite, { applied }: CxoneError): boolean {
  return applied === 'unknown' || classifyPriorAttempt(write, write) !== 'none';
}

/** Two writes instead of one. If an answer was lost, each of them may have been applied. */
export function divide(write: OpenWrite, error: CxoneError): DerivedWrite[] {
  const { failingSince } = write;
  const halved = mayBeAppliedAfter(write, error) && { halved: true };
  const refs = { ...(write.refs as object | null), failingSince, ...halved };
  return bisect(write.seqs).map((seqs) => ({ kind: write.kind, seqs, refs }));
}
