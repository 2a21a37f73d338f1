/**
 * Is this an input? By hand and without zod, because workflows check it too: any Temporal client may have started
 * them. Every problem at once, each with its field; an unknown field is a problem, for it is a typing error.
 */
import type {
  CampaignSelectionInput,
  ContactImportInput,
  EligibilityCheckInput,
  EligibilityListInput,
  ErasureInput,
  Kind,
  PreferenceUpdateInput,
  SelectionUpdateInput,
} from './run.ts';
import { CHANNELS, CONSENT_POLICIES } from '../domain/consent/eligibility.ts';
import { changeProblems } from '../domain/selection-update/change.ts';
import { describeProblem, selectionProblems } from '../domain/selection-update/selection.ts';

/** Returns what is wrong with a value of that field, or null. */
type Check = (value: unknown) => string | null;
type Checks = Readonly<Record<string, Check>>;

export type Checked<T> = { readonly input: T } | { readonly problems: readonly string[] };

const text: Check = (value) => (typeof value === 'string' && value.trim() !== '' ? null : 'must be a text');
const flag: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string) ? null : `must be one of ${values.join(', ')}`;

const DURATION = /^\d+(\.\d+)?\s*(ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)$/;
const duration: Check = (value) =>
  typeof value === 'string' && DURATION.test(value) ? null : 'must be a duration such as "3 days" or "12h"';

/** Travels in run ids and paths, so it is kept to what both can carry. */
const identifier: Check = (value) =>
  typeof value === 'string' && /^[\w.~-]{1,128}$/.test(value)
    ? null
    : 'must be an id of letters, digits, "_", "-", "." or "~", at most 128';

const textMap: Check = (value) =>
  isObject(value) && Object.values(value).every((column) => typeof column === 'string')
    ? null
    : 'must be an object {"field": "column"}';

