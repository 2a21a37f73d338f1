/** Answers of writes by which nobody is sent anything. */
import type { CxoneError } from '../../cxone/errors.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import { ALWAYS_FAILS } from '../engine/failing.ts';
import { readOnlyAnswer } from '../engine/read-only-answer.ts';
import type { Answer, Withheld, WriteAttempt } from '../engine/write-definition.ts';
import { withholdFrom } from './refs.ts';
import type { EmailSendDeps } from './settings.ts';

/** Without an event: those of an email send are about jobs. */
export const readOnlyWithoutEvent = (answer: Parameters<typeof readOnlyAnswer>[0]): Answer => ({
  ...readOnlyAnswer(answer),
  emitsEvent: false,
});

/**
 * A single recipient whose request always fails, of which CXone has certainly done nothing. Whoever has been sent an earlier
 * message stays `sent`. What was reserved of the day is free again.
 */
export function giveUp({ ledger }: EmailSendDeps, attempt: WriteAttempt, error: CxoneError): Answer {
  const { seqs, writeId } = attempt;
  const details = `the same failure each time, although CXone answers others: ${error.message}`;
  const reasons = [{ code: ALWAYS_FAILS, message: details }];
  const withheld = withholdFrom(attempt, { outcome: 'rejected', reasons });
  return {
    ...readOnlyWithoutEvent({ groups: groupByReason(seqs.map((seq) => [seq, withheld])), details }),
    httpStatus: error.status,
    requestId: error.requestId,
    inSettleTransaction: (tx) => ledger.emailQuota.settle(writeId, 0, tx),
  };
}

export function groupByReason(withheld: readonly (readonly [number, Withheld])[]): SettledGroup[] {
  const groups = new Map<string, SettledGroup & { readonly seqs: number[] }>();
  for (const [seq, { outcome, reasons, evidence }] of withheld) {
    const key = JSON.stringify([outcome, reasons, evidence]);
    const group = groups.get(key) ?? {
      outcome,
      seqs: [],
      reasons,
      ...(evidence !== undefined && { evidence }),
    };
    group.seqs.push(seq);
    groups.set(key, group);
  }
  return [...groups.values()];
}
