/** The steps that every bulk run has; a kind's file hasSubscriber its story with them. Each is one line of that story. */
import { CancellationScope, condition, isCancellation, log, sleep } from '@temporalio/workflow';
import type { Decision } from '../../contract/steering.ts';
import type { PageResult } from '../../activities/engine/page-worker.ts';
import type { InDoubt } from '../../activities/engine/runs.ts';
import { writePages } from './pages.ts';
import { allRecords, ledger, MAX_DELIVERY_WAIT, delivery } from '../policies.ts';
import type { Run, Delivery } from './run.ts';

/** The run in the ledger; refused where a run of this id has ended before. */
export async function open(run: Run): Promise<void> {
  const { runId, kind, target, input, now } = run;
  Object.assign(
    now,
    await ledger.openRun.executeWithOptions({ summary: `${kind} → ${target}` }, [
      { runId, kind, target, input },
    ]),
    { opened: true },
  );
  await run.enter('staging');
}

/** The source in the ledger, row by row, by the rules. */
export async function stage({ runId, target }: Run): Promise<void> {
  await allRecords.stageRecords.executeWithOptions({ summary: `read the source for ${target}` }, [runId]);
}

/** Counted before anything is written. */
export async function plan(run: Run): Promise<void> {
  const { now, runId } = run;
  await run.enter('planning');
  const counted = await allRecords.planWrites.executeWithOptions({ summary: 'count, cut into batches' }, [
    runId,
  ]);
  const { total, toWrite: pending, invalid, duplicate, rejected } = counted;
  now.plan = counted;
  now.counts = { total, pending, invalid, duplicate, ...(rejected !== undefined && { rejected }) };
  run.show();
}

/** Waits for a word, where that was asked for. No word until the deadline counts as no. */
export async function decide(run: Run): Promise<'go' | 'rejected'> {
  const { approval, approvalDeadline } = run.input;
  if (!approval) return 'go';
  await run.enter('awaiting_approval', `approve or reject of plan ${run.now.plan?.hash ?? ''}`);
  const { decided } = run.steering;
  await waitFor(
    () => decided().approved !== null || decided().rejected !== null,
    approvalDeadline,
    'of the approval',
  );
  return decided().approved ? 'go' : 'rejected';
}

/** Page by page. False: the history grew long, and the run is to go on in a new one. */
export async function write(run: Run): Promise<boolean> {
  const { now, work } = run;
  await run.enter('writing');
  now.writing = { at: Date.now(), pending: now.counts.pending };
  now.cursor = await pages(run, now.cursor);
  // The claims have stopped; the scope of the story follows.
  if (run.isCancelled()) await work.cancelRequested;
  return now.cursor > (now.plan?.batches ?? 0);
}

function pages(run: Run, cursor: number): Promise<number> {
  const { plan: planned } = run.now;
  if (!planned) throw new TypeError('writing comes after planning');
  const { batches, pageBatches } = planned;
  const onResult = ({ counts }: PageResult): void => {
    // Pages end in any order: the one that knows of most is the latest.
    if (counts.pending <= run.now.counts.pending) run.now.counts = counts;
    run.show();
  };
  const { runId, isPaused, isCancelled: isStopped } = run;
  return writePages({ runId, batches, pageBatches, cursor, isPaused, isStopped, onResult });
}

/**
 * Writes whose answer was lost and that must not simply be repeated: a person, or the policy, decides. False: the
 * history grew long while they were sent again, and the run is to go on in a new one.
 */
export async function resolveInDoubt(run: Run): Promise<boolean> {
  const { runId, now, steering } = run;
  now.inDoubt = await listInDoubt(runId);
  while (now.inDoubt.length > 0) {
    // All that has been said already, before pages are opened: a queued word must not be lost to a new history.
    let resend = false;
    do {
      const resolution = await nextResolution(run);
      const summary = resolution.decision.verdict ?? 'leave';
      await ledger.resolveInDoubt.executeWithOptions({ summary }, [{ runId, ...resolution }]);
      resend ||= resolution.decision.verdict === 'resend';
    } while (steering.hasResolution());
    if (resend && !(await rewrite(run))) return false;
    now.inDoubt = await listInDoubt(runId);
  }
  return true;
}

