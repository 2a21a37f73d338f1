/** What an activity that stores something of a run needs to know about its own attempt. */
import { Context } from '@temporalio/activity';
import type { AttemptTime } from '../../ledger/fence.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { currentActivity } from '../repeated-failures.ts';

/**
 * When Temporal scheduled this attempt. It orders all attempts of all activities with one workflow id, across retries, resets,
 * continue-as-new and new starts, and it comes from Temporal's server, so no worker's clock matters.
 */
export const attemptTime = (): AttemptTime => Context.current().info.currentAttemptScheduledTimestampMs;

/**
 * The run, for a step that stores something of it: from now on no earlier attempt can. Pass on the run itself, because its
 * number alone is not fenced. Errors: Superseded.
 */
export const takeOver = (ledger: Ledger, runId: string): Promise<Run> =>
  ledger.runs.takeOver(runId, attemptTime());

/**
 * As of when the dates in a source are judged: the last start of the run. It is the same for every attempt and worker that
 * stages its rows, and a run that was started again with a corrected source does not take what has happened since its first
 * start for the future, nor an objection for older than it is.
 */
export const readAsOf = ({ started_at, opened_at }: Run): Date =>
  new Date(Math.max(started_at.getTime(), opened_at.getTime()));

/**
 * For the audit entry of an activity: the same for each of its attempts, and for no other activity. `what`: distinguishes the
 * entries of an activity that adds several.
 */
export function activityKey(what = ''): string {
  return `${currentActivity()} ${what}`.trimEnd();
}
