/**
 * Counts the failures of one kind in a row of each activity, so that what fails for ever can be ended. In this process only:
 * Temporal's own attempt number also counts those of an outage.
 */
import { asyncLocalStorage, Context } from '@temporalio/activity';

/** Counts of activities that other workers took over are never reset; dropping them only permits more attempts. */
const MAX_COUNTED = 1_000;

export class RepeatedFailures {
  readonly #last = new Map<string, { readonly kind: string; readonly count: number }>();

  /** How many of this kind in a row, this one included. */
  count(kind: string): number {
    const activity = countedActivity();
    const last = this.#last.get(activity);
    const count = last?.kind === kind ? last.count + 1 : 1;
    if (this.#last.size >= MAX_COUNTED) this.#last.clear();
    this.#last.set(activity, { kind, count });
    return count;
  }

  reset(): void {
    this.#last.delete(countedActivity());
  }
}

/** The same for every attempt of an activity, and for no other activity. Throws outside an activity. */
export function currentActivity(): string {
  const { workflowExecution, activityId } = Context.current().info;
  return `${workflowExecution?.runId ?? ''} ${activityId}`;
}

/** Outside an activity, where the activities are called as functions, all count as one. */
const countedActivity = (): string => (asyncLocalStorage.getStore() ? currentActivity() : '');
