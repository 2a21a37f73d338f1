/** Reads a file with people who must not be called, in addition to CXone's list (docs/list-load.md#suppression). Pure. */
import { matchColumns, normalizeName } from '../columns.ts';
import { type Fields, readField, toText } from '../fields.ts';
import type { SuppressionEntry } from './identity.ts';

/** Column names of an entry. Case, spaces, `_` and `-` do not matter. */
const NAMES: Readonly<Record<keyof SuppressionEntry, readonly string[]>> = {
  phoneNumber: ['phoneNumber', 'phone'],
  emailAddress: ['emailAddress', 'email'],
  contactId: ['contactId'],
  country: ['country'],
};
const IDENTIFYING = [...NAMES.phoneNumber, ...NAMES.emailAddress, ...NAMES.contactId];
const ALL = [...IDENTIFYING, ...NAMES.country];

/** For a source with a header; null for NDJSON and JSON, where each row has its own keys. */
export function suppressionColumnProblems(columns: readonly string[] | null): readonly string[] {
  if (columns === null) return [];
  const { found, problems } = matchColumns(columns, ALL);
  const ambiguous = problems.map(({ field }) => `Several columns could be ${field}. Remove all but one`);
  if (IDENTIFYING.some((field) => found.has(field))) return ambiguous;
  return [
    ...ambiguous,
    `No column says who must not be called. Name one of them ${IDENTIFYING.join(', ')}; others are ignored`,
  ];
}

/**
 * An entry from a row, whatever else the row has. If a field has two values, the row names two people in one, so it is read as
 * one that identifies nobody: fail closed.
 */
export function readSuppressionEntry(fields: Fields): SuppressionEntry {
  const keys = Object.keys(fields);
  const entry: Record<string, string> = {};
  for (const [field, names] of Object.entries(NAMES)) {
    const wanted = new Set(names.map(normalizeName));
    const values = keys
      .filter((key) => wanted.has(normalizeName(key)))
      .map((key) => toText(readField(fields, key)).trim())
      .filter((value) => value !== '');
    if (new Set(values).size > 1) return {};
    if (values[0] !== undefined) entry[field] = values[0];
  }
  return entry;
}
