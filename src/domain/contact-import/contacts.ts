/** The rules of contact records (docs/cxone-contract.md#contact-record-rules). Pure. */
import type { ColumnMap } from '../columns.ts';
import { MAX_CONSENT_AGE_DAYS } from '../consent/eligibility.ts';
import { contactIdProblem, toContactId } from '../contact-id.ts';
import { type Fields, readField, toText } from '../fields.ts';
import { withoutInvisible } from '../invisible.ts';
import { isNested, isObject } from '../json.ts';
import { isRounded, isRoundedText } from '../numbers.ts';
import { readPhone } from '../phone.ts';
import type { Reason } from '../run.ts';
import { CLOCK_TOLERANCE_MS, describeNoTimestamp, MS_PER_DAY, toUtcTimestamp } from '../timestamps.ts';
import { type ContactColumns, matchRowColumns } from './columns.ts';

export {
  CONTACT_FIELDS,
  type ContactColumns,
  contactMapProblems,
  resolveContactColumns,
} from './columns.ts';
export { createDuplicateFinder, type Dedupe, type Duplicate, type DuplicateFinder } from './duplicates.ts';

/** CXone accepts no more in one request. */
export const CONTACTS_PER_BATCH = 100;

/** The type of a phone number without one (docs/adr/0013-sources-and-files.md#columns). */
export const DEFAULT_PHONE_TYPE = 'mobile';

export interface PhoneNumber {
  readonly type: string;
  /** E.164, e.g. `+14155550100`. */
  readonly number: string;
}

export interface Contact {
  readonly contactId: string;
  /** At least one. */
  readonly phoneNumbers: readonly PhoneNumber[];
  readonly customFields: Readonly<Record<string, string>>;
  /** ISO 8601, UTC, ending in Z. */
  readonly consentTimestamp: string;
  readonly optInStatus: 'confirmed' | 'pending';
}

export type ReadContact = { readonly contact: Contact } | { readonly reasons: readonly Reason[] };

/** A part of the contact. If it has reasons, they say what is wrong with it, and the value has no meaning. */
interface Part<T> {
  readonly value: T;
  readonly reasons: readonly Reason[];
}

/**
 * Converts a row to a contact, or returns every reason why that is impossible. Texts are trimmed; custom fields are not,
 * and are left out if they are empty.
 * @param columns of the header (resolveContactColumns). null for NDJSON and JSON: each row is matched by its own keys, and
 * may have the shape of CXone's own API
 * @param now against which the age of a consent is checked
 * @param country of phone numbers without a country code; default: none, so that they are invalid
 */
export function readContact(
  fields: Fields,
  columns: ContactColumns | null,
  now: Date,
  map: ColumnMap = {},
  country?: string,
): ReadContact {
  const from = columns ?? matchRowColumns(Object.keys(fields), map);
  const contactId = readContactId(fields, from.contactId);
  const phones = readPhones(fields, from, country);
  const consent = readConsent(fields, from.consentTimestamp, now);
  const optIn = readOptInStatus(fields, from.optInStatus);
  const custom = readCustomFields(fields, from);
  const reasons = [
    ...from.ambiguous.map(
      (field): Reason => ({ code: 'field_ambiguous', field, message: 'two keys of the same name' }),
    ),
    ...[contactId, phones, consent, optIn, custom].flatMap((part) => part.reasons),
  ];
  if (reasons.length > 0) return { reasons };
  return {
    contact: {
      contactId: contactId.value,
      phoneNumbers: phones.value,
      customFields: custom.value,
      consentTimestamp: consent.value,
      optInStatus: optIn.value,
    },
  };
}

function readContactId(fields: Fields, column: string | null): Part<string> {
  const field = column ?? 'contactId';
  const raw = readField(fields, column);
  const value = toText(raw);
  // JSON.parse has rounded a long number, so it may be the id of another contact now.
  if (typeof raw === 'number' && !Number.isSafeInteger(raw))
    return invalid('', { code: 'contact_id_not_exact', field, message: NOT_EXACT });
  if ((typeof raw === 'object' && raw !== null) || typeof raw === 'boolean')
    return invalid('', { code: 'contact_id_not_text', field });
  const problem = contactIdProblem(value);
  return problem ? invalid('', { ...problem, field }) : { value: toContactId(value), reasons: [] };
}

interface FoundPhone extends PhoneNumber {
  readonly field: string;
}

function readPhones(
  fields: Fields,
  from: ContactColumns,
  country: string | undefined,
): Part<readonly PhoneNumber[]> {
  const listed = readPhoneList(fields, from.phoneNumbers);
  const found = [...readPhoneColumns(fields, from), ...listed.value];
  const read = found.map((each) => toPhone(each, country));
  const reasons = [...listed.reasons, ...read.flatMap((phone) => phone.reasons)];
  if (found.length === 0 && reasons.length === 0) {
    reasons.push({ code: 'phone_missing', field: from.phones[0]?.number ?? from.phoneNumbers ?? 'phone' });
  }
  return { value: read.map(({ value }) => value), reasons };
}

