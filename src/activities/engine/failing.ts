/**
 * A write that always fails, although CXone answers others, must not be repeated for ever: it is divided until the record at
 * fault is alone, and that one is given up. An outage looks the same for a single write, so CXone is probed first.
 */
import { type CxoneError, CxoneNoAnswer, CxoneRateLimited } from '../../cxone/errors.ts';
import type { DerivedWrite } from '../../ledger/writes/settlements.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import { bisect } from './bisect.ts';
import { classifyPriorAttempt } from './prior-attempt.ts';

/** So many equal failures in a row raise the question whose fault they are. */
const MAX_EQUAL_FAILURES = 4;

export function failsRepeatedly({ failures }: Pick<OpenWrite, 'failures'>): boolean {
  return failures >= MAX_EQUAL_FAILURES;
}

/** Names a failure, so that equal ones are recognised. Null: it says nothing about the write, since nothing was sent. */
export function nameFailure(error: CxoneError): string | null {
  if (error instanceof CxoneRateLimited) return null;
  if (error instanceof CxoneNoAnswer)
    return error.applied === 'no' && error.reason !== 'timeout' ? null : `${error.name} ${error.reason}`;
  return `${error.name} ${error.status}`;
}

/** Two writes instead of one. If an answer was lost, each of them may have been applied. */
export function divide(write: OpenWrite, { applied }: CxoneError): DerivedWrite[] {
  const mayBeApplied = applied === 'unknown' || classifyPriorAttempt(write, write.lostAnswers) !== 'none';
  const refs = { ...(write.refs as object | null), ...(mayBeApplied && { halved: true }) };
  return bisect(write.seqs.toSorted((a, b) => a - b)).map((seqs) => ({ kind: write.kind, seqs, refs }));
}
