/** What became of the messages to the recipients of an email send, as columns of the exported records. */
import type { CountedMessage } from '../../ledger/emails/messages.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Explanation } from '../../queries/record-files.ts';

/** Recipients who were sent nothing have none of them. */
const COLUMNS = {
  cxflow_delivery: ({ state }) => state,
  cxflow_bounce_class: ({ bounceClass }) => bounceClass,
  cxflow_bounce_code: ({ bounceCode }) => bounceCode,
  cxflow_attempts: ({ attempts }) => attempts,
  cxflow_delivered_at: ({ deliveredAt }) => deliveredAt?.toISOString(),
  cxflow_opened: ({ opened }) => opened,
  cxflow_clicked: ({ clicked }) => clicked,
  cxflow_opted_out: ({ complained, unsubscribed }) =>
    complained ? 'complained' : unsubscribed ? 'unsubscribed' : undefined,
  cxflow_job: ({ jobId }) => jobId,
} as const satisfies Readonly<Record<string, (message: CountedMessage) => unknown>>;

export async function explainRecipients(
  { emails }: Pick<Ledger, 'emails'>,
  { run_no: runNo }: Run,
): Promise<Explanation> {
  const find = readAlong(emails.listMessages(runNo));
  return Promise.resolve({
    columns: Object.keys(COLUMNS),
    async valuesOf({ seq = 0 }) {
      const message = await find(seq);
      if (!message) return {};
      return Object.fromEntries(
        Object.entries(COLUMNS).map(([column, valueOf]) => [column, valueOf(message)]),
      );
    },
  });
}

/** Both are in the order of the source, so that neither has to fit into memory. */
function readAlong(messages: AsyncIterable<CountedMessage>) {
  const iterator = messages[Symbol.asyncIterator]();
  let next: IteratorResult<CountedMessage, unknown> | null = null;
  return async (seq: number): Promise<CountedMessage | null> => {
    next ??= await iterator.next();
    while (!next.done && next.value.seq < seq) next = await iterator.next();
    return !next.done && next.value.seq === seq ? next.value : null;
  };
}
