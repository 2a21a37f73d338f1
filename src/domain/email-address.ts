/**
 * Email addresses: what is exactly one of them, and which of them are the same mailbox (docs/email-send.md#addresses). Every
 * operation and every suppression list uses this folding, so that an objection finds its person. Pure.
 */
import type { Reason } from './run.ts';
import { utf8Length } from './shorten.ts';

/** Says what is wrong, without the value. */
export type EmailProblem = Required<Pick<Reason, 'code' | 'message'>>;

export interface EmailAddress {
  /** As it is sent: trimmed, in NFC, with the domain in ASCII. Case and everything else stay as they are written. */
  readonly address: string;
  /** The form in which addresses are compared, `toMailbox`. */
  readonly mailbox: string;
}

/** In bytes of UTF-8 (RFC 5321, section 4.5.3.1; RFC 3696, erratum 1690). */
const MAX_LOCAL_PART = 64;
const MAX_ADDRESS = 254;
const MAX_DOMAIN = 253;

/** Exactly one address, without a name. Blanks around it do not matter, no-break spaces included. */
export function readEmailAddress(text: string): EmailAddress | { readonly reason: EmailProblem } {
  const trimmed = text.trim();
  const problem = shapeProblem(trimmed);
  if (problem !== null) return { reason: problem };
  const at = trimmed.indexOf('@');
  const local = toNfc(trimmed.slice(0, at));
  const domain = trimmed.slice(at + 1);
  const wrong = localProblem(local) ?? domainProblem(domain);
  if (wrong !== null) return { reason: notAnAddress(wrong) };
  const ascii = toAsciiDomain(domain);
  if (ascii === null || !isDomain(ascii)) return { reason: notAnAddress('its domain cannot be one') };
  const address = `${local}@${isAscii(domain) ? domain : ascii}`;
  if (utf8Length(local) > MAX_LOCAL_PART || utf8Length(address) > MAX_ADDRESS) return { reason: TOO_LONG };
  return { address, mailbox: foldAddress(address) };
}

/**
 * The identity of a mailbox: two addresses with the same one belong to one person. In NFC and lower case, because no provider in
 * use distinguishes it; the domain in its ASCII form (IDNA), in which both spellings agree. Plus signs and dots are kept:
 * whether they matter is known to the provider only. null: not exactly one address.
 */
export function toMailbox(text: string): string | null {
  const read = readEmailAddress(text);
  return 'mailbox' in read ? read.mailbox : null;
}

/** The folding of `toMailbox` for a text that need not be a valid address. Anything can be folded. */
export function foldAddress(text: string): string {
  const trimmed = text.trim();
  if (isAscii(trimmed)) return trimmed.toLowerCase();
  const at = trimmed.lastIndexOf('@');
  const domain = trimmed.slice(at + 1);
  return `${fold(trimmed.slice(0, at + 1))}${toAsciiDomain(domain) ?? fold(domain)}`;
}

/** Lower case may decompose, hence NFC afterwards; a sigma has two small letters and one capital. */
const fold = (text: string): string => toNfc(toNfc(text).toLowerCase().replaceAll('ς', 'σ'));

const toNfc = (text: string): string => (isAscii(text) ? text : text.normalize('NFC'));

const isAscii = (text: string): boolean => !/[^\p{ASCII}]/u.test(text);

/** What is not a single address at all. */
function shapeProblem(text: string): EmailProblem | null {
  if (text === '') return { code: 'email_missing', message: 'has no email address' };
  const [invisible] = INVISIBLE.exec(text) ?? [];
  if (invisible !== undefined)
    return {
      code: 'email_has_invisible_character',
      message: `has ${nameCharacter(invisible)}, which cannot be seen; type the address anew`,
    };
  if (text.split(SEPARATOR).filter((part) => part.includes('@')).length > 1)
    return { code: 'email_has_several', message: 'has several addresses; write one row for each person' };
  if (/[<>]/.test(text))
    return { code: 'email_has_name', message: 'has more than the address; write it without a name and < >' };
  if (/\s/.test(text))
    return { code: 'email_has_blank', message: `has a blank (${nameCharacter(/\s/.exec(text)?.[0] ?? '')})` };
  const [, ...others] = text.split('@');
  if (others.length === 1) return null;
  return notAnAddress(others.length === 0 ? 'it has no @' : 'it has more than one @');
}

