/** The cells of a preference row, each read by itself, and what is wrong with it. Pure. */
import { normalizeName } from '../columns.ts';
import { CLOCK_TOLERANCE_MS } from '../consent/eligibility.ts';
import type { Reason } from '../run.ts';
import { toUtcTimestamp } from '../timestamps.ts';

/** Source: S0. */
export const MAX_SOURCE_CHARACTERS = 50;

type Fields = Readonly<Record<string, unknown>>;

/** `value` null: there is none, or a wrong one. A reason has the field as the source names it and never a value. */
export interface Part<T> {
  readonly value: T | null;
  readonly reason?: Reason;
}

export interface Cell {
  readonly field: string;
  readonly text: string;
}

/** Any variant and version: S0's own examples are no RFC 4122 UUIDs (reliability.md M11). */
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isGuid(text: string): boolean {
  return GUID.test(text);
}

/** Also as Microsoft's tools write it: in braces, which are no part of it. */
export function readGuid({ field, text }: Cell, what: string): Part<string> {
  const guid = /^\{.*\}$/.test(text) ? text.slice(1, -1) : text;
  if (isGuid(guid)) return { value: guid };
  return wrong(text === '' ? `${what}_missing` : `${what}_not_a_guid`, field);
}

export function readWord<T extends string>(
  { field, text }: Cell,
  words: readonly T[],
  normalise: (text: string) => string,
  what: string,
): Part<T> {
  const word = words.find((each) => each === normalise(text));
  if (word !== undefined) return { value: word };
  return wrong(text === '' ? `${what}_missing` : `${what}_unknown`, field, words.join(', '));
}

/** In any case. */
export const YES: readonly string[] = ['true', 'yes', '1', 'y', 't', 'on'];
/** Blanks, `_` and `-` do not matter. A no has more words than a yes: it must not be overheard. */
export const NO: readonly string[] = [
  ...['false', 'no', '0', 'n', 'f', 'off', 'out'],
  ...['optout', 'optedout', 'unsubscribe', 'unsubscribed', 'withdrawn', 'stop'],
];

export function readFlag({ field, text }: Cell): Part<boolean> {
  if (NO.includes(normalizeName(text))) return { value: false };
  if (YES.includes(text.toLowerCase())) return { value: true };
  return wrong(text === '' ? 'opt_in_missing' : 'opt_in_not_a_flag', field, 'true or false');
}

export function readSource({ field, text }: Cell): Part<string> {
  if (text === '') return wrong('source_missing', field);
  if (text.length <= MAX_SOURCE_CHARACTERS) return { value: text };
  return wrong('source_too_long', field, `at most ${MAX_SOURCE_CHARACTERS} characters`);
}

export function readTime({ field, text }: Cell, now: Date): Part<string> {
  if (text === '') return { value: null };
  const value = toUtcTimestamp(text);
  if (value === null)
    return wrong('timestamp_not_a_date', field, 'write 2024-11-01 or 2024-11-01T09:15:00+01:00');
  if (Date.parse(value) - now.getTime() > CLOCK_TOLERANCE_MS) return wrong('timestamp_in_future', field);
  return { value };
}

function wrong(code: string, field: string, message?: string): Part<never> {
  return { value: null, reason: { code, field, ...(message !== undefined && { message }) } };
}

/** JSON.parse has rounded a long number: it is somebody else's id now. An object is nobody's. */
export function isExact(value: unknown): boolean {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

export function valueOf(fields: Fields, column: string | undefined): unknown {
  return column !== undefined && Object.hasOwn(fields, column) ? fields[column] : undefined;
}

/** A cell as text, trimmed; `null` written out in a CSV is nothing, as it is in JSON. */
export function textOf(fields: Fields, column: string | undefined): string {
  const value = valueOf(fields, column);
  if (value === undefined || value === null) return '';
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).trim();
  return text.toLowerCase() === 'null' ? '' : text;
}
