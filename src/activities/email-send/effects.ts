/**
 * What the events of a message mean beyond it, stored in the transaction that stores the events: an address that does not exist
 * and people who object are not sent anything again.
 */

import type { MessageState } from '../../domain/email-send/delivery.ts';
import type { Executor } from '../../ledger/database.ts';
import type { ChangedMessage } from '../../ledger/emails/events.ts';
import type { Job } from '../../ledger/emails/jobs.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { EmailSendDeps } from './settings.ts';

export async function storeEffects(
  { ledger }: EmailSendDeps,
  run: Run,
  job: Job,
  changed: readonly ChangedMessage[],
  tx: Executor,
): Promise<void> {
  const effects = changed.flatMap((message) => {
    const effect = effectOf(message);
    return effect ? [{ seq: message.seq, ...effect }] : [];
  });
  if (effects.length === 0) return;
  const recipients = await ledger.emails.recipients(
    run.run_no,
    effects.map(({ seq }) => seq),
    tx,
  );
  const now = await ledger.now();
  const addresses = [];
  const objections = [];
  for (const { seq, reason, code, at } of effects) {
    const recipient = recipients.get(seq);
    if (!recipient) continue;
    const since = sinceWhen(at, job.submittedAt, now);
    addresses.push({ mailbox: recipient.mailbox, channel: 'email' as const, reason, code, since });
    if (recipient.contactId !== null && reason !== 'hard_bounce')
      objections.push({ contactId: recipient.contactId, channel: 'email' as const, reason, since });
  }
  if (addresses.length > 0) await ledger.suppressions.addAddresses(addresses, run.run_no, tx);
  if (objections.length > 0) await ledger.suppressions.add(objections, run.run_no, tx);
}

interface Effect {
  readonly reason: 'hard_bounce' | 'complaint' | 'unsubscribed';
  readonly code: string | null;
  /** ISO 8601; null: the event names no time. */
  readonly at: string | null;
}

/** Null: nothing has changed that matters to other messages. A complaint weighs more than what else happened. */
function effectOf({ before, after }: ChangedMessage): Effect | null {
  if (after.complained && !before.complained)
    return { reason: 'complaint', code: null, at: after.optedOutAt };
  if (after.unsubscribed && !before.unsubscribed)
    return { reason: 'unsubscribed', code: null, at: after.optedOutAt };
  if (after.bounceClass === 'hard' && before.bounceClass !== 'hard')
    return { reason: 'hard_bounce', code: after.bounceCode, at: bouncedAt(after.summary) };
  return null;
}

/**
 * As the event is stamped, as long as that is between the sending and now. No consent could end an objection from the future, and
 * what is older than the message would seem to be known already.
 */
function sinceWhen(at: string | null, sentAt: Date, now: Date): string {
  const stamped = at === null ? now.getTime() : Date.parse(at);
  return new Date(Math.min(Math.max(stamped, sentAt.getTime()), now.getTime())).toISOString();
}

const bouncedAt = (summary: unknown): string | null => (summary as MessageState | null)?.bouncedAt ?? null;
