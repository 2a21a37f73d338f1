/**
 * A run whose history grows too long goes on in a new one (docs/adr/0002-pages.md), wherever it waits: messages of others fill
 * a history as well, and Temporal ends a run whose history has 50,000 events.
 */
import { allHandlersFinished, CancellationScope, condition, workflowInfo } from '@temporalio/workflow';
import { parseDuration } from '../../domain/durations.ts';
import { isFatal } from '../policies.ts';
import type { Background } from './background.ts';
import { startDelivery } from './delivery.ts';
import type { Run } from './run.ts';

export const isHistoryLong = (): boolean => workflowInfo().continueAsNewSuggested;

/**
 * Returns only if `isOver` becomes true before everything is ready for the next execution; ends with the cancellation if the
 * run is ending. Updates that have arrived are carried out first; signals go to the next execution.
 */
export async function handOver(run: Run, isOver: () => boolean = () => false): Promise<void> {
  const { inbox } = run.steering;
  const isReady = () => inbox.canBeCarried() && allHandlersFinished();
  const stays = () => isOver() || run.isEnding();
  let delivery: Background | null = null;
  let hadCompanion = false;
  inbox.hold();
  await condition(() => stays() || isReady());
  while (!stays()) {
    delivery = run.delivery;
    delivery?.stop();
    await delivery?.ended;
    hadCompanion ||= (await run.companion?.stop()) ?? false;
    // More may have arrived meanwhile.
    await condition(() => stays() || isReady());
    if (!stays()) await run.continueAsNew(run.carryOver());
  }
  inbox.release();
  if (run.isEnding()) await run.scope.cancelRequested;
  if (delivery) startDelivery(run);
  if (hadCompanion) run.companion?.start();
}

export interface Wait {
  readonly isMet: () => boolean;
  /** A duration, as in the input. */
  readonly deadline: string | undefined;
  readonly summary: string;
}

/** Call it in its phase. Returns when the condition is met or the deadline is over; goes on in a new history if need be. */
export async function waitInPhase(run: Run, { isMet, deadline, summary }: Wait): Promise<void> {
  const ends = deadline === undefined ? undefined : endOf(run, deadline);
  run.resumes = {};
  while (!isMet()) {
    const isEnough = () => isMet() || isHistoryLong();
    const leftMs = ends === undefined ? undefined : Math.max(0, ends - Date.now());
    if (leftMs === undefined) await condition(isEnough);
    else if (!(await condition(isEnough, leftMs, { summary }))) return;
    if (isMet()) return;
    run.deadline = ends;
    await handOver(run, isMet);
    run.deadline = undefined;
  }
}

/** Later moments are waited for without a timer. */
const LONGEST_TIMER_MS = 366 * 24 * 60 * 60_000;

/** Until a moment, in epoch ms, on a durable timer; goes on in a new history if need be. */
export async function waitUntil(run: Run, moment: number, summary: string): Promise<void> {
  for (let leftMs = moment - Date.now(); leftMs > 0; leftMs = moment - Date.now()) {
    if (leftMs > LONGEST_TIMER_MS) await condition(isHistoryLong);
    else if (!(await condition(isHistoryLong, leftMs, { summary }))) return;
    await handOver(run, () => Date.now() >= moment);
  }
}

/** Until somebody has resumed the run, if it is paused; goes on in a new history if need be. */
export async function waitWhilePaused(run: Run): Promise<void> {
  const mayGoOn = () => !run.isPaused();
  // It may have been paused before it was approved, and no longer waits for that.
  if (!mayGoOn() && run.phase !== 'writing') await run.enter('writing');
  while (!mayGoOn()) {
    await condition(() => mayGoOn() || isHistoryLong());
    if (!mayGoOn()) await handOver(run, mayGoOn);
  }
}

/** Epoch ms. A wait that began in an earlier execution does not begin anew. */
function endOf({ phase, resumes }: Run, deadline: string): number {
  if (resumes.waitingIn === phase && resumes.deadline !== undefined) return resumes.deadline;
  const ms = parseDuration(deadline);
  return Date.now() + (typeof ms === 'number' ? ms : 0);
}

/**
 * An activity that may be retried for hours, for example while CXone refuses everything. Null: it was interrupted because the
 * history has become far too long, and is to be called again in the next one.
 */
export async function interruptible<T>(run: Run, call: () => Promise<T>): Promise<T | null> {
  const scope = new CancellationScope();
  const watch = new CancellationScope();
  void watch
    .run(() => condition(() => run.isOverlong()))
    .then(
      () => scope.cancel(),
      () => undefined,
    );
  try {
    return await scope.run(call);
  } catch (error) {
    // If the run itself is ending, the next wait says so.
    if (scope.consideredCancelled && run.isOverlong() && !run.isEnding() && !isFatal(error)) return null;
    throw error;
  } finally {
    watch.cancel();
  }
}
