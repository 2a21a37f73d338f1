/** The events of a message: what each is read as, and what makes two of them the same. Pure. */
import { toUtcTimestamp } from '../timestamps.ts';
import { type BounceReading, type ClassifiedBounce, classifyBounce } from './bounces.ts';

/** As CXone has it; null: it is missing or cannot be kept (docs/cxone-contract.md#email). */
export interface EmailEvent {
  readonly eventType: string;
  /** Of the event itself. */
  readonly eventId: string | null;
  readonly messageId: string | null;
  readonly recipientId: string | null;
  readonly emailAddress: string | null;
  /** As it was received, usually ISO 8601. */
  readonly timestamp: string | null;
  readonly bounceCode: string | null;
  readonly bounceDescription: string | null;
  /** The label that the mail provider gives the bounce. */
  readonly bounceType: string | null;
  readonly linkUrl: string | null;
  /** Of the HTTP request behind an `unsubscribe`: `GET` or `POST`. */
  readonly method: string | null;
  /** Whether the mail provider takes it for the work of a machine. */
  readonly machine: boolean | null;
}

export type EventKind =
  | 'delivery'
  | 'bounce'
  | 'deferral'
  | 'complaint'
  | 'unsubscribe'
  | 'open'
  | 'click'
  | 'auto_reply'
  /** Of a type that is not known: recorded, without effect. */
  | 'unknown';

/** The names that are understood, in lower case, with `_` between words. */
export const EVENT_TYPES: Readonly<Record<Exclude<EventKind, 'unknown'>, readonly string[]>> = {
  delivery: ['delivery', 'delivered'],
  bounce: ['bounce', 'bounced'],
  deferral: ['deferred', 'deferral'],
  complaint: ['complaint', 'complained'],
  unsubscribe: ['unsubscribe', 'unsubscribed'],
  open: ['open', 'opened'],
  click: ['click', 'clicked'],
  auto_reply: ['auto_reply', 'autoreply'],
};

const KINDS = new Map(
  Object.entries(EVENT_TYPES).flatMap(([kind, names]) => names.map((name) => [name, kind as EventKind])),
);

export function kindOf(eventType: string): EventKind {
  const name = eventType
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');
  return KINDS.get(name) ?? 'unknown';
}

function timeOf({ timestamp }: Pick<EmailEvent, 'timestamp'>): string | null {
  return timestamp === null ? null : toUtcTimestamp(timestamp.trim());
}

/** What an event is read as. A bounce is read as its class, which may be that it is none. */
export type Reading =
  | BounceReading
  | Exclude<EventKind, 'bounce' | 'unknown'>
  | 'machine_open'
  | 'machine_click'
  /** A fetch of the unsubscribe link that unsubscribes nobody. */
  | 'visit'
  /** `unknown` is a bounce. */
  | 'unknown_event';

export interface ReadEvent {
  readonly event: EmailEvent;
  readonly reading: Reading;
  readonly bounce: ClassifiedBounce | null;
  /** ISO 8601, UTC; null: it has none that can be read. */
  readonly at: string | null;
}

export function readEvent(event: EmailEvent): ReadEvent {
  const { bounceCode: code, bounceDescription: description, bounceType: label } = event;
  const kind = kindOf(event.eventType);
  const bounce = kind === 'bounce' ? classifyBounce({ code, description, label }) : null;
  return { event, reading: bounce?.class ?? readingOf(kind, event), bounce, at: timeOf(event) };
}

function readingOf(kind: EventKind, event: EmailEvent): Reading {
  if (kind === 'open' || kind === 'click') return event.machine === true ? `machine_${kind}` : kind;
  if (kind === 'unsubscribe') return isUnsubscription(event) ? kind : 'visit';
  return kind === 'unknown' || kind === 'bounce' ? 'unknown_event' : kind;
}

/**
 * Scanners fetch every link of a message, so a GET is a visit. A POST is the one click of RFC 8058, which the mail program makes
 * for the person. Without a method the provider has decided, unless it names a machine.
 */
function isUnsubscription({ method, machine }: EmailEvent): boolean {
  const verb = method?.trim().toUpperCase() ?? '';
  return verb === '' ? machine !== true : verb === 'POST';
}

/**
 * Two events of a job with one key are the same event, received twice. It consists of what the event is read as, and the event's
 * own id, otherwise messageId, recipientId, time and link. What it is read as is always part of it, so that neither a POST that
 * unsubscribes is lost to the GET of the same second, nor an opening to the delivery where a provider uses one id for both.
 *
 * An event that names neither message nor recipient has the address in its key, because otherwise what happened to two people in
 * the same second would be one event: hash the key where addresses must not be stored.
 */
export function eventKey(event: EmailEvent): string {
  const { eventId, messageId, recipientId, linkUrl, timestamp, eventType } = event;
  const { reading, at } = readEvent(event);
  const type = reading === 'unknown_event' ? [reading, eventType] : [reading];
  if (eventId !== null && eventId.trim() !== '') return JSON.stringify([...type, eventId.trim()]);
  const address = messageId === null && recipientId === null ? event.emailAddress : null;
  return JSON.stringify([...type, messageId, recipientId, at ?? timestamp, linkUrl, address]);
}
