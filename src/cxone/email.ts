/** Email: suppressions, messages, their jobs and events (docs/cxone-contract.md#email). */
import { z } from 'zod';
import { type Answer, requireReadable } from './answer.ts';
import {
  ASKED_EVENT_TYPES,
  EMAIL_SUPPRESSIONS,
  EMAIL_SUPPRESSIONS_PATH,
  type EmailEnvelope,
  type EmailTracking,
  EVENTS,
  EVENTS_PATH,
  foldAddress,
  JOB,
  JOB_PATH,
  MAX_EVENTS_PER_PAGE,
  MAX_RECIPIENTS_PER_MESSAGE,
  MESSAGE_ACCEPTED,
  MESSAGE_REFUSED,
  MESSAGES_PATH,
  NOBODYS_JOB,
} from './email.wire.ts';
import { type EmailEvent, readEvent } from './email-events.ts';
import type { FamilyClient } from './family.ts';
import {
  type AcceptedRecipient,
  matchAccepted,
  matchNamed,
  type NamedRecipient,
} from './named-recipients.ts';

export type { EmailEnvelope, EmailRecipient, EmailTracking } from './email.wire.ts';
export { MAX_EVENTS_PER_PAGE, MAX_RECIPIENTS_PER_MESSAGE } from './email.wire.ts';
export type { EmailEvent } from './email-events.ts';
export type { AcceptedRecipient, NamedRecipient } from './named-recipients.ts';

export interface GetSuppressionRequest {
  readonly address: string;
  readonly signal?: AbortSignal | undefined;
  /** Awaited before the request, e.g. for a permit of the rate budget. */
  readonly beforeRequest?: (() => Promise<void>) | undefined;
}
/** CXone's evidence, which may contain personal data. */
export interface EmailSuppression {
  readonly reason: string | null;
  /** As CXone returns it. */
  readonly addedDate: string | null;
}

export interface SendMessageRequest {
  readonly envelope: EmailEnvelope;
  readonly recipients: SerializedRecipients;
  /** `X-Idempotency-Key`. Only some tenants honour it; those answer a repeat with the first `jobId`. */
  readonly idempotencyKey: string;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called synchronously right before the first byte leaves, and again before the repeat after a 401. If it throws,
   * nothing is sent.
   */
  readonly beforeSend?: (() => void) | undefined;
}
/** Recipients as JSON text, which is sent unchanged. */
export interface SerializedRecipients {
  /** 1 to 1,000. */
  readonly count: number;
  /** A JSON array of EmailRecipient. */
  readonly json: string;
}

/** `message`, `notes` and the messages in `named` come from CXone and may contain personal data: never log them. */
export type SendMessageAnswer = {
  readonly status: number;
  /** Our `X-Request-Id`. */
  readonly requestId: string;
  /** What CXone says about single recipients. An `error` of an accepted message: CXone does not send to this one. */
  readonly named: readonly NamedRecipient[];
  /** What CXone says beyond single recipients: the message of a refusal, and entries that match no recipient. */
  readonly notes: readonly string[];
} & (
  | {
      readonly kind: 'accepted';
      /** For `getJob` and `readEvents`. */
      readonly jobId: string;
      /** Those whose ids CXone names. null: it names none, so their events bind the ids. */
      readonly recipients: readonly AcceptedRecipient[] | null;
    }
  /** 400, 409 or 422: nothing was sent. */
  | { readonly kind: 'refused'; readonly message: string }
);

export interface GetJobRequest {
  readonly jobId: string;
  readonly signal?: AbortSignal | undefined;
}
export interface EmailJob {
  /** As CXone returns it. */
  readonly status: string;
  /** `unknown`: no status of the contract, so the job may still change. */
  readonly known: KnownJobStatus | 'unknown';
  /** null: not given. */
  readonly spamScore: number | null;
}
export type KnownJobStatus = (typeof KNOWN_JOB_STATUSES)[number];
const KNOWN_JOB_STATUSES = ['queued', 'processing', 'completed', 'failed', 'cancelled'] as const;

export interface ReadEventsRequest {
  readonly jobId: string;
  /** How many events of the job come before the page. */
  readonly offset: number;
  /** Default and maximum: 1,000. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
export interface EventsPage {
  readonly events: readonly EmailEvent[];
  /** Of the events. Fewer than `limit`: there are no more at present. */
  readonly count: number;
}

export interface Email {
  /**
   * null: not suppressed. Errors: those of errors.ts; CxoneUnreadable also if the answer is not about this address, since
   * then it does not say that the person may be contacted.
   */
  getSuppression(request: GetSuppressionRequest): Promise<EmailSuppression | null>;
  /**
   * Not idempotent: whoever repeats it after an error with `applied: 'unknown'` may send twice. Errors: those of errors.ts;
   * RangeError if there are no recipients or too many.
   */
  sendMessage(request: SendMessageRequest): Promise<SendMessageAnswer>;
  /** null: CXone does not know the job (yet). Errors: those of errors.ts. */
  getJob(request: GetJobRequest): Promise<EmailJob | null>;
  /** One page, in CXone's order. Errors: those of errors.ts; RangeError for a `limit` out of range. */
  readEvents(request: ReadEventsRequest): Promise<EventsPage>;
  /**
   * Reads a job that nobody has, which changes nothing and names nobody: resolves if CXone answers, whatever it says.
   * Errors: those of errors.ts.
   */
  probe(): Promise<void>;
}

