/** What became of a recipient to whom a message was sent more than once, because it bounced before. Pure. */
import { addEngagement } from './engagement.ts';
import { type DeliveryCounts, NO_DELIVERY_COUNTS } from './figures.ts';

/**
 * Delivered if any of the messages was: a delivery that is reported late makes a retry superfluous, not undone. Otherwise the last
 * message decides. Complaints, unsubscriptions, opens and clicks of all of them count, for one recipient.
 * @param messages of one recipient, oldest first; throws RangeError without any
 */
export function combineAttempts(messages: readonly DeliveryCounts[]): DeliveryCounts {
  const deciding = messages.findLast(({ delivered }) => delivered > 0) ?? messages.at(-1);
  if (!deciding) throw new RangeError('a recipient without a message has no state');
  if (messages.length === 1) return deciding;
  const has = (count: (of: DeliveryCounts) => number) => Number(messages.some((each) => count(each) > 0));
  const sum = (field: 'unsubscribeVisits' | 'autoReplies' | 'unknownEvents') =>
    messages.reduce((total, each) => total + each[field], 0);
  const complained = has((each) => each.complained);
  const unsubscribed = has((each) => each.unsubscribed);
  const ofDelivered = {
    opened: has(({ opens }) => opens.people),
    clicked: has(({ clicks }) => clicks.people),
    complained,
    unsubscribed,
  };
  return {
    ...deciding,
    complained,
    unsubscribed,
    ofDelivered: deciding.delivered > 0 ? ofDelivered : NO_DELIVERY_COUNTS.ofDelivered,
    opens: messages.map(({ opens }) => opens).reduce(addEngagement),
    clicks: messages.map(({ clicks }) => clicks).reduce(addEngagement),
    unsubscribeVisits: sum('unsubscribeVisits'),
    autoReplies: sum('autoReplies'),
    unknownEvents: sum('unknownEvents'),
  };
}
