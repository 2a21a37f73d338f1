/**
 * Checks of inputs. They are written by hand, because zod would add 930 KiB to the workflow bundle: workflows check their
 * input too, since any Temporal client may have started them. An unknown field is a problem: most likely it is a typo.
 */

import { isObject } from '../domain/json.ts';

/** Returns what is wrong with the value of a field, or null. */
export type FieldCheck = (value: unknown) => string | null;
export type FieldChecks = Readonly<Record<string, FieldCheck>>;

export type Checked<T> = { readonly input: T } | { readonly problems: readonly string[] };

export const text: FieldCheck = (value) =>
  typeof value === 'string' && value.trim() !== '' ? null : 'must be a non-empty text';

export const flag: FieldCheck = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

export const oneOf =
  (...values: readonly string[]): FieldCheck =>
  (value) =>
    values.includes(value as string) ? null : `must be one of ${values.join(', ')}`;

const DURATION = /^\d+(\.\d+)?\s*(ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)$/;
export const duration: FieldCheck = (value) =>
  typeof value === 'string' && DURATION.test(value) ? null : 'must be a duration such as "3 days" or "12h"';

/** Limited to the characters that both run ids and URL paths can contain. */
export const identifier: FieldCheck = (value) =>
  typeof value === 'string' && /^[\w.~-]{1,128}$/.test(value)
    ? null
    : 'must be an id of at most 128 letters, digits, "_", "-", "." or "~"';

export const textMap: FieldCheck = (value) =>
  isObject(value) && Object.values(value).every((column) => typeof column === 'string')
    ? null
    : 'must be an object {"field": "column"}';

const SOURCES: Readonly<Record<string, FieldChecks>> = {
  path: {
    path: text,
    format: oneOf('csv', 'ndjson', 'json'),
    encoding: oneOf('utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'latin1'),
    map: textMap,
  },
  dataset: { dataset: text, map: textMap },
  retryOf: { retryOf: text },
};

export const source: FieldCheck = (value) => {
  const kinds = Object.keys(SOURCES);
  if (!isObject(value)) return `must be an object with one of ${kinds.join(', ')}`;
  if ('url' in value) return 'cannot be a "url"; use "path", or a dataset staged by the client';
  const given = kinds.filter((kind) => kind in value);
  const [kind] = given;
  if (kind === undefined || given.length > 1) return `must have exactly one of ${kinds.join(', ')}`;
  const problems = findProblems(value, SOURCES[kind] ?? {}, [kind], 'source.');
  return problems.length === 0 ? null : problems.join('; ');
};

/** The fields of `CommonInput`. */
export const COMMON_FIELDS = {
  approval: flag,
  approvalDeadline: duration,
  dryRun: flag,
  requestedBy: text,
  onInDoubt: oneOf('ask', 'leave', 'resend'),
  inDoubtDeadline: duration,
  again: flag,
  notify: oneOf('batch', 'page', 'run'),
} as const satisfies FieldChecks;

/** Checks one JSON object. Returns every problem at once, each naming its field. */
export function checkFields<T>(value: unknown, fields: FieldChecks, required: readonly string[]): Checked<T> {
  if (!isObject(value)) return { problems: ['the input must be one JSON object'] };
  const problems = findProblems(value, fields, required);
  return problems.length === 0 ? { input: value as T } : { problems };
}

function findProblems(
  value: Record<string, unknown>,
  fields: FieldChecks,
  required: readonly string[],
  prefix = '',
): string[] {
  const problems = required
    .filter((field) => value[field] === undefined)
    .map((field) => `${prefix}${field} is missing`);
  for (const [field, given] of Object.entries(value)) {
    if (given === undefined) continue;
    const problem = Object.hasOwn(fields, field) ? fields[field]?.(given) : describeUnknownField(fields);
    if (problem)
      problems.push(problem.startsWith(`${prefix}${field}.`) ? problem : `${prefix}${field} ${problem}`);
  }
  return problems;
}

function describeUnknownField(fields: FieldChecks): string {
  return `is not a field of this input; known fields: ${Object.keys(fields).join(', ')}`;
}