export function createEmail(client: FamilyClient): Email {
  return {
    getSuppression: (request) => getSuppression(client, request),
    sendMessage: (request) => sendMessage(client, request),
    getJob: (request) => getJob(client, request),
    readEvents: (request) => readEvents(client, request),
    probe: async () => {
      const request = { verb: 'GET', path: JOB_PATH, params: { jobId: NOBODYS_JOB } } as const;
      requireReadable(await client.call({ ...request, expect: [400, 404, 422] }));
    },
  };
}

async function getSuppression(
  client: FamilyClient,
  { address, signal, beforeRequest }: GetSuppressionRequest,
): Promise<EmailSuppression | null> {
  await beforeRequest?.();
  const answer = await client.call({
    verb: 'GET',
    path: EMAIL_SUPPRESSIONS_PATH,
    params: {},
    query: { email: address, limit: '1' },
    expect: [404],
    signal,
  });
  if (isNotFound(answer)) return null;
  const { results } = answer.read(EMAIL_SUPPRESSIONS);
  if (results.length === 0) return null;
  const found = results.find(({ email }) => foldAddress(email) === foldAddress(address));
  // If a proxy or CXone ignored the query, a person without an entry on this page may have one on another.
  if (found === undefined) throw answer.unreadable('the suppression of another address');
  return { reason: found.reason, addedDate: found.addedDate };
}

/** The 404 of something between us and CXone says nothing about a person or a job. CXone's own is JSON or empty. */
function isNotFound(answer: Answer): boolean {
  if (answer.status === 404 && !answer.isEmpty) answer.read(z.unknown());
  return answer.status === 404;
}

async function sendMessage(client: FamilyClient, request: SendMessageRequest): Promise<SendMessageAnswer> {
  const { envelope, recipients, idempotencyKey, signal, beforeSend } = request;
  const addresses = readAddresses(recipients);
  const answer = await client.call({
    verb: 'POST',
    path: MESSAGES_PATH,
    params: {},
    headers: { 'X-Idempotency-Key': idempotencyKey },
    bodyText: toBody(envelope, recipients.json),
    expect: [400, 409, 422],
    signal,
    beforeSend,
  });
  const { status, requestId } = answer;
  if (status >= 300) {
    const body = answer.read(MESSAGE_REFUSED);
    const { named, notes } = matchNamed(body, addresses);
    const message = body.message ?? `refused (${status})`;
    const all = body.message == null ? notes : [body.message, ...notes];
    return { kind: 'refused', status, requestId, message, named, notes: all };
  }
  const { jobId, recipients: entries, ...about } = answer.read(MESSAGE_ACCEPTED);
  const ids = matchAccepted(entries ?? [], addresses);
  const accepted = ids.length === 0 ? null : ids;
  return {
    kind: 'accepted',
    status,
    requestId,
    jobId,
    recipients: accepted,
    ...matchNamed(about, addresses),
  };
}

/** Before anything is sent: without them, the answer could not be understood. */
function readAddresses({ count, json }: SerializedRecipients): string[] {
  if (count < 1 || count > MAX_RECIPIENTS_PER_MESSAGE)
    throw new RangeError(`a message has 1 to ${MAX_RECIPIENTS_PER_MESSAGE} recipients, not ${count}`);
  const addresses = (JSON.parse(json) as { readonly toAddress: string }[]).map(({ toAddress }) => toAddress);
  if (addresses.length !== count)
    throw new RangeError(`the text has ${addresses.length} of ${count} recipients`);
  return addresses;
}

/** The order of the keys is fixed: a repeat under the same idempotency key must have the same bytes. */
function toBody({ subject, templateId, senderAddress, tracking }: EmailEnvelope, recipients: string): string {
  const parts = [
    ...Object.entries({ subject, templateId, senderAddress }).map(toMember),
    `"recipients":${recipients}`,
    ...(tracking === undefined ? [] : [toMember(['tracking', orderTracking(tracking)])]),
  ];
  return `{${parts.join(',')}}`;
}

function toMember([name, value]: readonly [string, unknown]): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

function orderTracking({ enableOpens, enableClicks }: EmailTracking): EmailTracking {
  return { enableOpens, enableClicks };
}

async function getJob(client: FamilyClient, { jobId, signal }: GetJobRequest): Promise<EmailJob | null> {
  const request = { verb: 'GET', path: JOB_PATH, params: { jobId } } as const;
  const answer = await client.call({ ...request, expect: [404], signal });
  if (isNotFound(answer)) return null;
  const { jobId: answered, status, spamScore } = answer.read(JOB);
  if (answered != null && answered !== jobId) throw answer.unreadable('the status of another job');
  const folded = status.trim().toLowerCase();
  return { status, known: KNOWN_JOB_STATUSES.find((known) => known === folded) ?? 'unknown', spamScore };
}

async function readEvents(client: FamilyClient, request: ReadEventsRequest): Promise<EventsPage> {
  const { jobId, offset, limit = MAX_EVENTS_PER_PAGE, signal } = request;
  if (limit < 1 || limit > MAX_EVENTS_PER_PAGE)
    throw new RangeError(`a page has 1 to ${MAX_EVENTS_PER_PAGE} events, not ${limit}`);
  const eventType = ASKED_EVENT_TYPES.join(',');
  const answer = await client.call({
    verb: 'GET',
    path: EVENTS_PATH,
    params: {},
    query: { jobId, limit: String(limit), offset: String(offset), eventType },
    expect: [],
    signal,
  });
  const events = answer.read(EVENTS).results.map(readEvent);
  return { events, count: events.length };
}
