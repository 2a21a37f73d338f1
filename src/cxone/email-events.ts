/** Reads the entries of a page of events, each on its own: what is wrong with one does not concern the others. Pure. */

/** Texts are kept as they are, since some of them identify the event. What is missing or cannot be kept so is null. */
export interface EmailEvent {
  /** As CXone returns it. '': it has none. */
  readonly eventType: string;
  /** Of the event itself. */
  readonly eventId: string | null;
  /** Of the job, where an event names it. */
  readonly jobId: string | null;
  readonly messageId: string | null;
  readonly recipientId: string | null;
  readonly emailAddress: string | null;
  /** As CXone returns it, usually ISO 8601. */
  readonly timestamp: string | null;
  /** An enhanced status such as `5.1.1`, or an SMTP code. */
  readonly bounceCode: string | null;
  /** At most 2,000 characters; the rest is cut off. */
  readonly bounceDescription: string | null;
  /** The label that the mail provider gives the bounce. */
  readonly bounceType: string | null;
  readonly linkUrl: string | null;
  /** Of the HTTP request behind an `unsubscribe`, where an event has it: links are also fetched by scanners. */
  readonly method: string | null;
  /** Whether the mail provider takes it for the work of a machine. */
  readonly machine: boolean | null;
  /** Something about it could not be read, or not be kept as it is. */
  readonly isPartial: boolean;
}

const MAX_TEXT_CHARACTERS = 1_000;
/** Links with long tokens exist. */
const MAX_LINK_CHARACTERS = 8_000;
const MAX_DESCRIPTION_CHARACTERS = 2_000;
/** PostgreSQL cannot store them. */
const UNSTORABLE = /\p{Surrogate}|\0/gu;

export function readEvent(entry: unknown): EmailEvent {
  const isObject = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
  const fields = (isObject ? entry : {}) as Readonly<Record<string, unknown>>;
  let isPartial = !isObject;
  const orPartial = <T>(value: unknown, read: (value: unknown) => T | null): T | null => {
    if (value === undefined || value === null) return null;
    const known = read(value);
    isPartial ||= known === null;
    return known;
  };
  const text = (name: string, max = MAX_TEXT_CHARACTERS) =>
    orPartial(fields[name], (value) => readText(value, max));
  const description = orPartial(fields['bounceDescription'], readDescription);
  const eventType = text('eventType');
  isPartial ||= eventType === null;
  const parts = {
    eventType: eventType ?? '',
    eventId: text('eventId'),
    jobId: text('jobId'),
    messageId: text('messageId'),
    recipientId: text('recipientId'),
    emailAddress: text('emailAddress'),
    timestamp: text('timestamp'),
    bounceCode: text('bounceCode'),
    bounceDescription: description,
    bounceType: text('bounceType'),
    linkUrl: text('linkUrl', MAX_LINK_CHARACTERS),
    method: text('method'),
    machine: orPartial(fields['machine'], (value) => (typeof value === 'boolean' ? value : null)),
  };
  return { ...parts, isPartial };
}

/** Not cut, because what was cut may be the same as that of another event. */
function readText(value: unknown, max: number): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value.length <= max && value.search(UNSTORABLE) < 0 ? value : null;
}

/** People and rules read it, and it identifies nothing. */
function readDescription(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string'
    ? value.slice(0, MAX_DESCRIPTION_CHARACTERS).replace(UNSTORABLE, '\ufffd')
    : null;
}
