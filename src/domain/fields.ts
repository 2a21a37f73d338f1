/** The fields of a row: the cells of CSV, which are texts, or the values of a JSON object. Pure. */

import { isBlank } from './invisible.ts';
import { isNested } from './json.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** undefined: the row has no such column. Own properties only, because a column may be called `constructor`. */
export function readField(fields: Fields, column: string | null | undefined): unknown {
  return typeof column === 'string' && Object.hasOwn(fields, column) ? fields[column] : undefined;
}

/** Texts unchanged, other values as JSON, null and undefined as `''`. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

/** Whether there is anything in a value: not null, blanks or characters that nobody sees, nor a list or an object of these. */
export function hasValue(value: unknown): boolean {
  if (typeof value === 'string') return !isBlank(value);
  return isNested(value) ? Object.values(value).some(hasValue) : value !== undefined && value !== null;
}
