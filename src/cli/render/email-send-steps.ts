/** What somebody has to see to after an email send, beyond what became of its records. Pure. */
import type { EmailSendResult } from '../../contract/email-send.ts';
import { plural } from '../../domain/numbers.ts';
import { shellQuote } from '../terminal/format.ts';
import type { EndedRun, Step } from './next-steps.ts';

/**
 * Messages that did not arrive for a reason that is not their recipient's. Hard and soft bounces are no reason to look at a run: a
 * list of any size has some, and what follows from them has been done.
 */
export function stepsForDelivery({ runId, result }: EndedRun, command: string): readonly Step[] {
  const { delivery } = (result ?? {}) as Partial<EmailSendResult>;
  if (!delivery) return [];
  const run = shellQuote(runId);
  const show = `${command} records ${run} --outcome sent`;
  return [
    ...(delivery.failed > 0
      ? [
          {
            what: `${plural(delivery.failed, 'message')} failed with the job of CXone; see the jobs`,
            command: `${command} show ${run}`,
          },
        ]
      : []),
    ...(delivery.bounced.policy > 0
      ? [
          {
            what: `${plural(delivery.bounced.policy, 'message')} bounced because of the sender (5.7.x): check the sender's domain; see whose, with the codes`,
            command: show,
          },
        ]
      : []),
    ...(delivery.inDoubt > 0
      ? [
          {
            what: `CXone does not know the job of ${plural(delivery.inDoubt, 'message')}; see whose`,
            command: show,
          },
        ]
      : []),
  ];
}
