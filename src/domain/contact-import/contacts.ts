/** The rules of contact records (tutorial S1, cxone-api.md "contactlists"). Pure. */
import type { ColumnMap } from '../columns.ts';
import { type ContactColumns, matchRowColumns } from './columns.ts';
import { phoneProblem } from '../phone.ts';
import type { Reason } from '../run.ts';
import { MS_PER_DAY, toUtcTimestamp } from '../timestamps.ts';

export {
  CONTACT_FIELDS,
  type ContactColumns,
  contactMapProblems,
  resolveContactColumns,
} from './columns.ts';
export { createDuplicateFinder, type Dedupe, type DuplicateFinder, type Duplicate } from './duplicates.ts';

/** The most records of one request. Source: cxone-api.md, contactlists. */
export const CONTACTS_PER_BATCH = 100;

/** Exactly so old passes. Source: cxone-api.md, contactlists, record rules. */
export const MAX_CONSENT_AGE_DAYS = 1_825;

/** A consent that another machine's clock dates a little ahead of ours is no consent from the future. */
export const CLOCK_SKEW_MS = 5 * 60_000;

/** Of a number without a type. Source: decisions.md 3. */
export const DEFAULT_PHONE_TYPE = 'mobile';

export interface PhoneNumber {
  readonly type: string;
  /** E.164, e.g. +14155550100 */
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

type Fields = Readonly<Record<string, unknown>>;
/** A part of the contact, and what is wrong with it. With reasons, the value means nothing. */
interface Part<T> {
  readonly value: T;
  readonly reasons: readonly Reason[];
}

/**
 * One row to one contact, or *every* reason why not; a reason has the field as the source names it and never
 * a value. Texts are trimmed, custom fields kept as they are, empty ones left out. `columns`: of the header
 * (`resolveContactColumns`); null for NDJSON, where each row's own keys count, and the API's own shape too.
 */
export function readContact(
  fields: Fields,
  columns: ContactColumns | null,
  now: Date,
  map: ColumnMap = {},
): ReadContact {
  const from = columns ?? matchRowColumns(Object.keys(fields), map);
  const contactId = readContactId(fields, from.contactId);
  const phones = readPhones(fields, from);
  const consent = readConsent(fields, from.consentTimestamp, now);
  const optIn = readOptInStatus(fields, from.optInStatus);
  const custom = readCustomFields(fields, from);
  const reasons = [
    ...from.ambiguous.map(
      (field): Reason => ({ code: 'field_ambiguous', field, message: 'two keys of one name' }),
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
  const raw = valueOf(fields, column);
  const value = textOf(raw).trim();
  if (value === '') return wrong('', { code: 'contact_id_missing', field });
  // JSON.parse has already rounded a long number: it is somebody else's id now.
  if (typeof raw === 'number' && !Number.isSafeInteger(raw))
    return wrong('', { code: 'contact_id_not_exact', field, message: NOT_EXACT });
  if (typeof raw === 'object' || typeof raw === 'boolean')
    return wrong('', { code: 'contact_id_not_text', field });
  return { value, reasons: [] };
}

interface FoundPhone extends PhoneNumber {
  readonly field: string;
}

function readPhones(fields: Fields, from: ContactColumns): Part<readonly PhoneNumber[]> {
  const listed = readPhoneList(fields, from.phoneNumbers);
  const found = [...phonesOfColumns(fields, from), ...listed.value];
  const reasons = [...listed.reasons, ...found.flatMap(phoneReasons)];
  if (found.length === 0 && reasons.length === 0) {
    reasons.push({ code: 'phone_missing', field: from.phones[0]?.number ?? from.phoneNumbers ?? 'phone' });
  }
  return { value: found.map(({ type, number }) => ({ type, number })), reasons };
}

function phonesOfColumns(fields: Fields, from: ContactColumns): FoundPhone[] {
  return from.phones.flatMap((column) => {
    const number = textOf(valueOf(fields, column.number)).trim();
    const type = textOf(valueOf(fields, column.type)).trim() || DEFAULT_PHONE_TYPE;
    return number === '' ? [] : [{ type, number, field: column.number }];
  });
}

/** `phoneNumbers` of the API's own shape: objects of type and number, or plain numbers. */
function readPhoneList(fields: Fields, column: string | null): Part<readonly FoundPhone[]> {
  const list = valueOf(fields, column) ?? [];
  if (!Array.isArray(list))
    return wrong([], { code: 'phone_numbers_not_a_list', field: column ?? 'phoneNumbers' });
  const found = list.map((item: unknown, index): FoundPhone => {
    const { number, type } = isObject(item) ? item : { number: item, type: '' };
    return {
      number: textOf(number).trim(),
      type: textOf(type).trim() || DEFAULT_PHONE_TYPE,
      field: `${column}[${index}]`,
    };
  });
  return { value: found, reasons: [] };
}

function phoneReasons({ number, field }: FoundPhone): readonly Reason[] {
  if (number === '') return [{ code: 'phone_missing', field }];
  const problem = phoneProblem(number);
  return problem ? [{ ...problem, field }] : [];
}

function readConsent(fields: Fields, column: string | null, now: Date): Part<string> {
  const field = column ?? 'consentTimestamp';
  const text = textOf(valueOf(fields, column)).trim();
  if (text === '') return wrong('', { code: 'consent_missing', field });
  const value = toUtcTimestamp(text);
  if (value === null) {
    return wrong('', {
      code: 'consent_not_a_date',
      field,
      message: 'write 2024-11-01 or 2024-11-01T09:15:00Z',
    });
  }
  const ageMs = now.getTime() - new Date(value).getTime();
  if (ageMs < -CLOCK_SKEW_MS) return wrong('', { code: 'consent_in_future', field });
  if (ageMs > MAX_CONSENT_AGE_DAYS * MS_PER_DAY) {
    return wrong('', { code: 'consent_too_old', field, message: `older than ${MAX_CONSENT_AGE_DAYS} days` });
  }
  return { value, reasons: [] };
}

function readOptInStatus(fields: Fields, column: string | null): Part<Contact['optInStatus']> {
  const field = column ?? 'optInStatus';
  const value = textOf(valueOf(fields, column)).trim().toLowerCase();
  if (value === 'confirmed' || value === 'pending') return { value, reasons: [] };
  const code = value === '' ? 'opt_in_status_missing' : 'opt_in_status_invalid';
  return wrong('pending', { code, field, message: 'confirmed or pending' });
}

function readCustomFields(fields: Fields, from: ContactColumns): Part<Readonly<Record<string, string>>> {
  const nested = valueOf(fields, from.customFields) ?? {};
  if (!isObject(nested)) {
    return wrong({}, { code: 'custom_fields_not_an_object', field: from.customFields ?? 'customFields' });
  }
  const entries = [
    ...from.custom.map((column) => [column, valueOf(fields, column)] as const),
    ...Object.entries(nested),
  ];
  const rounded = entries.filter(([, value]) => isRounded(value));
  if (rounded.length > 0) {
    const reasons = rounded.map(([field]) => ({ code: 'number_not_exact', field, message: NOT_EXACT }));
    return { value: {}, reasons };
  }
  const texts = entries.map(([name, value]) => [name, textOf(value)] as const);
  // fromEntries defines, it does not assign: a column `__proto__` is a field like any other.
  return { value: Object.fromEntries(texts.filter(([, text]) => text.trim() !== '')), reasons: [] };
}

const NOT_EXACT = 'too long for a JSON number: put it in quotes';

/** JSON.parse has changed its last digits: an account number, most likely. */
function isRounded(value: unknown): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

function wrong<T>(value: T, reason: Reason): Part<T> {
  return { value, reasons: [reason] };
}

/** Own properties only: a row without the column `constructor` has no constructor. */
function valueOf(fields: Fields, column: string | null): unknown {
  return column !== null && Object.hasOwn(fields, column) ? fields[column] : undefined;
}

/** A cell as text: JSON's scalars as they are written, nested values as JSON, nothing as ''. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
