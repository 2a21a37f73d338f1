/** The events of a job, and its status at a given time. Both follow from what was decided when it was accepted. Pure. */
import type { EmailJob, SentRecipient, VisibleEvent } from './email.jobs.ts';
import { type Behaviour, draw, type Lifecycle } from './email.plan.ts';

interface Step {
  readonly eventType: string;
  /** After a delivery. */
  readonly isFollowUp?: true;
  readonly fields?: Readonly<Record<string, unknown>>;
}

const LINK = 'https://example.com/offer';
const DELIVERY: Step = { eventType: 'delivery' };
/**
 * What people do is stamped so long after the delivery at least, because nobody reads and clicks in less, and whoever seems to is
 * taken for a scanner. It can be read at once all the same, so that nobody has to wait for it.
 */
const PEOPLE_NEED_SECONDS = 3;
const followUp = (eventType: string, fields: Step['fields'] = {}): Step => ({
  eventType,
  isFollowUp: true,
  fields,
});
const bounce = (bounceCode: string, bounceType: string, bounceDescription: string): Step => ({
  eventType: 'bounce',
  fields: { bounceCode, bounceDescription, bounceType },
});
const OPEN = followUp('open');
const CLICK = followUp('click', { linkUrl: LINK });
/** A mail scanner opens the message and follows every link. */
const SCAN = [
  followUp('open', { machine: true }),
  ...['', '?a', '?b'].map((query) => followUp('click', { linkUrl: LINK + query, machine: true })),
];

/** Codes and texts as mail servers give them (RFC 3463). */
const STEPS: Readonly<Record<Behaviour['does'], readonly Step[]>> = {
  nothing: [],
  delivered: [DELIVERY],
  deferred: [
    { ...bounce('4.4.1', 'Transient', 'smtp; 421 4.4.1 timed out'), eventType: 'deferred' },
    DELIVERY,
  ],
  soft: [bounce('4.2.1', 'Transient', 'smtp; 450 4.2.1 mailbox busy')],
  hard: [bounce('5.1.1', 'Permanent', 'smtp; 550 5.1.1 no such user')],
  policy: [bounce('5.7.1', 'Permanent', 'smtp; 550 5.7.1 blocked, reputation of the sending host')],
  complaint: [DELIVERY, followUp('complaint')],
  auto_reply: [DELIVERY, followUp('auto_reply')],
  unsubscribe: [DELIVERY, OPEN, followUp('unsubscribe', { method: 'POST' })],
  open: [DELIVERY, OPEN],
  click: [DELIVERY, OPEN, CLICK],
  click_only: [DELIVERY, CLICK],
  machine: [DELIVERY, ...SCAN],
};

/** null: the job is not to be seen yet. */
export function statusOf({ acceptedAtMs, lifecycle }: EmailJob, nowMs: number): string | null {
  const { ends, processingAs } = lifecycle;
  const { queuedAtMs, startMs, endMs } = timesOf(acceptedAtMs, lifecycle);
  if (nowMs < queuedAtMs) return null;
  if (nowMs < startMs) return 'queued';
  return nowMs < endMs || ends === 'stuck' ? processingAs : ends;
}

/** In the order in which they can be read: what comes later is at the end, so that pages by offset stay as they are. */
export function eventsOf(job: EmailJob, seed: number, nowMs: number): unknown[] {
  const { ends, reaches = ends === 'failed' || ends === 'cancelled' ? 0 : 1 } = job.lifecycle;
  const reached = job.recipients.slice(0, Math.ceil(reaches * job.recipients.length));
  return [...reached.flatMap((recipient) => eventsOfRecipient(job, recipient, seed)), ...job.added]
    .filter(({ visibleAtMs }) => visibleAtMs <= nowMs)
    .sort((a, b) => a.visibleAtMs - b.visibleAtMs)
    .map(({ event }) => event);
}

function eventsOfRecipient(job: EmailJob, recipient: SentRecipient, seed: number): VisibleEvent[] {
  const { behaviour } = recipient;
  const { startMs, endMs } = timesOf(job.acceptedAtMs, job.lifecycle);
  const drawn = draw(seed, { address: recipient.toAddress, earlier: recipient.earlier }, 'time');
  const processedMs = startMs + Math.floor(0.9 * drawn * (endMs - startMs));
  const events = stepsOf(behaviour).map((step, k): VisibleEvent => {
    const delayMs = 1000 * (behaviour.delaySeconds + step.seconds);
    const timestampMs = processedMs + k + delayMs + 1000 * step.stampedLaterSeconds;
    // Without a delay, all of them are there when the job is done.
    const visibleAtMs =
      Math.min(processedMs + k, Math.max(endMs, startMs)) + delayMs + 1000 * behaviour.lateSeconds;
    return { visibleAtMs, event: toEvent(recipient, step, k, timestampMs) };
  });
  const lastMs = Math.max(...events.map(({ visibleAtMs }) => visibleAtMs));
  const ordered = behaviour.outOfOrder
    ? events.toReversed().map(({ event }) => ({ visibleAtMs: lastMs, event }))
    : events;
  return ordered.flatMap((event) => Array<VisibleEvent>(behaviour.copies).fill(event));
}

function stepsOf({ does, followUpSeconds, events, bounceCode, bounceDescription, bounceType }: Behaviour) {
  const given = Object.entries({ bounceCode, bounceDescription, bounceType }).filter(
    ([, each]) => each !== undefined,
  );
  const known = STEPS[does].map(({ eventType, isFollowUp, fields }) => ({
    eventType,
    seconds: isFollowUp === true ? followUpSeconds : 0,
    stampedLaterSeconds:
      isFollowUp === true && fields?.machine !== true
        ? Math.max(0, PEOPLE_NEED_SECONDS - followUpSeconds)
        : 0,
    fields: { ...fields, ...(eventType === 'bounce' && Object.fromEntries(given)) },
  }));
  const more = events.map(({ eventType, seconds, ...fields }) => ({
    ...{ eventType, seconds, fields },
    stampedLaterSeconds: 0,
  }));
  return [...known, ...more];
}

function toEvent(
  { messageId, recipientId, toAddress, behaviour }: SentRecipient,
  { eventType, fields }: ReturnType<typeof stepsOf>[number],
  k: number,
  timestampMs: number,
) {
  return {
    ...(!behaviour.withoutEventId && { eventId: `${messageId}-${k + 1}` }),
    eventType,
    messageId,
    recipientId,
    emailAddress: toAddress,
    timestamp: new Date(timestampMs).toISOString(),
    ...fields,
  };
}

function timesOf(acceptedAtMs: number, { hiddenSeconds, queuedSeconds, processingSeconds }: Lifecycle) {
  const queuedAtMs = acceptedAtMs + 1000 * hiddenSeconds;
  const startMs = queuedAtMs + 1000 * queuedSeconds;
  return { queuedAtMs, startMs, endMs: startMs + 1000 * processingSeconds };
}
