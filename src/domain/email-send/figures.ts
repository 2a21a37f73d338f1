/** The figures of what was sent: parts that add up, and rates, each with its denominator. Pure. */
import { percentOf } from '../numbers.ts';
import { BOUNCE_CLASSES, type BounceClass } from './bounces.ts';
import type { MessageState } from './delivery.ts';
import type { Engagement } from './engagement.ts';

/** Numbers of messages where nothing else is said. Of any number of messages, and those of two sets add up. */
export interface DeliveryCounts {
  readonly delivered: number;
  readonly bounced: Readonly<Record<BounceClass, number>>;
  readonly failed: number;
  readonly accepted: number;
  /** Of writes whose answer was lost: nobody knows whether they were sent. They have no events. */
  readonly inDoubt: number;
  /** Accepted messages that were put off at least once. */
  readonly deferred: number;
  /** In whatever state. */
  readonly complained: number;
  readonly unsubscribed: number;
  /** What the delivered messages have besides, so that no rate exceeds 100 %. Opened and clicked: by people. */
  readonly ofDelivered: Readonly<Record<'opened' | 'clicked' | 'complained' | 'unsubscribed', number>>;
  /** Numbers of events, each once. */
  readonly opens: Engagement;
  readonly clicks: Engagement;
  readonly unsubscribeVisits: number;
  readonly autoReplies: number;
  readonly unknownEvents: number;
}

const NO_ENGAGEMENT: Engagement = { people: 0, machines: 0, suspected: 0 };

export const NO_DELIVERY_COUNTS: DeliveryCounts = {
  delivered: 0,
  bounced: { hard: 0, soft: 0, policy: 0, unknown: 0 },
  failed: 0,
  accepted: 0,
  inDoubt: 0,
  deferred: 0,
  complained: 0,
  unsubscribed: 0,
  ofDelivered: { opened: 0, clicked: 0, complained: 0, unsubscribed: 0 },
  opens: NO_ENGAGEMENT,
  clicks: NO_ENGAGEMENT,
  unsubscribeVisits: 0,
  autoReplies: 0,
  unknownEvents: 0,
};

export function countMessage(message: MessageState): DeliveryCounts {
  const { state, bounceClass, complained, unsubscribed, opens, clicks } = message;
  const isDelivered = state === 'delivered';
  return {
    ...NO_DELIVERY_COUNTS,
    delivered: Number(isDelivered),
    bounced: { ...NO_DELIVERY_COUNTS.bounced, ...(bounceClass && { [bounceClass]: 1 }) },
    failed: Number(state === 'failed'),
    accepted: Number(state === 'accepted'),
    deferred: Number(state === 'accepted' && message.deferred),
    complained: Number(complained),
    unsubscribed: Number(unsubscribed),
    ofDelivered: {
      opened: Number(isDelivered && opens.people > 0),
      clicked: Number(isDelivered && clicks.people > 0),
      complained: Number(isDelivered && complained),
      unsubscribed: Number(isDelivered && unsubscribed),
    },
    opens,
    clicks,
    unsubscribeVisits: message.unsubscribeVisits,
    autoReplies: message.autoReplies,
    unknownEvents: message.unknownEvents,
  };
}

export function addDeliveryCounts(a: DeliveryCounts, b: DeliveryCounts): DeliveryCounts {
  return addNumbers(a, b);
}

/** Of `times` messages with the same counts. */
export function multiplyDeliveryCounts(counts: DeliveryCounts, times: number): DeliveryCounts {
  return multiplyNumbers(counts, times);
}

function multiplyNumbers<T extends object>(numbers: T, times: number): T {
  const products = Object.entries(numbers).map(([key, value]) => [
    key,
    typeof value === 'number' ? value * times : multiplyNumbers(value as object, times),
  ]);
  return Object.fromEntries(products) as T;
}

/** Of two objects of one shape whose leaves are all numbers. */
function addNumbers<T extends object>(a: T, b: T): T {
  const sums = Object.entries(a).map(([key, value]) => {
    const other: unknown = (b as Record<string, unknown>)[key];
    const sum =
      typeof value === 'number' ? value + (other as number) : addNumbers(value as object, other as object);
    return [key, sum];
  });
  return Object.fromEntries(sums) as T;
}

/** What each rate divides, for people. The docs and the reports show it. */
export const DELIVERY_RATES = {
  delivery: { part: 'delivered', whole: 'sent' },
  bounce: { part: 'bounced, of every class', whole: 'sent' },
  hardBounce: { part: 'bounced, hard', whole: 'sent' },
  softBounce: { part: 'bounced, soft', whole: 'sent' },
  policyBounce: { part: 'bounced, policy', whole: 'sent' },
  unknownBounce: { part: 'bounced, unknown', whole: 'sent' },
  failure: { part: 'failed', whole: 'sent' },
  open: { part: 'delivered and opened by a person', whole: 'delivered' },
  click: { part: 'delivered and clicked by a person', whole: 'delivered' },
  complaint: { part: 'delivered and complained about', whole: 'delivered' },
  unsubscribe: { part: 'delivered and unsubscribed', whole: 'delivered' },
} as const;
export type DeliveryRate = keyof typeof DELIVERY_RATES;

export interface DeliveryFigures extends DeliveryCounts {
  /** delivered + bounced + failed + accepted + in doubt. */
  readonly sent: number;
  /** The sum over the classes. */
  readonly bouncedTotal: number;
  /** In percent, two decimals; null: there is nothing to divide by. */
  readonly rates: Readonly<Record<DeliveryRate, number | null>>;
}

export function countBounced(bounced: DeliveryCounts['bounced']): number {
  return BOUNCE_CLASSES.reduce((sum, each) => sum + bounced[each], 0);
}

export function deliveryFigures(counts: DeliveryCounts): DeliveryFigures {
  const { delivered, bounced, failed, accepted, inDoubt, ofDelivered } = counts;
  const bouncedTotal = countBounced(bounced);
  const sent = delivered + bouncedTotal + failed + accepted + inDoubt;
  const rates = {
    delivery: percentOf(delivered, sent),
    bounce: percentOf(bouncedTotal, sent),
    hardBounce: percentOf(bounced.hard, sent),
    softBounce: percentOf(bounced.soft, sent),
    policyBounce: percentOf(bounced.policy, sent),
    unknownBounce: percentOf(bounced.unknown, sent),
    failure: percentOf(failed, sent),
    open: percentOf(ofDelivered.opened, delivered),
    click: percentOf(ofDelivered.clicked, delivered),
    complaint: percentOf(ofDelivered.complained, delivered),
    unsubscribe: percentOf(ofDelivered.unsubscribed, delivered),
  };
  return { ...counts, sent, bouncedTotal, rates };
}
