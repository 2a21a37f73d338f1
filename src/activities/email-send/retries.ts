/** Messages that bounced temporarily are sent again later, as new writes that go through all lookups and the gate. */
import { emailSendTimes, retriesOf, emailSend as spec } from '../../contract/email-send.ts';
import type { BounceClass } from '../../domain/email-send/bounces.ts';
import type { MessageState } from '../../domain/email-send/delivery.ts';
import { isRetried, RETRIED_CLASSES, retryAt } from '../../domain/email-send/retry.ts';
import type { RetryableMessage } from '../../ledger/emails/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { runInput } from '../engine/run-input.ts';
import { SUPPRESSION_CHECK } from './refs.ts';
import type { EmailSendDeps } from './settings.ts';

const AT_ONCE = 1_000;
const LONGEST_STEP_MS = 10 * 60_000;
const SHARE_OF_WAIT = 0.1;

/** Repeatable: a message is retried once. */
export async function planRetries({ ledger }: EmailSendDeps, run: Run): Promise<void> {
  // The retry may have been planned and sent after the backup (docs/adr/0028-restored-ledgers.md).
  if (run.restored_at !== null) return;
  const input = runInput(spec, run);
  const { retryAfterMs } = emailSendTimes(input);
  const retries = retriesOf(input);
  const wanted = { bounceClasses: RETRIED_CLASSES, lastAttempt: retries, limit: AT_ONCE };
  for (let afterSeq = 0; ; ) {
    const page = await ledger.emails.listRetryable(run.run_no, { ...wanted, afterSeq });
    const learnedAt = new Date();
    await ledger.emails.planRetries(
      run,
      page
        .filter(({ bounces }) => isRetried(bounces as readonly BounceClass[], retries))
        .map((message) => ({
          ...{ seq: message.seq, attempt: message.attempt },
          kind: SUPPRESSION_CHECK,
          refs: { attempt: message.attempt + 1 },
          notBefore: notBefore(message, learnedAt, retryAfterMs),
        })),
    );
    const last = page.at(-1);
    if (!last || page.length < AT_ONCE) return;
    afterSeq = last.seq;
  }
}

/** Bounces of about the same time share a moment, and so a request. */
function notBefore(
  { summary, submittedAt }: RetryableMessage,
  learnedAt: Date,
  retryAfterMs: number,
): string {
  const at = retryAt({
    sentAt: submittedAt.toISOString(),
    bouncedAt: (summary as MessageState | null)?.bouncedAt ?? null,
    learnedAt: learnedAt.toISOString(),
    retryAfterMs,
  });
  const step = Math.max(1, Math.min(LONGEST_STEP_MS, retryAfterMs * SHARE_OF_WAIT));
  return new Date(Math.ceil(Date.parse(at) / step) * step).toISOString();
}