const SOURCE_CHECKS: Readonly<Record<string, Checks>> = {
  path: {
    path: text,
    format: oneOf('csv', 'ndjson', 'json'),
    encoding: oneOf('utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'latin1'),
    map: textMap,
  },
  dataset: { dataset: text, map: textMap },
  retryOf: { retryOf: text },
};

const source: Check = (value) => {
  const kinds = Object.keys(SOURCE_CHECKS);
  if (!isObject(value)) return `must be an object with one of ${kinds.join(', ')}`;
  if ('url' in value)
    return 'of the kind "url" is not supported; use "path" or a dataset staged by the client';
  const given = kinds.filter((kind) => kind in value);
  const [kind] = given;
  if (kind === undefined || given.length > 1) return `must have exactly one of ${kinds.join(', ')}`;
  const problems = check(value, SOURCE_CHECKS[kind] ?? {}, [kind], 'source.');
  return problems.length === 0 ? null : problems.join('; ');
};

const COMMON: Checks = {
  approval: flag,
  approvalDeadline: duration,
  dryRun: flag,
  requestedBy: text,
  onInDoubt: oneOf('ask', 'leave', 'resend'),
  inDoubtDeadline: duration,
  again: flag,
  notify: oneOf('batch', 'page', 'run'),
};

const INPUTS: Readonly<Record<Kind, { readonly checks: Checks; readonly required: readonly string[] }>> = {
  contactImport: {
    checks: {
      listId: identifier,
      source,
      existing: oneOf('skip', 'update'),
      dedupe: oneOf('either', 'contactId', 'phone', 'both'),
      requireConsent: oneOf(...CHANNELS),
      policy: oneOf(...CONSENT_POLICIES),
      ...COMMON,
    },
    required: ['listId', 'source'],
  },
  selectionUpdate: {
    checks: {
      campaignId: identifier,
      // Judged by checkSelectionUpdate, problem by problem.
      selection: () => null,
      change: () => null,
      rollbackOf: text,
      baseVersion: (value) => (Number.isInteger(value) ? null : 'must be a whole number'),
      onConflict: oneOf('merge', 'ask', 'mine', 'theirs'),
      conflictDeadline: duration,
      ...COMMON,
    },
    required: ['campaignId'],
  },
  preferenceUpdate: { checks: { source, guard: flag, ...COMMON }, required: ['source'] },
};

const ELIGIBILITY_CHECK: Checks = {
  contactId: identifier,
  channel: oneOf(...CHANNELS),
  policy: oneOf(...CONSENT_POLICIES),
  optInStatus: oneOf('confirmed', 'pending'),
  timeZone: text,
};

const ELIGIBILITY_LIST: Checks = {
  dataset: text,
  map: textMap,
  channel: oneOf(...CHANNELS),
  policy: oneOf(...CONSENT_POLICIES),
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function check(
  value: Record<string, unknown>,
  checks: Checks,
  required: readonly string[],
  prefix = '',
): string[] {
  const problems = required
    .filter((field) => value[field] === undefined)
    .map((field) => `${prefix}${field} is missing`);
  for (const [field, given] of Object.entries(value)) {
    if (given === undefined) continue;
    const problem = Object.hasOwn(checks, field) ? checks[field]?.(given) : unknownField(checks);
    if (problem)
      problems.push(problem.startsWith(`${prefix}${field}.`) ? problem : `${prefix}${field} ${problem}`);
  }
  return problems;
}

function unknownField(checks: Checks): string {
  return `is not a field of this input; known: ${Object.keys(checks).join(', ')}`;
}

function checkAll<T>(value: unknown, checks: Checks, required: readonly string[]): Checked<T> {
  if (!isObject(value)) return { problems: ['the input must be one JSON object'] };
  const problems = check(value, checks, required);
  return problems.length === 0 ? { input: value as T } : { problems };
}

function checkInput<T>(kind: Kind, value: unknown): Checked<T> {
  return checkAll<T>(value, INPUTS[kind].checks, INPUTS[kind].required);
}

export function checkContactImport(value: unknown): Checked<ContactImportInput> {
  const checked = checkInput<ContactImportInput>('contactImport', value);
  // Whoever asks for the strict rules and for nobody's consent believes in a check that does not take place.
  if (!isObject(value) || value.policy === undefined || value.requireConsent !== undefined) return checked;
  const problem =
    'policy is of use with requireConsent only: without a channel to require consent for, nobody is checked';
  return { problems: [...('problems' in checked ? checked.problems : []), problem] };
}

export function checkPreferenceUpdate(value: unknown): Checked<PreferenceUpdateInput> {
  return checkInput('preferenceUpdate', value);
}

export function checkEligibilityCheck(value: unknown): Checked<EligibilityCheckInput> {
  return checkAll(value, ELIGIBILITY_CHECK, ['contactId', 'channel']);
}

export function checkEligibilityList(value: unknown): Checked<EligibilityListInput> {
  return checkAll(value, ELIGIBILITY_LIST, ['dataset']);
}

export function checkErasure(value: unknown): Checked<ErasureInput> {
  return checkAll(value, { dataset: text, requestedBy: text }, ['dataset']);
}

/** The options that change what is written, defaults filled in: with the content, what makes two runs the same. */
export function contactImportOptions(input: ContactImportInput) {
  return {
    existing: input.existing ?? 'skip',
    dedupe: input.dedupe ?? 'either',
    map: ('map' in input.source && input.source.map) || {},
    // Only where it is asked for: the keys of all runs without it stay what they were.
    ...(input.requireConsent && {
      requireConsent: input.requireConsent,
      policy: input.policy ?? ('default' as const),
    }),
  };
}

export function preferenceUpdateOptions(input: PreferenceUpdateInput) {
  return { guard: input.guard ?? true, map: ('map' in input.source && input.source.map) || {} };
}

const WISHES = ['selection', 'change', 'rollbackOf'] as const;

export function checkSelectionUpdate(value: unknown): Checked<SelectionUpdateInput> {
  const checked = checkInput<SelectionUpdateInput>('selectionUpdate', value);
  if (!isObject(value)) return checked;
  const { selection, change, baseVersion } = value;
  const isEdited = baseVersion !== undefined;
  const problems = [
    ...('problems' in checked ? checked.problems : []),
    ...(selection === undefined
      ? []
      : selectionProblems(selection, 'selection', isEdited).map(describeProblem)),
    ...(change === undefined ? [] : changeProblems(change).map(describeProblem)),
  ];
  const given = WISHES.filter((wish) => value[wish] !== undefined);
  if (given.length !== 1) problems.push(`the input must have exactly one of ${WISHES.join(', ')}`);
  if (isEdited && selection === undefined)
    problems.push(
      'baseVersion is of use with selection only: a change is measured from the campaign as it is',
    );
  return problems.length === 0 ? { input: value as unknown as SelectionUpdateInput } : { problems };
}

/** What makes two updates the same while one of them is under way. */
export function selectionUpdateOptions(input: SelectionUpdateInput) {
  const {
    selection = null,
    change = null,
    rollbackOf = null,
    baseVersion = null,
    onConflict = 'merge',
  } = input;
  return { selection, change, rollbackOf, baseVersion, onConflict };
}

export function checkCampaignSelection(value: unknown): Checked<CampaignSelectionInput> {
  if (!isObject(value)) return { problems: ['the input must be one JSON object'] };
  const problems = check(value, { campaignId: identifier }, ['campaignId']);
  return problems.length === 0 ? { input: value as unknown as CampaignSelectionInput } : { problems };
}
