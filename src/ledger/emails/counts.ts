/** Counts what became of the recipients who were sent the message, each once. Adds up to them. */
import { combineAttempts } from '../../domain/email-send/attempts.ts';
import { messageState } from '../../domain/email-send/delivery.ts';
import {
  addDeliveryCounts,
  countMessage,
  type DeliveryCounts,
  multiplyDeliveryCounts,
  NO_DELIVERY_COUNTS,
} from '../../domain/email-send/figures.ts';
import type { Emails } from './emails.ts';
import type { TalliedMessage } from './figures.ts';

/** `outcome`: only recipients with this one. Default: all. */
export async function countDeliveries(
  { emails }: { readonly emails: Pick<Emails, 'tallies'> },
  runNo: number,
  outcome?: string,
): Promise<DeliveryCounts> {
  const tallies = await emails.tallies(runNo);
  return tallies
    .filter((tally) => outcome === undefined || tally.outcome === outcome)
    .map(({ messages, n }) => multiplyDeliveryCounts(combineAttempts(messages.map(toCounts)), n))
    .reduce(addDeliveryCounts, NO_DELIVERY_COUNTS);
}

/** Without an event, only the ledger knows how the job has ended. */
function toCounts({ state, counts }: TalliedMessage): DeliveryCounts {
  if (state === 'in_doubt') return { ...NO_DELIVERY_COUNTS, inDoubt: 1 };
  if (counts !== null) return counts as DeliveryCounts;
  return countMessage({ ...messageState([]), ...(state === 'failed' && { state }) });
}
