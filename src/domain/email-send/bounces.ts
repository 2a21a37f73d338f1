/**
 * What a bounce means, by the first evidence there is: the enhanced status code, then the plain SMTP code, then the label of the
 * mail provider (docs/email-send-events.md#bounces). The tables are data, each line with its source. Pure.
 */

/** What a bounced message counts as. */
export const BOUNCE_CLASSES = ['hard', 'soft', 'policy', 'unknown'] as const;
export type BounceClass = (typeof BOUNCE_CLASSES)[number];

/** Some providers report complaints and automatic replies as bounces, too; they are neither. */
export type BounceReading = BounceClass | 'complaint' | 'auto_reply';

/** As an event has it; nothing has to be there or be readable. */
export interface Bounce {
  /** An enhanced status code, an SMTP code, or both: `5.1.1`, `550`, `550 5.1.1`. */
  readonly code: string | null;
  /** What the receiving server answered: `smtp; 550 5.1.1 no such user`. */
  readonly description: string | null;
  /** The provider's own class: `Permanent`. */
  readonly label: string | null;
}

export interface ClassifiedBounce {
  readonly class: BounceReading;
  /** Enhanced status code, e.g. `5.1.1`; null: none that can be read. */
  readonly status: string | null;
  /** The status, otherwise the SMTP code, e.g. `550`: never a text, so never an address. */
  readonly code: string | null;
}

export interface StatusRule {
  /** `*` is any number. The rule with the fewest of them counts. */
  readonly status: string;
  readonly class: BounceClass;
  readonly meaning: string;
  readonly source: string;
}

/** Names of the IANA registry "SMTP Enhanced Status Codes". */
export const STATUS_RULES: readonly StatusRule[] = [
  rule('4.*.*', 'soft', 'a temporary condition', 'RFC 3463, 2'),
  rule('5.*.*', 'unknown', 'permanent, but none of the lines below', 'RFC 3463, 2'),
  rule('5.1.*', 'hard', 'the address of the recipient is wrong', 'RFC 3463, 3.2; 5.1.10: RFC 7505'),
  rule('5.1.5', 'unknown', 'the address is valid; reports of success only', 'RFC 3463, 3.2'),
  rule('5.1.7', 'policy', "the sender's address has a wrong syntax", 'RFC 3463, 3.2'),
  rule('5.1.8', 'policy', "the system of the sender's address is wrong", 'RFC 3463, 3.2'),
  rule('5.1.9', 'unknown', 'relayed to a system that reports nothing', 'IANA registry, X.1.9'),
  rule('5.2.1', 'unknown', 'disabled for good, or for as long as it receives too much mail', 'RFC 3463, 3.3'),
  rule('5.2.2', 'soft', 'the mailbox is full, whatever the provider takes for permanent', 'RFC 3463, 3.3'),
  rule('5.4.4', 'hard', 'the domain of the address cannot be routed', 'RFC 3463, 3.5'),
  rule('5.7.*', 'policy', 'the sender or the message is not accepted; not about the person', 'RFC 3463, 3.8'),
];

export interface SmtpRule {
  /** Of three digits; `x` is any digit. */
  readonly code: string;
  readonly class: BounceClass;
  /** The class counts only if the text says that the address does not exist; otherwise it is unknown. */
  readonly ifAddressIsUnknown: boolean;
  readonly meaning: string;
  readonly source: string;
}

/** Any other code is unknown. */
export const SMTP_RULES: readonly SmtpRule[] = [
  smtp('421', 'soft', false, 'service not available'),
  smtp('45x', 'soft', false, 'not done, but may be later'),
  smtp('550', 'hard', true, 'mailbox unavailable: not found, no access, or policy'),
  smtp('551', 'hard', true, 'user not local'),
  smtp('553', 'hard', true, 'mailbox name not allowed'),
];

export interface LabelRule {
  /** In lower case, letters only. */
  readonly labels: readonly string[];
  readonly class: BounceReading;
}

/** As Amazon SES (Permanent, Transient, Undetermined), Postmark (HardBounce, AutoResponder) and others name them. Others: unknown. */
export const LABEL_RULES: readonly LabelRule[] = [
  { labels: ['permanent', 'hard', 'hardbounce'], class: 'hard' },
  { labels: ['transient', 'temporary', 'soft', 'softbounce'], class: 'soft' },
  { labels: ['policy', 'block', 'blocked'], class: 'policy' },
  { labels: ['complaint', 'spamcomplaint', 'abuse'], class: 'complaint' },
  { labels: ['autoreply', 'autoresponder', 'outofoffice', 'vacation'], class: 'auto_reply' },
];

