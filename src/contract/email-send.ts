/** Email send: one message to the recipients of a source, followed until it is known what became of each. */

import { CONSENT_POLICIES, type ConsentPolicy } from '../domain/consent/eligibility.ts';
import { parseDuration } from '../domain/durations.ts';
import type { CanaryPlan } from '../domain/email-send/canary.ts';
import { recipientMapProblems } from '../domain/email-send/columns.ts';
import type { ExpectedOutcomes } from '../domain/email-send/expected.ts';
import type { DeliveryFigures } from '../domain/email-send/figures.ts';
import {
  type EmailMessage,
  type MessageInput,
  messageProblems,
  readMessage,
} from '../domain/email-send/message.ts';
import { readSendAt } from '../domain/email-send/schedule.ts';
import {
  type Checked,
  type ChecksOf,
  COMMON_FIELDS,
  checkFields,
  duration,
  type FieldCheck,
  oneOf,
  source,
} from './input.ts';
import type { BulkResult, CommonInput, Source } from './run.ts';
import type { OperationSpec } from './spec.ts';

const CHANNEL_CONSENT = ['require', 'ignore'] as const;
export type ChannelConsent = (typeof CHANNEL_CONSENT)[number];

export interface EmailSendInput extends CommonInput {
  /** What is sent, without its recipients: those are the source. */
  readonly message: MessageInput;
  readonly source: Source;
  /**
   * `require`: only people whose preferences in CXone permit email, looked up by their contact id; the others become
   * `ineligible`. `ignore`: consent is not looked up; suppressions and objections count all the same. Default `require`.
   */
  readonly channelConsent?: ChannelConsent;
  /** With `channelConsent: "require"`: which rules apply. Default `default`. */
  readonly policy?: ConsentPolicy;
  /** Not before this moment, at most 366 days from now: ISO 8601 with an offset, or a local time and a time zone. Default: at once. */
  readonly sendAt?: string;
  /** What is not sent by this moment is sent only after a person has resumed the run. Same forms as `sendAt`. Default: never too late. */
  readonly sendBefore?: string;
  /**
   * Percent of the batches that are sent first, and judged before the rest is sent: 1 to 50. Default: no canary.
   * @asType integer
   */
  readonly canary?: number;
  /** With `canary`: how long its events are awaited. Default "1h". */
  readonly canaryWait?: string;
  /** A message that bounced temporarily is sent again after this time. Default "6h". */
  readonly retryAfter?: string;
  /**
   * How often at most, 0 to 5. Default 2.
   * @asType integer
   */
  readonly retries?: number;
  /** How long a job is polled, and its events are awaited. Then what is not known stays open as `accepted`. Default "24h". */
  readonly pollDeadline?: string;
  /** How long the events of a finished job are read on, for late bounces, complaints and opt-outs. Default: not at all. */
  readonly watchEvents?: string;
}

export interface EmailSendResult extends BulkResult {
  readonly kind: 'emailSend';
  readonly templateId: string;
  /** How many jobs CXone has made of the batches. */
  readonly jobs: number;
  /** What became of the recipients who were sent the message; it adds up to `counts.sent`. */
  readonly delivery: DeliveryFigures;
}

/** What the plan of an email send says beyond those of other operations (`figures`). An approval binds to it. */
export interface EmailSendFigures {
  /** Whether consent is looked up, and by which rules. */
  readonly consent: { readonly channelConsent: ChannelConsent; readonly policy?: ConsentPolicy };
  /** Messages per day of the tenant. How many of today's are left is in `outlook`. */
  readonly dailyLimit: number;
  /** Days on which messages leave, if nothing else is sent meanwhile. */
  readonly days: number;
  /** Recipients of the first share and what it can show; null: the run has none. */
  readonly canary: {
    readonly recipients: number;
    readonly batches: number;
    readonly plan: CanaryPlan;
  } | null;
}

/**
 * What the plan says about the time at which it was made (`outlook`). It changes by itself, so an approval does not bind to it: if
 * somebody objects meanwhile, fewer messages are sent than were approved, never others.
 */
export interface EmailSendOutlook {
  /** Messages that may still leave on that day. */
  readonly roomToday: number;
  /** What becomes of the recipients as far as our own ledger knew then. It adds up to `toWrite` of the plan. */
  readonly expected: ExpectedOutcomes;
}

const MAX_RETRIES = 5;
const MAX_CANARY_PERCENT = 50;

const between =
  (least: number, most: number): FieldCheck =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `must be a whole number from ${least} to ${most}`;

