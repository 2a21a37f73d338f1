/** How a run fails: the same for workflows and activities, and what every client sees. */
import { ApplicationFailure } from '@temporalio/common';
import { shorten } from '../domain/shorten.ts';

/** The types of failure a run can end with; none is retryable. `message` states what happened, where, and what to do. */
export type RunFailureType =
  | 'InvalidInput'
  | 'AlreadyRun'
  | 'SourceUnreadable'
  | 'CredentialsRefused'
  | 'ScopeMissing'
  | 'NotFound'
  | 'Refused'
  | 'Conflict'
  /** The campaign has too little room. */
  | 'NoCapacity'
  /** CXone's suppression list looks wrong, and nobody has accepted it. */
  | 'SuppressionsDoubtful'
  | 'LedgerRefused'
  /** The ledger knows less of the run than the run itself, because it was restored from a backup. */
  | 'LedgerRestored'
  /** The execution in Temporal ended without closing the run: stored by a worker, not thrown. */
  | 'ExecutionEnded'
  | 'Bug';

/** The innermost failure: what Temporal reports of an activity or a workflow wraps it. */
export function rootCause(error: Error): Error {
  let innermost = error;
  for (let { cause } = error; cause instanceof Error; { cause } = cause) innermost = cause;
  return innermost;
}

/** Longer ones would make the history grow with the input, until Temporal ends the run. */
export const MAX_FAILURE_LENGTH = 4_000;

/** Of what Temporal says about the end of an execution. */
const MAX_CAUSE_LENGTH = 1_000;

/** A detail of an InvalidInput: our rules have refused what the input asks for. So it counts as a violation (docs/metrics.md). */
export const BREAKS_RULES = 'breaks_rules';

/** @internal Ends the run; Temporal does not retry it. */
export function fatalFailure(
  type: RunFailureType,
  message: string,
  ...details: readonly string[]
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    details: [...details],
    message: shorten(message, MAX_FAILURE_LENGTH),
    nonRetryable: true,
  });
}

/** @internal What to say of a run whose execution ended without closing it. `why`: as far as it is known. */
export function describeEndedOutside(why: string | null): string {
  const known = why === null ? '' : ` (${shorten(why, MAX_CAUSE_LENGTH)})`;
  return `the workflow ended without closing the run${known}; start it again under its id to continue`;
}