function listInDoubt(runId: string): Promise<InDoubt[]> {
  return ledger.listInDoubt.executeWithOptions({ summary: 'writes whose answer never came' }, [runId]);
}

interface Resolution {
  readonly decision: Decision;
  /** Only the writes that nobody has let go out again yet. */
  readonly firstTimeOnly?: true;
}

/**
 * The policy `resend` is good for one more try of each write: where that one's answer is lost too, something takes
 * the writes and drops the answers, and each further round could reach the same people again. Then a person is asked.
 */
async function nextResolution(run: Run): Promise<Resolution> {
  const { onInDoubt = 'ask', inDoubtDeadline } = run.input;
  const reason = 'onInDoubt of the input';
  if (onInDoubt === 'leave') return { decision: { action: 'resolve', verdict: 'leave', reason } };
  if (onInDoubt === 'resend' && run.now.inDoubt.some(({ resent }) => !resent))
    return { decision: { action: 'resolve', verdict: 'resend', reason }, firstTimeOnly: true };
  await run.enter('in_doubt', `resolve of ${run.now.inDoubt.length} writes in doubt`);
  await waitFor(run.steering.hasResolution, inDoubtDeadline, 'of the resolution');
  const left: Decision = { action: 'resolve', verdict: 'leave', reason: 'inDoubtDeadline of the input' };
  return { decision: run.steering.nextResolution() ?? left };
}

/** Resent writes lie in their old batches: every page is looked through once more. False: not yet all of them. */
async function rewrite(run: Run): Promise<boolean> {
  const { now, work } = run;
  await run.enter('writing');
  now.cursor = await pages(run, 1);
  if (run.isCancelled()) await work.cancelRequested;
  return now.cursor > (now.plan?.batches ?? 0);
}

/** Until it is so, or the deadline is over. */
export async function waitFor(
  fulfilled: () => boolean,
  deadline: string | undefined,
  ofWhat: string,
): Promise<void> {
  if (deadline === undefined) return condition(fulfilled);
  await condition(fulfilled, deadline as '3 days', { summary: `deadline ${ofWhat}` });
}

/** The CRM, beside the writing. It never fails the run: what is not told stays in the outbox. */
export function startDelivery({ runId, now }: Run): Delivery {
  const scope = new CancellationScope();
  const told = scope.run(async () => {
    for (let done = !now.hasSubscriber; !done; ) {
      ({ done } = await delivery.deliverEvents.executeWithOptions({ summary: 'CRM events' }, [runId]));
    }
  });
  const ended = told.catch((error: unknown) => {
    if (!isCancellation(error)) log.error('the CRM is not told any more', { error: String(error) });
  });
  now.delivery = { ended, stop: () => scope.cancel() };
  return now.delivery;
}

/** The rest of the events, within reason: a CRM that is away must not keep a finished run open for days. */
export async function finishDelivery(run: Run, { ended, stop }: Delivery): Promise<void> {
  if (run.now.hasSubscriber) {
    await run.enter('delivering', 'the CRM to take its events');
    const patience = new CancellationScope();
    const timer = patience.run(() => sleep(MAX_DELIVERY_WAIT, { summary: 'patience with the CRM' }));
    await Promise.race([ended, timer.catch(() => undefined)]);
    patience.cancel();
  }
  stop();
  await ended;
}

/** A run that ends before its end: what was written is told all the same. */
export async function deliverRemaining(run: Run): Promise<void> {
  const { delivery: before, hasSubscriber } = run.now;
  if (!hasSubscriber || !before) return;
  before.stop();
  await before.ended;
  await finishDelivery(run, startDelivery(run));
}
