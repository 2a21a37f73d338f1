/**
 * Counts the failures of one kind in a row of each activity, so that what fails for ever can be ended. In this process only:
 * Temporal's own attempt number also counts those of an outage. So each worker counts its own attempts, and a worker that
 * starts begins anew, which only permits more attempts (docs/adr/0020-one-attempt.md#retries).
 */
import { asyncLocalStorage, Context } from '@temporalio/activity';
import { LONGEST_GAP_MS } from '../domain/timeouts.ts';

/** Counts of activities that other workers took over are never reset. The oldest are dropped. */
const MAX_COUNTED = 1_000;

interface Row {
  readonly kind: string;
  readonly count: number;
  readonly sinceMs: number;
  readonly lastMs: number;
}

export class RepeatedFailures {
  /** In the order of their last failures. */
  readonly #rows = new Map<string, Row>();

  /**
   * How many of this kind in a row, this one included, and for how long. The time counts anew if nothing was tried for
   * LONGEST_GAP_MS; `begunAt`: when the attempt that has just failed began, for attempts that may take long.
   */
  count(kind: string, begunAt = Date.now()): { readonly count: number; readonly triedMs: number } {
    const activity = countedActivity();
    const now = Date.now();
    const known = this.#rows.get(activity);
    const row = known?.kind === kind ? known : { kind, count: 0, sinceMs: now, lastMs: now };
    const count = row.count + 1;
    const sinceMs = begunAt - row.lastMs > LONGEST_GAP_MS ? now : row.sinceMs;
    this.#rows.delete(activity);
    const [oldest] = this.#rows.keys();
    if (oldest !== undefined && this.#rows.size >= MAX_COUNTED) this.#rows.delete(oldest);
    this.#rows.set(activity, { kind, count, sinceMs, lastMs: now });
    return { count, triedMs: now - sinceMs };
  }

  reset(): void {
    this.#rows.delete(countedActivity());
  }
}

/** The same for every attempt of an activity, and for no other activity. Throws outside an activity. */
export function currentActivity(): string {
  const { workflowExecution, activityId } = Context.current().info;
  return `${workflowExecution?.runId ?? ''} ${activityId}`;
}

/** Outside an activity, where the activities are called as functions, all count as one. */
const countedActivity = (): string => (asyncLocalStorage.getStore() ? currentActivity() : '');
