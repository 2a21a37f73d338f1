/**
 * Follows the jobs of a run: their status, then their events. One activity, which Temporal repeats when the next job is due, so
 * that the history does not grow with the polls.
 */
import { condition } from '@temporalio/workflow';
import type { Tracked, TrackMessages } from '../../activities/email-send/tracking.ts';
import type { EmailSendInput } from '../../contract/email-send.ts';
import { plural } from '../../domain/numbers.ts';
import { handOver, interruptible, isHistoryLong } from '../engine/hand-over.ts';
import type { Run } from '../engine/run.ts';
import { waitForWrites } from '../engine/steps.ts';
import { messageTracking } from '../policies.ts';
import { countUnjudged } from './canary.ts';
import { syncOptOuts } from './opt-outs.ts';
import type { SendingState } from './state.ts';

/** While the run writes. Never returns by itself. */
export async function trackBeside(run: Run, input: EmailSendInput, sending: SendingState): Promise<void> {
  for (;;) {
    const unjudgedBatches = countUnjudged(run, input, sending);
    const tracked = await track(run, sending, { beside: true, unjudgedBatches });
    run.setCounts(tracked.counts);
    await pauseForPolicyBounces(run, sending, tracked);
    if (tracked.optOuts > 0) await syncOptOuts(run);
  }
}

/**
 * Until nothing more is expected of any job. True: messages that bounced temporarily are due, and are to be written now.
 */
export async function trackToEnd(run: Run, sending: SendingState): Promise<boolean> {
  await run.companion?.stop();
  for (;;) {
    await run.enter('tracking', 'what becomes of the messages');
    const tracked = await interruptible(run, () => track(run, sending, { beside: false }));
    if (tracked === null) {
      await handOver(run);
      continue;
    }
    run.setCounts(tracked.counts);
    if (tracked.counts.pending > 0) await pauseForPolicyBounces(run, sending, tracked);
    else sending.policyBounces = tracked.policyBounces;
    if (tracked.optOuts > 0) await syncOptOuts(run);
    if (tracked.notBefore !== null) return waitForRetries(run, tracked.notBefore);
    if (tracked.isEnded) return false;
    // Not before: each history has to get further than the one before.
    if (isHistoryLong()) await handOver(run);
  }
}

/** Other jobs are followed meanwhile. */
async function waitForRetries(run: Run, notBefore: string): Promise<boolean> {
  run.companion?.start();
  run.notBefore = notBefore;
  return waitForWrites(run);
}

async function track(
  run: Run,
  { policyBounces }: SendingState,
  request: Pick<TrackMessages, 'beside' | 'unjudgedBatches'>,
): Promise<Tracked> {
  return messageTracking.trackMessages.executeWithOptions({ summary: 'follow the jobs' }, [
    { runId: run.runId, policyBounces, pending: run.counts.pending, ...request },
  ]);
}

/** They are about the sender: each further message would harm its reputation more. */
async function pauseForPolicyBounces(
  run: Run,
  sending: SendingState,
  { policyBounces }: Tracked,
): Promise<void> {
  const more = policyBounces - sending.policyBounces;
  if (more <= 0) return;
  // Whoever resumes a run that was paused before does not know of them.
  await condition(() => !run.isPaused());
  sending.policyBounces = policyBounces;
  const messages = plural(more, 'message was', 'messages were');
  await run.pause(
    `${messages} refused because of the sender (5.7.x): check the reputation and the settings of the sender's domain, then resume, or cancel the run`,
  );
}
