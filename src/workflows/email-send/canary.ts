/** A first share of the batches is sent alone and judged by its events, so that a bad list or template harms few. */
import { type EmailSendInput, emailSendTimes } from '../../contract/email-send.ts';
import { canaryBatches } from '../../domain/email-send/share.ts';
import { plural } from '../../domain/numbers.ts';
import { handOver, waitUntil, waitWhilePaused } from '../engine/hand-over.ts';
import type { Run } from '../engine/run.ts';
import { resolveInDoubt, waitForWrites, write } from '../engine/steps.ts';
import { emailSteps } from '../policies.ts';
import type { SendingState } from './state.ts';

/** Returns once the rest may be sent. */
export async function sendCanary(run: Run, input: EmailSendInput, sending: SendingState): Promise<void> {
  const share = countUnjudged(run, input, sending);
  if (share === 0) return;
  if (sending.canaryEnds === null) {
    run.lastBatch = share;
    do {
      await waitWhilePaused(run);
      while (!((await write(run)) && (await resolveInDoubt(run)))) await handOver(run);
      // What has to wait for another day, or is sent again later, is not waited for: the others show how the message is received.
    } while (isNothingSent(run) && (await waitForWrites(run)));
    run.lastBatch = null;
    sending.canaryEnds = Date.now() + emailSendTimes(input).canaryWaitMs;
  }
  await waitForEvents(run, share, sending.canaryEnds);
  await judge(run, sending);
}

/** The batches of the first share as long as it has not been judged; 0: there is none. */
export function countUnjudged({ plan }: Run, { canary }: EmailSendInput, sending: SendingState): number {
  return sending.canary === 'passed' ? 0 : canaryBatches(plan?.batches ?? 0, canary);
}

function isNothingSent({ counts }: Run): boolean {
  return (counts.sent ?? 0) + (counts.in_doubt ?? 0) === 0;
}

async function waitForEvents(run: Run, share: number, ends: number): Promise<void> {
  const at = new Date(ends).toISOString();
  const batches = share === 1 ? 'the first batch is' : `the first ${plural(share, 'batch')} are`;
  await run.enter('writing', `${at}, when ${batches} judged by the events`);
  await waitUntil(run, ends, `the first share is judged at ${at}`);
}

/** The person who resumes a run whose first share looked bad, or showed too little, has decided to send the rest. */
async function judge(run: Run, sending: SendingState): Promise<void> {
  // Whoever resumes a run that was paused before has not seen the judgement.
  await waitWhilePaused(run);
  await run.enter('writing');
  const { passes, why } = await emailSteps.judgeCanary.executeWithOptions(
    { summary: 'judge the first share' },
    [run.runId],
  );
  if (!passes) await run.pause(why);
  // Whoever resumes it need not decide again, even if the run goes on in a new history meanwhile.
  sending.canary = 'passed';
  await waitWhilePaused(run);
}