function readPhoneColumns(fields: Fields, from: ContactColumns): FoundPhone[] {
  return from.phones.flatMap((column) => {
    const number = readText(fields, column.number);
    const type = readText(fields, column.type) || DEFAULT_PHONE_TYPE;
    return number === '' ? [] : [{ type, number, field: column.number }];
  });
}

/** `phoneNumbers` in the shape of CXone's own API: objects with type and number, or plain numbers. */
function readPhoneList(fields: Fields, column: string | null): Part<readonly FoundPhone[]> {
  const list = readField(fields, column) ?? [];
  if (!Array.isArray(list))
    return invalid([], { code: 'phone_numbers_not_a_list', field: column ?? 'phoneNumbers' });
  const found = list.map((item: unknown, index): FoundPhone => {
    const { number, type } = isObject(item) ? item : { number: item, type: '' };
    return {
      number: withoutInvisible(toText(number)).trim(),
      type: withoutInvisible(toText(type)).trim() || DEFAULT_PHONE_TYPE,
      field: `${column}[${index}]`,
    };
  });
  return { value: found, reasons: [] };
}

function toPhone({ type, number, field }: FoundPhone, country: string | undefined): Part<PhoneNumber> {
  if (number === '') return invalid({ type, number }, { code: 'phone_missing', field });
  const read = readPhone(number, country);
  if ('problem' in read) return invalid({ type, number }, { ...read.problem, field });
  return { value: { type, number: read.number }, reasons: [] };
}

function readConsent(fields: Fields, column: string | null, now: Date): Part<string> {
  const field = column ?? 'consentTimestamp';
  const text = readText(fields, column);
  if (text === '') return invalid('', { code: 'consent_missing', field });
  const value = toUtcTimestamp(text);
  if (value === null) {
    return invalid('', {
      code: 'consent_not_a_date',
      field,
      message: describeNoTimestamp(text),
    });
  }
  const ageMs = now.getTime() - new Date(value).getTime();
  if (ageMs < -CLOCK_TOLERANCE_MS) return invalid('', { code: 'consent_in_future', field });
  if (ageMs > MAX_CONSENT_AGE_DAYS * MS_PER_DAY) {
    return invalid('', {
      code: 'consent_too_old',
      field,
      message: `older than ${MAX_CONSENT_AGE_DAYS} days`,
    });
  }
  return { value, reasons: [] };
}

function readOptInStatus(fields: Fields, column: string | null): Part<Contact['optInStatus']> {
  const field = column ?? 'optInStatus';
  const value = readText(fields, column).toLowerCase();
  if (value === 'confirmed' || value === 'pending') return { value, reasons: [] };
  const code = value === '' ? 'opt_in_status_missing' : 'opt_in_status_invalid';
  return invalid('pending', { code, field, message: 'must be confirmed or pending' });
}

function readCustomFields(fields: Fields, from: ContactColumns): Part<Readonly<Record<string, string>>> {
  const nested = readField(fields, from.customFields) ?? {};
  if (!isObject(nested)) {
    return invalid({}, { code: 'custom_fields_not_an_object', field: from.customFields ?? 'customFields' });
  }
  const entries = [
    ...from.custom.map((column) => [column, readField(fields, column)] as const),
    ...Object.entries(nested),
  ];
  const rounded = entries.filter(([, value]) => hasLostDigits(value));
  if (rounded.length > 0) {
    const reasons = rounded.map(([field]) => ({ code: 'number_not_exact', field, message: NOT_EXACT }));
    return { value: {}, reasons };
  }
  const texts = entries.map(([name, value]) => [name, toText(value)] as const);
  // fromEntries defines properties instead of assigning them, so a column may be called `__proto__`.
  return { value: Object.fromEntries(texts.filter(([, text]) => text.trim() !== '')), reasons: [] };
}

const NOT_EXACT = 'too long for a JSON number; put it in quotes';

/**
 * JSON.parse has changed the last digits, most likely of an account number, also in a file that we have exported since; or it has
 * found a number beyond all that JSON.stringify can write. Recursion is safe, because the readers limit how deeply values are
 * nested.
 */
function hasLostDigits(value: unknown): boolean {
  if (typeof value === 'string') return isRoundedText(value);
  if (typeof value === 'number') return isRounded(value) || !Number.isFinite(value);
  return isNested(value) && Object.values(value).some(hasLostDigits);
}

/** A cell as text, trimmed and without characters that nobody sees. */
function readText(fields: Fields, column: string | null): string {
  return withoutInvisible(toText(readField(fields, column))).trim();
}

function invalid<T>(value: T, reason: Reason): Part<T> {
  return { value, reasons: [reason] };
}
