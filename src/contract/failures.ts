/** How a run fails: the same for workflows and activities, and what every client sees. */
import { ApplicationFailure } from '@temporalio/common';

/** The types of failure a run can end with; none of them is retryable. `message` states what happened, where, and what to do. */
export type RunFailureType =
  | 'InvalidInput'
  | 'AlreadyRun'
  | 'SourceUnreadable'
  | 'CredentialsRefused'
  | 'ScopeMissing'
  | 'NotFound'
  | 'Refused'
  | 'Conflict'
  | 'LedgerRefused'
  | 'Bug';

/** Ends the run; Temporal does not retry it. */
export function fatalFailure(type: RunFailureType, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}
