/** Reads the cells of a preference row one by one (docs/cxone-contract.md#preference-rules). Pure. */
import { CHANNELS, type Channel } from '../consent/eligibility.ts';
import { contactIdProblem, toGuid } from '../contact-id.ts';
import { type Fields, readField, toText } from '../fields.ts';
import { withoutInvisible } from '../invisible.ts';
import type { ReasonCode } from '../reasons.ts';
import type { Reason } from '../run.ts';
import { CLOCK_TOLERANCE_MS, describeNoTimestamp, toUtcTimestamp } from '../timestamps.ts';
import { readChoiceWords } from './decision.ts';

export const MAX_SOURCE_CHARACTERS = 50;

/** `value` null: missing or invalid; with a reason, invalid. */
export interface Part<T> {
  readonly value: T | null;
  readonly reason?: Reason;
}

export interface Cell {
  readonly field: string;
  readonly text: string;
}

/**
 * In lower case and without the braces that Microsoft's tools write around a GUID.
 * @param code the reason is `<code>_not_a_guid`, or for a blank contact id `contact_id_missing`
 */
export function readGuid({ field, text }: Cell, code: 'contact_id' | 'idempotency_key'): Part<string> {
  const guid = toGuid(text);
  if (guid !== null) return { value: guid };
  if (text === '' && code === 'contact_id') return invalid('contact_id_missing', field);
  return invalid(`${code}_not_a_guid`, field, contactIdProblem(text)?.message);
}

export function readChannel(cell: Cell): Part<Channel> {
  return readChoice(cell, CHANNELS, (text) => text.toLowerCase(), 'channel');
}

/** @param code the reason is `<code>_missing` or `<code>_unknown` */
export function readChoice<T extends string>(
  { field, text }: Cell,
  options: readonly T[],
  normalize: (text: string) => string,
  code: 'channel' | 'regulatory_region',
): Part<T> {
  const option = options.find((each) => each === normalize(text));
  if (option !== undefined) return { value: option };
  return invalid(text === '' ? `${code}_missing` : `${code}_unknown`, field, options.join(', '));
}

export function readFlag({ field, text }: Cell): Part<boolean> {
  const decision = readChoiceWords(text);
  if (decision === 'yes' || decision === 'no') return { value: decision === 'yes' };
  return invalid(decision === 'missing' ? 'opt_in_missing' : 'opt_in_not_a_flag', field);
}

export function readSource({ field, text }: Cell): Part<string> {
  if (text === '') return invalid('source_missing', field);
  if (text.length <= MAX_SOURCE_CHARACTERS) return { value: text };
  return invalid('source_too_long', field, `at most ${MAX_SOURCE_CHARACTERS} characters`);
}

export function readTime({ field, text }: Cell, now: Date): Part<string> {
  if (text === '') return { value: null };
  const value = toUtcTimestamp(text);
  if (value === null)
    return invalid('timestamp_not_a_date', field, `${describeNoTimestamp(text)}, from the year 1900 on`);
  if (Date.parse(value) - now.getTime() > CLOCK_TOLERANCE_MS) return invalid('timestamp_in_future', field);
  return { value };
}

function invalid(code: ReasonCode, field: string, message?: string): Part<never> {
  return { value: null, reason: { code, field, ...(message !== undefined && { message }) } };
}

/** Not if JSON.parse has rounded a long number, which may be the id of another contact now, and not for objects. */
export function isExact(value: unknown): boolean {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

/** A cell as trimmed text. The word `null` in CSV means a missing value, as null does in JSON. */
export function readText(fields: Fields, column: string | undefined): string {
  const text = withoutInvisible(toText(readField(fields, column))).trim();
  return text.toLowerCase() === 'null' ? '' : text;
}