/** Phrases by which servers say that there is no such address. English, because servers answer in it. */
const ADDRESS_IS_UNKNOWN = [
  /\b(?:no such|unknown|invalid|non-?existent) (?:e-?mail )?(?:user|mailbox|recipient|account|address|person)\b/i,
  /\b(?:user|mailbox|recipient|account|address|addressee)\b[^;]{0,80}\b(?:unknown|not found|not known|no longer exists?|(?:does not|doesn't|did not) exist)\b/i,
  /\bno mailbox (?:here )?by that name\b/i,
];
/** Then it is about our address, not about that of the recipient. */
const ABOUT_THE_SENDER = /\b(?:sender|mail from|return path|helo|ehlo)\b/i;

export function classifyBounce({ code, description, label }: Bounce): ClassifiedBounce {
  const [coded, described] = [readCode(code ?? ''), readDescription(description ?? '')];
  const status = coded.status ?? described.status;
  const smtpCode = coded.smtp ?? described.smtp;
  if (status !== null) return { class: classOfStatus(status), status, code: status };
  if (smtpCode !== null) return { class: classOfSmtp(smtpCode, description ?? ''), status, code: smtpCode };
  // Nobody can say what an unreadable code means, so the label alone does not make it permanent.
  const isUnreadable = (code ?? '').trim() !== '';
  return { class: isUnreadable ? 'unknown' : classOfLabel(label ?? ''), status, code: null };
}

interface Codes {
  readonly status: string | null;
  readonly smtp: string | null;
}

const NO_CODES: Codes = { status: null, smtp: null };
/** Of up to three digits each, without leading zeros (RFC 3463, 2). */
const STATUS = String.raw`[245](?:\.(?:0|[1-9]\d{0,2})){2}`;
const CODE_ONLY = new RegExp(`^#?(${STATUS})$`);
/** An answer as RFC 5321 and RFC 2034 write it: `550 5.1.1 no such user`, `550-5.1.1 …`. */
const REPLY = new RegExp(String.raw`^([245]\d\d)(?:[ -]+#?(${STATUS})(?=\s|$)|(?=[\s-]|$))`);
/** The same in the middle of a text, as in `mx.example.com said: 550 5.1.1 no such user`. */
const REPLY_WITHIN = new RegExp(String.raw`(?:^|[\s:])([45]\d\d)[ -]#?(${STATUS})(?=[\s,;:)]|$)`);
const SMTP_WITHIN = /:\s+([45]\d\d)(?=[\s-]|$)/;
const STATUS_FIRST = new RegExp(String.raw`^#?(${STATUS})(?=\s|$)`);

function readCode(text: string): Codes {
  const code = text.trim();
  const status = CODE_ONLY.exec(code)?.[1];
  return status === undefined ? codesOf(REPLY.exec(code)) : { status, smtp: null };
}

function readDescription(text: string): Codes {
  // RFC 3464, 2.3.6: `smtp; …`. What other types of diagnostics mean by their numbers is their own affair.
  const [, type, rest = ''] = /^\s*([\w-]+)\s*;\s*([^]*)$/.exec(text) ?? [undefined, 'smtp', text.trim()];
  if (type?.toLowerCase() !== 'smtp') return NO_CODES;
  const status = STATUS_FIRST.exec(rest)?.[1];
  if (status !== undefined) return { status, smtp: null };
  return codesOf(REPLY_WITHIN.exec(rest) ?? REPLY.exec(rest) ?? SMTP_WITHIN.exec(rest));
}

const codesOf = (match: RegExpExecArray | null): Codes => ({
  status: match?.[2] ?? null,
  smtp: match?.[1] ?? null,
});

function classOfStatus(status: string): BounceClass {
  const [type, subject] = status.split('.');
  const patterns = [status, `${type}.${subject}.*`, `${type}.*.*`];
  const found = patterns.map((pattern) => STATUS_RULES.find((each) => each.status === pattern));
  return found.find((each) => each !== undefined)?.class ?? 'unknown';
}

function classOfSmtp(code: string, text: string): BounceClass {
  const found = SMTP_RULES.find((each) => each.code === code || each.code === `${code.slice(0, 2)}x`);
  if (!found || (found.ifAddressIsUnknown && !saysAddressIsUnknown(text))) return 'unknown';
  return found.class;
}

function saysAddressIsUnknown(text: string): boolean {
  return !ABOUT_THE_SENDER.test(text) && ADDRESS_IS_UNKNOWN.some((each) => each.test(text));
}

function classOfLabel(label: string): BounceReading {
  const letters = label.toLowerCase().replaceAll(/[^a-z]/g, '');
  return LABEL_RULES.find(({ labels }) => labels.includes(letters))?.class ?? 'unknown';
}

function rule(status: string, bounceClass: BounceClass, meaning: string, source: string): StatusRule {
  return { status, class: bounceClass, meaning, source };
}

function smtp(
  code: string,
  bounceClass: BounceClass,
  ifAddressIsUnknown: boolean,
  meaning: string,
): SmtpRule {
  return { code, class: bounceClass, ifAddressIsUnknown, meaning, source: 'RFC 5321, 4.2.3' };
}
