/** What is stored with the writes of an email send, and what it means for a recipient who is not sent the message. Pure. */
import type { Reason } from '../../domain/run.ts';
import type { LookupRefs } from '../engine/lookups.ts';
import type { Withheld, WriteAttempt } from '../engine/write-definition.ts';

/** Reads only: is CXone willing to send to these addresses? */
export const SUPPRESSION_CHECK = 'suppression_check';
/** Reads only: do the preferences permit email? */
export const CONSENT_CHECK = 'consent_check';
/** One POST, of which CXone makes one job. */
export const SEND = 'send';

export interface EmailRefs extends LookupRefs {
  /** ISO 8601: when the lookups about these recipients ended; absent: they have to be made. */
  readonly checkedAt?: string;
  /** Which message to these recipients it is, if it is not the first one: the ones before bounced temporarily. */
  readonly attempt?: number;
  /** A person has decided to send it again although it may have been sent. */
  readonly resent?: true;
}

export const refsOf = ({ refs }: Pick<WriteAttempt, 'refs'>): EmailRefs => (refs as EmailRefs | null) ?? {};

/** For the write that comes next for the same recipients. What is known of earlier messages stays with it. */
export function nextRefs(attempt: Pick<WriteAttempt, 'refs'>, checkedAt: string | undefined): EmailRefs {
  const { attempt: number, resent } = refsOf(attempt);
  return {
    ...(checkedAt !== undefined && { checkedAt }),
    ...(number !== undefined && { attempt: number }),
    ...(resent && { resent }),
  };
}

/**
 * Somebody who has been sent an earlier message stays `sent`, and somebody who may have been stays in doubt, whatever keeps them
 * from being sent this one.
 */
export function withholdFrom(attempt: Pick<WriteAttempt, 'refs'>, withheld: Withheld): Withheld {
  const { attempt: number, resent } = refsOf(attempt);
  if (resent) {
    // What CXone says about a recipient is no objection.
    const reasons = withheld.reasons.map(
      (reason): Reason =>
        withheld.outcome === 'rejected' ? reason : { ...reason, code: 'objected_after_sending' },
    );
    return { ...withheld, outcome: 'in_doubt', reasons: [ANSWER_LOST, ...reasons] };
  }
  // An earlier message was delivered after all.
  if (number === undefined || withheld.outcome === 'sent') return withheld;
  return { ...withheld, outcome: 'sent', reasons: [NOT_SENT_AGAIN, ...withheld.reasons] };
}

const ANSWER_LOST: Reason = { code: 'answer_lost', message: 'CXone may have sent it before' };
const NOT_SENT_AGAIN: Reason = {
  code: 'not_sent_again',
};
