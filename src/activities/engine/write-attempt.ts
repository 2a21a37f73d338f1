/** A claimed write as an operation sees it, and its answer as the ledger may keep it. */
import { Persons, toMessages } from '../../domain/messages.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { Attempts, HeldWrite } from './attempt.ts';
import type { BulkDefinition } from './definition.ts';
import { alwaysFails } from './failing.ts';
import { classifyPriorAttempt } from './prior-attempt.ts';
import type { SettledAnswer } from './settle.ts';
import type { Answer, WriteAttempt, WriteDefinition } from './write-definition.ts';

export function toAttempt(
  run: Run,
  write: OpenWrite,
  definition: WriteDefinition,
  held: HeldWrite,
  attempts: Attempts,
): WriteAttempt {
  const { lease, payload, lostAnswers } = held;
  const { seqs } = write;
  let records: PendingRecord[] | undefined;
  return {
    run,
    writeId: write.id,
    batch: write.batch,
    kind: write.kind,
    seqs,
    payload,
    get records() {
      return (records ??= (JSON.parse(payload) as unknown[]).map((record, i) => ({
        seq: seqs[i] ?? 0,
        record,
      })));
    },
    refs: write.refs,
    priorAttempt: classifyPriorAttempt(write, held),
    lostAnswers,
    alwaysFails: (error) => alwaysFails(write, error, definition.probe.isConclusive),
    // Refused attempts count as sent here, which gives the earliest moment that is certain.
    sentSince: write.attempts === 1 && write.sentAt ? write.sentAt : run.started_at,
    checkLease: () => lease.check(),
    beforeSend: () => attempts.beforeSend(held),
    hasSent: () => lease.requests > 0,
    nextRequest: () => attempts.nextRequest(run.run_no, lease),
  };
}

/** With the messages as they may be kept. Most answers have none, and then the records need not be parsed. */
export function withoutPersons(
  { messages = [], ...answer }: Answer,
  attempt: WriteAttempt,
  { personalValues }: Pick<BulkDefinition, 'personalValues'>,
): SettledAnswer {
  if (messages.length === 0) return answer;
  const values = attempt.records.flatMap(({ record }) => [...personalValues(record)]);
  return { ...answer, messages: toMessages(messages, new Persons(values)) };
}