/** Control characters, and what fonts show as nothing: zero-width spaces, direction marks, soft hyphens, fillers. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;
/** Between the addresses of a list. */
const SEPARATOR = /[\s,;:|/<>()[\]"]+/;

/** In the manner of RFC 5321 without quotes, which hardly any provider accepts; letters of any alphabet (RFC 6531). */
const LOCAL = /[^\p{L}\p{M}\p{N}.!#$%&'*+\-/=?^_`{|}~]/u;
/** With the dots that IDNA knows, and no sign that means something in a URL. */
const DOMAIN = /[^\p{L}\p{M}\p{N}.\u3002\uff0e\uff61-]/u;

function localProblem(local: string): string | null {
  if (local === '') return 'it has nothing before the @';
  const [wrong] = LOCAL.exec(local) ?? [];
  if (wrong !== undefined) return `it has ${nameCharacter(wrong)} before the @`;
  return /^\.|\.\.|\.$/.test(local) ? 'it has a dot too many before the @' : null;
}

function domainProblem(domain: string): string | null {
  if (domain === '') return 'it has nothing after the @';
  const [wrong] = DOMAIN.exec(domain) ?? [];
  if (wrong !== undefined) return `it has ${nameCharacter(wrong)} after the @`;
  const labels = domain.split(DOT);
  if (labels.at(-1) === '') return 'it has a dot at the end';
  if (labels.includes('')) return 'it has a dot too many after the @';
  if (labels.length === 1) return 'its domain has no dot';
  return labels.some((label) => /^-|-$/.test(label)) ? 'a part of its domain begins or ends with -' : null;
}

const DOT = /[.\u3002\uff0e\uff61]/;

/** Of a domain in ASCII, whose parts are not empty. No top-level domain is a single letter or has digits, except in IDNA. */
function isDomain(ascii: string): boolean {
  const labels = ascii.split('.');
  return (
    ascii.length <= MAX_DOMAIN &&
    labels.every((label) => /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i.test(label)) &&
    /^(?:[a-z]{2,}|xn--.+)$/i.test(labels.at(-1) ?? '')
  );
}

/** In lower case. null: IDNA does not allow it. Only what is not plain ASCII is converted, because a URL reads more into a host. */
function toAsciiDomain(domain: string): string | null {
  if (isAscii(domain) && !/(?:^|\.)xn--/i.test(domain)) return domain.toLowerCase();
  const url = `http://${domain.normalize('NFC')}`;
  return !DOMAIN.test(domain) && URL.canParse(url) ? new URL(url).hostname : null;
}

const TOO_LONG: EmailProblem = {
  code: 'email_too_long',
  message: `has more than ${MAX_LOCAL_PART} bytes before the @, or more than ${MAX_ADDRESS} altogether`,
};

const notAnAddress = (why: string): EmailProblem => ({
  code: 'email_not_an_address',
  message: `is not an email address: ${why}`,
});

/** `,` in quotes; U+200B of what is not plain ASCII. */
function nameCharacter(character: string): string {
  if (/^[!-~]$/.test(character)) return `"${character}"`;
  const code = character.codePointAt(0) ?? 0;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** How addresses appear in events: as they are, as the SHA-256 of the mailbox, which whoever guesses it can confirm, or not at all. */
export const WEBHOOK_ADDRESSES = ['plain', 'hash', 'none'] as const;
export type WebhookAddresses = (typeof WEBHOOK_ADDRESSES)[number];
