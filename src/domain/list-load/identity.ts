/**
 * Who an item is about: what makes two rows the same, and what a suppression list is compared with. Several spellings of one
 * number, address or id are one (docs/list-load.md#suppression). Pure.
 */
import { normalizeName } from '../columns.ts';
import { toComparableId, toContactId } from '../contact-id.ts';
import { E164, normalizePhone } from '../phone.ts';
import type { Field, ListItem } from './items.ts';

/** An entry of a suppression list. */
export interface SuppressionEntry {
  readonly phoneNumber?: string | null | undefined;
  readonly emailAddress?: string | null | undefined;
  readonly contactId?: string | null | undefined;
  /** ISO 3166, two letters: the country of a number that is written without its code. */
  readonly country?: string | null | undefined;
}

/**
 * The people behind an item: `phone:+14155550101`, `email:ann@example.com`, `contact:…`. Every value counts that is a phone
 * number in E.164 or an email address, whatever its field is called, because a suppression must not depend on the name of a
 * column.
 */
export function identifiersOf({ fields }: Pick<ListItem, 'fields'>): readonly string[] {
  const found = fields.flatMap(({ name, value }) => {
    if (name === 'contact_id') return [contactIdentifier(value)];
    if (name === 'email') return [emailIdentifier(value)];
    return toPerson(value) ?? [];
  });
  return [...new Set(found)];
}

/** What an identifier is, without its value. */
export function nameOfIdentifier(identifier: string): 'phone number' | 'email address' | 'contact id' {
  if (identifier.startsWith('phone:')) return 'phone number';
  return identifier.startsWith('email:') ? 'email address' : 'contact id';
}

/** The same of an entry of a suppression list. Empty: it identifies nobody, so it may mean anybody. */
export function identifiersOfEntry(entry: SuppressionEntry): readonly string[] {
  const { phoneNumber, emailAddress, contactId, country } = entry;
  const phone = isGiven(phoneNumber) ? normalizePhone(phoneNumber, country ?? '') : null;
  return [
    ...(phone === null ? [] : [`phone:${phone}`]),
    ...(isGiven(emailAddress) && ADDRESS.test(emailAddress.trim()) ? [emailIdentifier(emailAddress)] : []),
    ...(isGiven(contactId) ? [contactIdentifier(contactId)] : []),
  ];
}

/**
 * A deduplication key in the form in which rows are compared. A phone number in E.164 or an email address is the same key in
 * every field, so that the first number of one row and the second of another are one. Any other value counts within its
 * own field.
 */
export function toKey({ name, value }: Field): string {
  return toPerson(value) ?? `field:${JSON.stringify([normalizeName(name), toContactId(value)])}`;
}

/** What a key is, without its value: `phone number`, `email address`, or the name of its field. */
export function nameOfKey(key: string): string {
  if (key.startsWith('phone:')) return 'phone number';
  if (key.startsWith('email:')) return 'email address';
  const [name] = JSON.parse(key.slice('field:'.length)) as [string];
  return name;
}

/** null: neither a phone number in E.164 nor an email address. */
function toPerson(value: string): string | null {
  const text = value.trim();
  if (E164.test(text)) return `phone:${normalizePhone(text) ?? text}`;
  return ADDRESS.test(text) ? emailIdentifier(text) : null;
}

/** Loose, because an address that is taken for one too many costs nothing. */
const ADDRESS = /^[^\s@]+@[^\s@]+$/;

const isGiven = (text: string | null | undefined): text is string =>
  typeof text === 'string' && text.trim() !== '';

const contactIdentifier = (id: string): string => `contact:${toComparableId(id)}`;

/** Without regard to case: no provider in use distinguishes it. A domain in its ASCII form (IDNA), in which both spellings agree. */
function emailIdentifier(address: string): string {
  const text = address.trim().normalize('NFC').toLowerCase();
  const at = text.lastIndexOf('@');
  const domain = text.slice(at + 1);
  const isAscii = [...domain].every((character) => character <= '\u007f');
  return `email:${isAscii ? text : text.slice(0, at + 1) + toAsciiDomain(domain)}`;
}

function toAsciiDomain(domain: string): string {
  return URL.canParse(`http://${domain}`) ? new URL(`http://${domain}`).hostname : domain;
}
