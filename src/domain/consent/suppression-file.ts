/** Reads a file with people who must not be called, in addition to CXone's list (docs/list-load.md#suppression). Pure. */
import { type Audience, matchColumns, normalizeName } from '../columns.ts';
import { type Fields, readField, toText } from '../fields.ts';
import type { SuppressionEntry } from '../identifiers.ts';
import { PHONE_FIELDS } from '../phone.ts';
import { quoteName } from '../text.ts';

type Field = 'phoneNumber' | 'emailAddress' | 'contactId' | 'country';

/** Column names of an entry. Case, spaces, `_` and `-` do not matter. */
const NAMES: Readonly<Record<Field, readonly string[]>> = {
  phoneNumber: ['phoneNumber', ...PHONE_FIELDS],
  emailAddress: ['emailAddress', 'email'],
  contactId: ['contactId'],
  country: ['country'],
};
const IDENTIFYING = [...NAMES.phoneNumber, ...NAMES.emailAddress, ...NAMES.contactId];
const ALL = [...IDENTIFYING, ...NAMES.country];
/** For messages. */
const PROPOSED = 'phoneNumber, phone, emailAddress, email, contactId';

const FIELD_BY_KEY = new Map(
  Object.entries(NAMES).flatMap(([field, names]) =>
    names.map((name) => [normalizeName(name), field as Field] as const),
  ),
);

/** Names, as normalized, of columns that probably say who is meant, although they are none of ours. */
const LOOKS_IDENTIFYING =
  /(phone|mobile?|cell|(?<!ho)tel|telefono?|msisdn|fax|mail)(number|num|no|nr|address)?\d*$|^(number|(contact|customer|client|crm|lead|person)?(id|guid|uuid))\d*$/;

/**
 * For a source with a header; null for NDJSON and JSON, where each row has its own keys. A column that looks as if it said who
 * must not be called is never ignored without a word.
 */
export function suppressionColumnProblems(
  columns: readonly string[] | null,
  audience: Audience = 'terminal',
): readonly string[] {
  if (columns === null) return [];
  const { found, rest, problems } = matchColumns(columns, ALL);
  const ambiguous = problems.map(({ field }) => `Several columns could be ${field}. Remove all but one`);
  if (!IDENTIFYING.some((field) => found.has(field)))
    return [
      ...ambiguous,
      `No column says who must not be called. Name one of them ${PROPOSED}; others are ignored`,
    ];
  const suspects = rest.filter(looksIdentifying);
  if (suspects.length === 0) return ambiguous;
  const which =
    audience === 'terminal' ? suspects.map(quoteName).join(', ') : `${suspects.length} of the columns`;
  return [
    ...ambiguous,
    `${which} would be ignored, but may say who must not be called. Further numbers belong into phone1 to phone9, ` +
      `others into ${PROPOSED}; remove or rename what says something else`,
  ];
}

/**
 * An entry from a row, whatever else the row has. Several values of one kind all count; what may say who is meant and cannot
 * be read makes it partial.
 */
export function readSuppressionEntry(fields: Fields): SuppressionEntry {
  const entry: Partial<Record<Field, string[]>> = {};
  let isPartial = false;
  for (const key of Object.keys(fields)) {
    const value = readField(fields, key);
    const text = toText(value).trim();
    const field = FIELD_BY_KEY.get(normalizeName(key));
    if (text === '' || (field === undefined && !looksIdentifying(key))) continue;
    if (field === undefined || !isExact(value)) isPartial = true;
    else (entry[field] ??= []).push(text);
  }
  return { ...entry, ...(isPartial && { isPartial }) };
}

/** And is none of ours. */
function looksIdentifying(name: string): boolean {
  const key = normalizeName(name);
  return !FIELD_BY_KEY.has(key) && LOOKS_IDENTIFYING.test(key);
}

/** A text, or a number with all its digits. */
function isExact(value: unknown): boolean {
  return typeof value === 'string' || Number.isSafeInteger(value);
}
