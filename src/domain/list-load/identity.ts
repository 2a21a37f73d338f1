/**
 * Who an item is about: what makes two rows the same, and what a suppression list is compared with. Several spellings of one
 * number, address or id are one (docs/list-load.md#suppression). Pure.
 */
import { normalizeName } from '../columns.ts';
import { toComparableId, toContactId } from '../contact-id.ts';
import { foldAddress } from '../email-address.ts';
import { E164, normalizePhone } from '../phone.ts';
import type { Field, ListItem } from './items.ts';

type Given = string | readonly string[] | null | undefined;

/** An entry of a suppression list. Several values are of the same person. */
export interface SuppressionEntry {
  readonly phoneNumber?: Given;
  readonly emailAddress?: Given;
  readonly contactId?: Given;
  /** ISO 3166, two letters: the country of a number that is written without its code. */
  readonly country?: Given;
  /** It also has something that may say who is meant, and cannot be read. */
  readonly isPartial?: boolean | undefined;
}

interface IdentifiedEntry {
  /** In the form of `identifiersOf`. */
  readonly identifiers: readonly string[];
  /** false: nothing in it says who is meant, or not everything that does could be read. So it may mean anybody. */
  readonly isClear: boolean;
}

/**
 * The people behind an item: `phone:+14155550101`, `email:ann@example.com`, `contact:…`. Every value counts that has a phone
 * number with its country code or an email address, whatever its field is called, because a suppression must not depend on the
 * name of a column.
 */
export function identifiersOf({ fields }: Pick<ListItem, 'fields'>): readonly string[] {
  const found = fields.flatMap(({ name, value }) =>
    name === 'contact_id' ? ofContactId(value) : peopleIn(value),
  );
  return [...new Set(found)];
}

/** What an identifier is, without its value. */
export function nameOfIdentifier(identifier: string): 'phone number' | 'email address' | 'contact id' {
  if (identifier.startsWith('phone:')) return 'phone number';
  return identifier.startsWith('email:') ? 'email address' : 'contact id';
}

/** The number, address or contact id, in the form in which it is compared. Personal data. */
export function valueOfIdentifier(identifier: string): string {
  return identifier.slice(identifier.indexOf(':') + 1);
}

/** Whom an entry of a suppression list means. What can be read of an entry counts, even if it is not clear. */
export function identifyEntry(entry: SuppressionEntry): IdentifiedEntry {
  const [country, ...others] = new Set(valuesOf(entry.country));
  const toPhone = (text: string) => normalizePhone(text, others.length > 0 ? '' : country);
  const numbers = valuesOf(entry.phoneNumber).map((text) => ({ text, number: toPhone(text) }));
  const addresses = valuesOf(entry.emailAddress);
  const ids = valuesOf(entry.contactId);
  const isRead =
    numbers.every(({ number }) => number !== null) && addresses.every(isEmailAddress) && !entry.isPartial;
  const identifiers = [
    ...numbers.flatMap(({ text, number }) => (number === null ? peopleIn(text) : [`phone:${number}`])),
    ...addresses.flatMap(peopleIn),
    ...ids.flatMap(ofContactId),
  ];
  return { identifiers: [...new Set(identifiers)], isClear: isRead && identifiers.length > 0 };
}

/** Whether a text is exactly one address, and nothing else: neither a list of them nor one with a name. */
export function isEmailAddress(text: string): boolean {
  return ADDRESS.test(text.trim());
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

/** Some systems use the number or the address of a contact as its id. */
const ofContactId = (id: string): readonly string[] => [`contact:${toComparableId(id)}`, ...peopleIn(id)];

/**
 * Everybody whom a value names: `Ann <ann@example.com>`, `a@example.com;b@example.com`, `+1 415-555-0101`. Rather one too many,
 * because whoever is not found here is called.
 */
function peopleIn(value: string): readonly string[] {
  if (!/[@+]/.test(value)) return [];
  const text = value.trim();
  const parts = [text, ...text.split(SEPARATOR), ...text.split(SEPARATOR_OR_BLANK)].map((part) =>
    part.trim(),
  );
  return [...new Set(parts)].flatMap((part) => toPerson(part) ?? spelledNumber(part) ?? []);
}

/** A number with its country code in another spelling than E.164. */
function spelledNumber(text: string): string | null {
  const number = text.startsWith('+') ? normalizePhone(text) : null;
  return number === null ? null : `phone:${number}`;
}

/** Between numbers, which may have blanks and parentheses. */
const SEPARATOR = /[,;|/<>"]+/;
const SEPARATOR_OR_BLANK = /[\s,;:|/<>()[\]"]+/;

/** Loose, because an address that is taken for one too many costs nothing; but no list, no name and nothing invisible. */
const ADDRESS = /^[^\s@,;:<>()[\]"\\\p{Cc}\p{Cf}]+@[^\s@,;:<>()[\]"\\\p{Cc}\p{Cf}]+$/u;

const valuesOf = (given: Given): readonly string[] =>
  [given ?? []].flat().filter((text) => text.trim() !== '');

/** Folded like the addresses of emails, so that one objection holds for calls and emails alike. */
const emailIdentifier = (address: string): string => `email:${foldAddress(address)}`;
