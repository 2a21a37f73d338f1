/**
 * Email send.
 *
 * 1. open     the run in the ledger; a run with the same content and message ends here
 * 2. stage    the rows of the source, each checked; one mailbox is one recipient
 * 3. plan     cut the recipients into batches, count, hash; a dry run ends here
 * 4. approve  wait for approval or rejection, if approval is required; then for the moment to send, if there is one
 * 5. write    page by page: look each recipient up, then send, within the daily limit; a first share alone, if there is one
 * 6. resolve  writes in doubt, as an operator or the policy decides: no message is sent twice by itself
 * 7. track    the jobs and their events, beside 5 and 6 and after them; back to 5 for messages that bounced temporarily
 * 8. sync     opt-outs to the preferences in CXone; also if the run ends early
 * 9. deliver  the events of the jobs
 * 10. close   check that every recipient has one outcome, store the result
 */
import { continueAsNew } from '@temporalio/workflow';
import {
  type EmailSendInput,
  type EmailSendResult,
  emailSendTimes,
  emailSend as spec,
} from '../../contract/email-send.ts';
import { Companion } from '../engine/background.ts';
import type { CarryOver } from '../engine/carry-over.ts';
import { close, runToCompletion } from '../engine/completion.ts';
import { finishDelivery, startDelivery } from '../engine/delivery.ts';
import { handOver, waitUntil, waitWhilePaused } from '../engine/hand-over.ts';
import { createRun, type Run } from '../engine/run.ts';
import { approve, open, plan, resolveInDoubt, stage, waitForWrites, write } from '../engine/steps.ts';
import { sendCanary } from './canary.ts';
import { syncOptOuts, syncRemaining } from './opt-outs.ts';
import { NOTHING_SENT, type SendingState } from './state.ts';
import { trackBeside, trackToEnd } from './tracking.ts';

interface EmailCarryOver extends CarryOver {
  readonly sending: SendingState;
}

/** `carryOver` is internal: a run that continues as new passes it to itself. */
export async function emailSend(input: EmailSendInput, carryOver?: EmailCarryOver): Promise<EmailSendResult> {
  const sending = { ...(carryOver?.sending ?? NOTHING_SENT) };
  const goOn = (next: CarryOver): Promise<never> => {
    const isLateAllowed = run.asksAfter === null;
    return continueAsNew<typeof emailSend>(input, { ...next, sending: { ...sending, isLateAllowed } });
  };
  const run = createRun(spec, input, goOn, carryOver);
  const times = emailSendTimes(input);
  if (!sending.isLateAllowed) run.asksAfter = times.sendBeforeMs;
  run.companion = new Companion(
    () => trackBeside(run, input, sending),
    (error) => run.fail(error),
  );
  run.onEndingEarly = () => syncRemaining(run);
  return runToCompletion<EmailSendResult>(run, async () => {
    if (!carryOver) {
      await open(run);
      await stage(run);
      await plan(run);
      if (input.dryRun) return close(run, 'completed');
    }
    const isUndecided = !carryOver || carryOver.waitingIn === 'awaiting_approval';
    if (isUndecided && (await approve(run)) === 'rejected') return close(run, 'rejected');
    startDelivery(run);
    await waitForSendAt(run, times.sendAtMs);
    run.companion?.start();
    await sendCanary(run, input, sending);
    do {
      await sendPending(run);
    } while (await trackToEnd(run, sending));
    await syncOptOuts(run);
    await finishDelivery(run);
    return close(run, 'completed');
  });
}

async function waitForSendAt(run: Run, sendAtMs: number | null): Promise<void> {
  if (sendAtMs === null || sendAtMs <= Date.now()) return;
  const at = new Date(sendAtMs).toISOString();
  await run.enter('writing', `${at}, the moment at which it is to be sent`);
  await waitUntil(run, sendAtMs, `nothing is sent before ${at}`);
}

/** Everything that may be sent by now or later. What bounces temporarily comes after it. */
async function sendPending(run: Run): Promise<void> {
  do {
    await waitWhilePaused(run);
    while (!((await write(run)) && (await resolveInDoubt(run)))) await handOver(run);
  } while (await waitForWrites(run));
}
