/** Requests and answers for email (docs/cxone-contract.md#email), shared with the simulator. */
import { domainToASCII } from 'node:url';
import { z } from 'zod';
import { ID, listOf, MESSAGE, NAME } from './text.wire.ts';

export const MAX_RECIPIENTS_PER_MESSAGE = 1_000;
export const MAX_EVENTS_PER_PAGE = 1_000;
export const EMAIL_SUPPRESSIONS_PATH = '/v1/communications/email/suppressions';
export const MESSAGES_PATH = '/v1/communications/email/messages';
export const JOB_PATH = '/v1/communications/email/jobs/{jobId}';
/** Asked for to learn whether CXone answers. */
export const NOBODYS_JOB = 'cxflow-probe';
export const EVENTS_PATH = '/v1/communications/email/events';

/** Those that are asked for. The email tutorial asks for `delivery,bounce,open,click`; the others are our reading. */
export const ASKED_EVENT_TYPES = [
  'delivery',
  'bounce',
  'deferred',
  'complaint',
  'unsubscribe',
  'open',
  'click',
] as const;

/** What all recipients of a request have in common. */
export interface EmailEnvelope {
  /** 1 to 998 characters. */
  readonly subject: string;
  /** A GUID. */
  readonly templateId: string;
  readonly senderAddress: string;
  /** Without it, nothing is sent about it. */
  readonly tracking?: EmailTracking | undefined;
}
export interface EmailTracking {
  readonly enableOpens: boolean;
  readonly enableClicks: boolean;
}
export interface EmailRecipient {
  readonly toAddress: string;
  readonly mergeFields: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
}

/**
 * For comparing addresses only: case, white space around it, composed Unicode and the form of an international domain do not
 * count. Two addresses that are the same in this sense are the same mailbox. This layer imports no other, so a test holds it to
 * the folding of the rest of cxflow.
 */
export function foldAddress(address: string): string {
  const text = address.trim().normalize('NFC');
  const at = text.lastIndexOf('@');
  const domain = text.slice(at + 1);
  const local = text
    .slice(0, at + 1)
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .normalize('NFC');
  return `${local}${domainToASCII(domain) || domain.toLowerCase()}`;
}

const orNull = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null);

/** Strict about the list itself, because its entries decide whether a person is contacted. */
export const EMAIL_SUPPRESSIONS = z.object({
  results: listOf(
    z.object({ email: NAME, reason: orNull(MESSAGE).catch(null), addedDate: orNull(ID).catch(null) }),
  ),
});

/** Not cut, unlike other ids: the id is sent back. */
const JOB_ID = z
  .union([z.string(), z.number().transform(String), z.bigint().transform(String)])
  .refine((id) => id.trim() !== '' && id.length <= 255 && !/\p{Cc}|\p{Surrogate}/u.test(id), 'is no id');

/** Our reading. Lenient, because the ids are useful but not needed: events name the address, too. */
const ACCEPTED_RECIPIENT = z.object({
  toAddress: NAME,
  recipientId: orNull(ID),
  messageId: orNull(ID),
});
export type AcceptedEntry = z.infer<typeof ACCEPTED_RECIPIENT>;

/** Our reading, as for the other families. */
const NAMED_RECIPIENT = z.object({
  index: z.number().nullish(),
  toAddress: NAME.nullish(),
  code: ID.nullish(),
  field: NAME.nullish(),
  message: MESSAGE.nullish(),
});
export type NamedRecipientEntry = z.infer<typeof NAMED_RECIPIENT>;

const ENTRIES = listOf(z.union([MESSAGE, NAMED_RECIPIENT]), 10 * MAX_RECIPIENTS_PER_MESSAGE)
  .nullish()
  .transform((entries) => entries ?? []);

/** The body of a 202. Whatever else cannot be read, the id of the job shows that the message was accepted. */
export const MESSAGE_ACCEPTED = z.object({
  jobId: JOB_ID,
  recipients: orNull(
    listOf(ACCEPTED_RECIPIENT.nullable().catch(null), 10 * MAX_RECIPIENTS_PER_MESSAGE),
  ).catch(null),
  warnings: ENTRIES.catch([]),
  errors: ENTRIES.catch([]),
});

/** The body of a 400, 409 or 422. */
export const MESSAGE_REFUSED = z.object({
  message: MESSAGE.nullish(),
  warnings: ENTRIES,
  errors: ENTRIES,
});

export const JOB = z.object({
  /** Compared only. */
  jobId: ID.nullish(),
  status: NAME,
  spamScore: orNull(z.number()).catch(null),
});

/** Only how many there are decides about the next page, so each entry is read on its own (email-events.ts). */
export const EVENTS = z.object({ results: listOf(z.unknown(), 100 * MAX_EVENTS_PER_PAGE) });
