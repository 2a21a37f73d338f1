/** What became of a recipient to whom a message was sent more than once, because it bounced before. Pure. */
import type { MessageState } from './delivery.ts';
import { addEngagement } from './engagement.ts';

/**
 * Delivered if any of the messages was: a delivery that is reported late makes a retry superfluous, not undone. Otherwise the last
 * message decides. Complaints, unsubscriptions, opens and clicks of all of them count.
 * @param messages at least one, oldest first; throws RangeError without any
 */
export function combineAttempts(messages: readonly MessageState[]): MessageState {
  const deciding = messages.find(({ state }) => state === 'delivered') ?? messages.at(-1);
  if (!deciding) throw new RangeError('a recipient without a message has no state');
  const earliest = (field: 'firstOpenAt' | 'complainedAt' | 'unsubscribedAt') =>
    messages.flatMap((each) => each[field] ?? []).toSorted()[0] ?? null;
  const sum = (field: 'unsubscribeVisits' | 'autoReplies' | 'unknownEvents' | 'events') =>
    messages.reduce((total, each) => total + each[field], 0);
  return {
    ...deciding,
    complained: messages.some(({ complained }) => complained),
    complainedAt: earliest('complainedAt'),
    unsubscribed: messages.some(({ unsubscribed }) => unsubscribed),
    unsubscribedAt: earliest('unsubscribedAt'),
    opens: messages.map(({ opens }) => opens).reduce(addEngagement),
    clicks: messages.map(({ clicks }) => clicks).reduce(addEngagement),
    firstOpenAt: earliest('firstOpenAt'),
    clickedLinks: messages.flatMap(({ clickedLinks }) => clickedLinks),
    unsubscribeVisits: sum('unsubscribeVisits'),
    autoReplies: sum('autoReplies'),
    unknownEvents: sum('unknownEvents'),
    events: sum('events'),
  };
}
