/**
 * Checks of inputs. They are written by hand, because zod would add 930 KiB to the workflow bundle: workflows check their
 * input too, since any Temporal client may have started them. An unknown field is a problem: most likely it is a typo.
 */

import { parseDuration } from '../domain/durations.ts';
import { describeKey, isObject } from '../domain/json.ts';
import { isPhoneCountry } from '../domain/phone.ts';
import { shortenList } from '../domain/shorten.ts';
import { quoteName, TEXT_RULES, type TextRule, textProblem } from '../domain/text.ts';
import type { CommonInput } from './run.ts';

/** Returns what is wrong with the value of a field, or null. */
export type FieldCheck = (value: unknown) => string | null;
export type FieldChecks = Readonly<Record<string, FieldCheck>>;
/** One check for each field, so that a field without one does not compile. */
export type ChecksOf<Input> = Readonly<Record<keyof Input, FieldCheck>>;

export type Checked<T> = { readonly input: T } | { readonly problems: readonly string[] };

/** A text by one of TEXT_RULES. No field of an input has any other check for texts. */
const text =
  (rule: TextRule): FieldCheck =>
  (value) =>
    typeof value === 'string' && value.trim() !== '' ? textProblem(value, rule) : 'must be a non-empty text';

/** The id of a run, a dataset or a write. */
export const idText = text(TEXT_RULES.id);
export const nameText = text(TEXT_RULES.name);
const path = text(TEXT_RULES.path);

/** What is wrong with the id of a run, a check or an erasure, or null: any Temporal client may have chosen it. */
export function runIdProblem(runId: string): string | null {
  const problem = idText(runId);
  return problem === null ? null : `the run id ${problem}`;
}

export const flag: FieldCheck = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

/** Two letters (ISO 3166), in any case. */
export const phoneCountry: FieldCheck = (value) =>
  typeof value === 'string' && isPhoneCountry(value)
    ? null
    : 'must be a country with phone numbers, as two letters (ISO 3166), e.g. US';

export const oneOf =
  (...values: readonly string[]): FieldCheck =>
  (value) =>
    values.includes(value as string) ? null : `must be one of ${values.join(', ')}`;

export const duration: FieldCheck = (value) => {
  const parsed = parseDuration(value);
  return typeof parsed === 'string' ? parsed : null;
};

/** Limited to the characters that both run ids and URL paths can contain. */
export const identifier: FieldCheck = (value) =>
  typeof value === 'string' && /^[\w.~-]{1,128}$/.test(value)
    ? null
    : 'must be an id of at most 128 letters, digits, "_", "-", "." or "~"';

/** Field → column. The operation knows which fields there are; all that is checked here is that they are short texts. */
export const columnMap: FieldCheck = (value) => {
  if (!isObject(value) || !Object.values(value).every((column) => typeof column === 'string'))
    return 'must be an object {"field": "column"}';
  const entries = Object.entries(value as Record<string, string>);
  if (entries.length > MAX_MAPPED_FIELDS) return `must have at most ${MAX_MAPPED_FIELDS} fields`;
  for (const [field, column] of entries) {
    const problem = textProblem(field, TEXT_RULES.name);
    if (problem !== null) return `has the field ${quoteName(field)}, which ${problem}`;
    const columnProblem = textProblem(column, TEXT_RULES.column);
    if (columnProblem !== null) return `has a column for ${quoteName(field)} that ${columnProblem}`;
  }
  return null;
};

/** No operation has as many. */
const MAX_MAPPED_FIELDS = 100;

const SOURCES: Readonly<Record<string, FieldChecks>> = {
  path: {
    path,
    format: oneOf('csv', 'ndjson', 'json', 'xlsx'),
    encoding: oneOf('utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'latin1'),
    sheet: nameText,
    map: columnMap,
  },
  dataset: { dataset: idText, map: columnMap },
  retryOf: { retryOf: idText },
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
  requestedBy: nameText,
  onInDoubt: oneOf('ask', 'leave', 'resend'),
  inDoubtDeadline: duration,
  again: flag,
  notify: oneOf('batch', 'page', 'run'),
} as const satisfies ChecksOf<CommonInput>;

/**
 * Checks one JSON object. Returns every problem at once, each naming its field.
 * @param furtherProblems what else is wrong with the object, e.g. two fields that exclude each other
 */
export function checkFields<T>(
  value: unknown,
  fields: FieldChecks,
  required: readonly string[],
  furtherProblems: readonly string[] = [],
): Checked<T> {
  if (!isObject(value)) return { problems: ['the input must be one JSON object'] };
  const problems = [...findProblems(value, fields, required), ...furtherProblems];
  return problems.length === 0 ? { input: value as T } : { problems: shortenList(problems, MAX_PROBLEMS) };
}

/** Enough to correct an input; a message with thousands would not fit into Temporal's history. */
const MAX_PROBLEMS = 20;

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
    const check = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (!check) {
      problems.push(describeUnknownField(field, fields, prefix));
      continue;
    }
    const problem = check(given);
    if (problem)
      problems.push(problem.startsWith(`${prefix}${field}.`) ? problem : `${prefix}${field} ${problem}`);
  }
  return problems;
}

function describeUnknownField(field: string, fields: FieldChecks, prefix: string): string {
  return `${prefix}${describeKey(field)} is not a field of this input; known fields: ${Object.keys(fields).join(', ')}`;
}
