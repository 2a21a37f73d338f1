/** Messages that bounced for the time being are sent again later, as new writes that go through all lookups and the gate. */
import { emailSendTimes, retriesOf, emailSend as spec } from '../../contract/email-send.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { runInput } from '../engine/run-input.ts';
import { SUPPRESSION_CHECK } from './refs.ts';
import type { EmailSendDeps } from './settings.ts';

const AT_ONCE = 1_000;
const LONGEST_STEP_MS = 10 * 60_000;
const SHARE_OF_WAIT = 0.1;

/** By class of the bounce: the last message that is followed by another one. What nobody can explain is tried once more. */
const lastRetriedAttempts = (retries: number) => ({ soft: retries, unknown: Math.min(1, retries) });

/** Repeatable: a message is retried once. */
export async function planRetries({ ledger }: EmailSendDeps, run: Run): Promise<void> {
  const input = runInput(spec, run);
  const { retryAfterMs } = emailSendTimes(input);
  const lastAttempts = lastRetriedAttempts(retriesOf(input));
  for (let afterSeq = 0; ; ) {
    const page = await ledger.emails.listRetryable(run.run_no, { lastAttempts, afterSeq, limit: AT_ONCE });
    const now = Date.now();
    await ledger.emails.planRetries(
      run,
      page.map(({ seq, attempt, lastEventAt }) => ({
        seq,
        attempt,
        kind: SUPPRESSION_CHECK,
        refs: { attempt: attempt + 1 },
        notBefore: retryAt(lastEventAt, now, retryAfterMs),
      })),
    );
    const last = page.at(-1);
    if (!last || page.length < AT_ONCE) return;
    afterSeq = last.seq;
  }
}

/**
 * Bounces of about the same time share a moment, and so a request. Some providers stamp a bounce before the sending, and some
 * clocks are ahead.
 */
function retryAt(bouncedAt: Date | null, now: number, retryAfterMs: number): string {
  const at = Math.min(bouncedAt?.getTime() ?? now, now) + retryAfterMs;
  const step = Math.max(1, Math.min(LONGEST_STEP_MS, retryAfterMs * SHARE_OF_WAIT));
  return new Date(Math.ceil(at / step) * step).toISOString();
}