const checkMoment = (value: unknown, now?: number): string | null => {
  const read = typeof value === 'string' ? readSendAt(value, now) : { problem: 'must be a text' };
  return 'problem' in read ? read.problem : null;
};
const moment: FieldCheck = (value) => checkMoment(value);
/** In a workflow, the time is that of its history. */
const soon: FieldCheck = (value) => checkMoment(value, Date.now());

const FIELDS = {
  // inputProblems checks it.
  message: () => null,
  source,
  channelConsent: oneOf(...CHANNEL_CONSENT),
  policy: oneOf(...CONSENT_POLICIES),
  sendAt: soon,
  sendBefore: moment,
  canary: between(1, MAX_CANARY_PERCENT),
  canaryWait: duration,
  retryAfter: duration,
  retries: between(0, MAX_RETRIES),
  pollDeadline: duration,
  watchEvents: duration,
  ...COMMON_FIELDS,
} satisfies ChecksOf<EmailSendInput>;

export const emailSend: OperationSpec<'emailSend', EmailSendInput> = {
  kind: 'emailSend',
  stem: 'email-send',
  identity: 'once',
  check: (value) =>
    checkFields<EmailSendInput>(
      value,
      FIELDS,
      ['message', 'source'],
      inputProblems(value),
    ) satisfies Checked<EmailSendInput>,
  target: (input) => messageOf(input).templateId,
  title: (input) => `Email send with template ${messageOf(input).templateId}`,
  // When it is sent, and to whom of them, decides nothing about what is sent: the run that ignores consent after one that did not
  // would send it again to those who had been sent it.
  fingerprint: (input) => ({
    message: sentPart(messageOf(input)),
    map: ('map' in input.source && input.source.map) || {},
  }),
  columnProblems: (columns, map) => recipientMapProblems(columns, map),
};

/** A preview is never sent, so a better one makes no other message of it. */
function sentPart({ preview: _, ...message }: EmailMessage): Omit<EmailMessage, 'preview'> {
  return message;
}

/** The message of an input that was checked. */
export function messageOf({ message }: EmailSendInput): EmailMessage {
  const read = readMessage(message);
  if ('problems' in read) throw new TypeError('the message of the input was not checked');
  return read.message;
}

/** What a request to CXone says beside its recipients. The hash of each message covers it. */
export function envelopeOf({ subject, templateId, senderAddress, tracking }: EmailMessage) {
  return { subject, templateId, senderAddress, ...(tracking && { tracking }) };
}

/** Times in ms, with defaults filled in. */
export function emailSendTimes(input: EmailSendInput) {
  return {
    canaryWaitMs: toMs(input.canaryWait ?? '1h'),
    retryAfterMs: toMs(input.retryAfter ?? '6h'),
    pollDeadlineMs: toMs(input.pollDeadline ?? '24h'),
    watchEventsMs: input.watchEvents === undefined ? 0 : toMs(input.watchEvents),
    sendAtMs: input.sendAt === undefined ? null : toEpochMs(input.sendAt),
    sendBeforeMs: input.sendBefore === undefined ? null : toEpochMs(input.sendBefore),
  };
}

export const retriesOf = ({ retries = 2 }: EmailSendInput): number => retries;

function toMs(given: string): number {
  const ms = parseDuration(given);
  return typeof ms === 'number' ? ms : 0;
}

function toEpochMs(given: string): number {
  const read = readSendAt(given);
  return 'problem' in read ? 0 : Date.parse(read.at);
}

function inputProblems(value: unknown): readonly string[] {
  const given = (value ?? {}) as Partial<Record<keyof EmailSendInput, unknown>>;
  const { message, policy, channelConsent, canary, canaryWait, sendAt, sendBefore } = given;
  const isLateBeforeItBegins =
    typeof sendAt === 'string' &&
    typeof sendBefore === 'string' &&
    moment(sendAt) === null &&
    moment(sendBefore) === null &&
    toEpochMs(sendBefore) <= toEpochMs(sendAt);
  return [
    ...(message === undefined
      ? []
      : messageProblems(message, 'message').map(({ path, message: what }) => `${path} ${what}`)),
    ...(policy !== undefined && channelConsent === 'ignore'
      ? ['policy has no effect with channelConsent "ignore": leave one of them out']
      : []),
    ...(canaryWait !== undefined && canary === undefined ? ['canaryWait needs canary'] : []),
    ...(isLateBeforeItBegins ? ['sendBefore must be later than sendAt'] : []),
  ];
}
