/**
 * What became of a message, from all its events (docs/email-send-events.md#states). A fold over the set of events, so that neither
 * their order nor how often each was received matters. There are few for each message; what grows with the recipients are the
 * figures, and these add up (figures.ts). Pure.
 */
import type { BounceClass } from './bounces.ts';
import { type Engagements, findEngagements } from './engagement.ts';
import { type EmailEvent, eventKey, type ReadEvent, type Reading, readEvent } from './events.ts';

export const DELIVERY_STATES = ['delivered', 'bounced', 'failed', 'accepted'] as const;
/** `accepted`: CXone took it, and no event says what happened then. */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export interface MessageState extends Engagements {
  readonly state: DeliveryState;
  /** Of a bounced message; otherwise null, like everything about the bounce. */
  readonly bounceClass: BounceClass | null;
  /** An enhanced status code or an SMTP code; null: none that can be read. */
  readonly bounceCode: string | null;
  /** As received, so it may contain the address: not for logs and reasons. */
  readonly bounceDescription: string | null;
  /** Times are ISO 8601, UTC; null: it did not happen, or at a time that cannot be read. */
  readonly bouncedAt: string | null;
  /** Of the earliest delivery event. */
  readonly deliveredAt: string | null;
  /** Which job ended without an event of this message. */
  readonly failure: 'job_failed' | 'job_cancelled' | null;
  /** Whether the provider put it off at least once. */
  readonly deferred: boolean;
  readonly complained: boolean;
  readonly complainedAt: string | null;
  /** By the person: fetching the link is not enough. */
  readonly unsubscribed: boolean;
  readonly unsubscribedAt: string | null;
  /** Fetches of the unsubscribe link that unsubscribe nobody. */
  readonly unsubscribeVisits: number;
  readonly autoReplies: number;
  /** Events of types that are not known. */
  readonly unknownEvents: number;
  /** Different events, those of unknown types included. */
  readonly events: number;
}

/**
 * The first line that applies decides:
 *
 * | there is | state | because |
 * |---|---|---|
 * | a hard bounce | bounced, hard | no address comes to life later; a delivery was to a relay |
 * | a policy bounce | bounced, policy | refused for good, after a relay took it |
 * | a delivery | delivered | soft and unknown bounces and deferrals were attempts; whoever has it must not receive it again |
 * | an open or click by a person, a complaint, an unsubscription | delivered | whoever did that has it, whether the delivery was reported or not |
 * | a soft bounce | bounced, soft | a deferral promises nothing |
 * | an unknown bounce | bounced, unknown | |
 * | a deferral | accepted | still under way |
 * | nothing, and the job failed or was cancelled | failed | |
 * | nothing | accepted | |
 *
 * Complaints and unsubscriptions are kept beside every state. Automatic replies and unknown events change nothing, and opens and
 * clicks of machines prove no delivery, because scanners see messages that are then refused.
 *
 * @param events of one message, in any order, any of them repeated
 * @param job how the job of the message ended, if that was not well
 */
export function messageState(
  events: readonly EmailEvent[],
  job: 'failed' | 'cancelled' | null = null,
): MessageState {
  const distinct = distinctEvents(events).map(readEvent);
  const of = (reading: Reading) => distinct.filter((each) => each.reading === reading);
  const first = (reading: Reading) =>
    of(reading)
      .flatMap(({ at }) => at ?? [])
      .toSorted()[0] ?? null;
  const engagements = findEngagements(distinct, first('delivery'));
  const hasEngaged = engagements.opens.people + engagements.clicks.people > 0;
  const isThere = (reading: Reading): boolean => of(reading).length > 0;
  const isDelivered = hasEngaged || DELIVERY_EVIDENCE.some(isThere);
  const bounceClass = (isDelivered ? PERMANENT : ALL_BOUNCES).find(isThere) ?? null;
  const known = distinct.length - of('unknown_event').length;
  const failed = known === 0 && job !== null;
  return {
    ...engagements,
    state: bounceClass ? 'bounced' : isDelivered ? 'delivered' : failed ? 'failed' : 'accepted',
    ...describeBounce(bounceClass, bounceClass ? of(bounceClass) : []),
    deliveredAt: first('delivery'),
    failure: failed ? `job_${job}` : null,
    deferred: isThere('deferral'),
    complained: isThere('complaint'),
    complainedAt: first('complaint'),
    unsubscribed: isThere('unsubscribe'),
    unsubscribedAt: first('unsubscribe'),
    unsubscribeVisits: of('visit').length,
    autoReplies: of('auto_reply').length,
    unknownEvents: of('unknown_event').length,
    events: distinct.length,
  };
}

const PERMANENT = ['hard', 'policy'] as const satisfies readonly BounceClass[];
const ALL_BOUNCES = [...PERMANENT, 'soft', 'unknown'] as const satisfies readonly BounceClass[];

const DELIVERY_EVIDENCE = ['delivery', 'complaint', 'unsubscribe'] as const satisfies readonly Reading[];

/** Of the earliest of these bounces. */
function describeBounce(
  bounceClass: BounceClass | null,
  bounces: readonly ReadEvent[],
): Pick<MessageState, 'bounceClass' | 'bounceCode' | 'bounceDescription' | 'bouncedAt'> {
  const [first] = bounces.toSorted((a, b) => compare(orderOf(a.event), orderOf(b.event)));
  return {
    bounceClass,
    bounceCode: first?.bounce?.code ?? null,
    bounceDescription: first?.event.bounceDescription ?? null,
    bouncedAt: first?.at ?? null,
  };
}

/** Each event once. If one key comes with different contents, always the same of them, whatever the order. */
function distinctEvents(events: readonly EmailEvent[]): readonly EmailEvent[] {
  const byKey = new Map<string, EmailEvent>();
  for (const event of events) {
    const key = eventKey(event);
    const known = byKey.get(key);
    if (!known || orderOf(event) < orderOf(known)) byKey.set(key, event);
  }
  return [...byKey.values()];
}

/** By time, those without one last; then by everything else, so that no two different events are equal. */
function orderOf(event: EmailEvent): string {
  const { eventType, bounceCode, bounceDescription, bounceType, linkUrl, method, machine } = event;
  const { eventId, messageId, recipientId, emailAddress, timestamp } = event;
  const parts = [eventType, bounceCode, bounceDescription, bounceType, linkUrl, method, machine];
  return `${readEvent(event).at ?? '~'} ${JSON.stringify([...parts, eventId, messageId, recipientId, emailAddress, timestamp])}`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
