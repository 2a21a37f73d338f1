/**
 * Who is meant by an id, a phone number or an email address: what suppression lists are compared by. Several spellings of one
 * number, address or id are one identifier (docs/list-load.md#suppression). Pure.
 */
import { contactIdProblem, toComparableId } from './contact-id.ts';
import { foldAddress } from './email-address.ts';
import { withoutInvisible } from './invisible.ts';
import { E164, normalizePhone } from './phone.ts';

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
    numbers.every(({ number }) => number !== null) &&
    addresses.every(isEmailAddress) &&
    ids.every((id) => contactIdProblem(id) === null) &&
    !entry.isPartial;
  const identifiers = [
    ...numbers.flatMap(({ text, number }) => (number === null ? peopleIn(text) : [`phone:${number}`])),
    ...addresses.flatMap(peopleIn),
    ...ids.flatMap(identifiersOfId),
  ];
  return { identifiers: [...new Set(identifiers)], isClear: isRead && identifiers.length > 0 };
}

/** Whether a text is exactly one address, and nothing else: neither a list of them nor one with a name. */
export function isEmailAddress(text: string): boolean {
  return ADDRESS.test(text.trim());
}

/** The identifier of exactly one phone number in E.164 or email address; null: the text is neither. */
export function toPerson(value: string): string | null {
  const text = value.trim();
  const plain = withoutInvisible(text).trim();
  if (E164.test(plain)) return `phone:${normalizePhone(plain) ?? plain}`;
  return ADDRESS.test(text) ? emailIdentifier(text) : null;
}

/** Of a contact id, which in some systems is the number or the address of the contact: then it is that, too. */
export const identifiersOfId = (id: string): readonly string[] => [
  `contact:${toComparableId(id)}`,
  ...peopleIn(id),
];

/**
 * Everybody whom a value names: `Ann <ann@example.com>`, `a@example.com;b@example.com`, `+1 415-555-0101`. Rather one too many,
 * because whoever is not found here is called.
 */
export function peopleIn(value: string): readonly string[] {
  if (!/[@+]/.test(value)) return [];
  const text = withoutInvisible(value).trim();
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
