/** Checks the rules that a person writes for a list load: scoring, schema, keys. Every problem has its position. Pure. */

import { checkObject, listOf, nonEmptyText, problem, repetitions } from '../checks.ts';
import { describeKey, isObject, type JsonProblem } from '../json.ts';
import { quoteName, TEXT_RULES, textProblem } from '../text.ts';
import { isAllowed, matchListKeys } from './columns.ts';
import type { FieldSchema } from './items.ts';
import { comparesNumbers, type RuleScoring, type ScoringRules } from './scoring.ts';

/** More than anybody needs, and little enough to be part of a run's input. */
const MAX_RULES = 100;
const MAX_TEXTS = 50;
const MAX_SCHEMA_FIELDS = 200;
const MAX_KEYS = 10;
/** Sums of so many numbers stay exact enough for an order. */
const MAX_NUMBER = 1_000_000_000;

const COMPARISONS = ['below', 'above', 'atMost', 'atLeast'] as const;

/** The rules, or every problem with them, each a sentence that begins with its position, e.g. `scoring.rules[2].add`. */
export function readScoringRules(
  value: unknown,
  path = 'scoring',
): { readonly rules: ScoringRules } | { readonly problems: readonly string[] } {
  const problems = scoringProblems(value, path).map(describe);
  return problems.length > 0 ? { problems } : { rules: value as ScoringRules };
}

/** The same for a schema: `{"allowed": […], "required": […]}`. */
export function readFieldSchema(
  value: unknown,
  path = 'schema',
): { readonly schema: FieldSchema } | { readonly problems: readonly string[] } {
  const problems = schemaProblems(value, path).map(describe);
  return problems.length > 0 ? { problems } : { schema: value as FieldSchema };
}

const describe = ({ path, message }: JsonProblem): string => `${path} ${message}`;

/** `scoring` of an input. */
export function scoringProblems(value: unknown, path: string): JsonProblem[] {
  if (!isObject(value))
    return problem(path, 'must be one JSON object with "base" and "rules", or with "column"');
  if ('column' in value) return checkObject({ column: name }, ['column'])(value, path);
  const fields = { base: number, rules: listOf(scoreRule, MAX_RULES), numbers, clamp: range };
  const problems = checkObject(fields, ['base', 'rules'])(value, path);
  return problems.length > 0 ? problems : unusedNumbers(value as unknown as RuleScoring, path);
}

/** Most likely a name that is misspelt. */
function unusedNumbers({ rules, numbers: readings = {} }: RuleScoring, path: string): JsonProblem[] {
  const compared = new Set(rules.filter(comparesNumbers).map(({ field }) => field));
  return Object.keys(readings)
    .filter((field) => !compared.has(field))
    .flatMap((field) =>
      problem(`${path}.numbers.${describeKey(field)}`, 'is a field that no rule compares with a number'),
    );
}

/** `schema` of an input. */
export function schemaProblems(value: unknown, path: string): JsonProblem[] {
  const names = listOf(name, MAX_SCHEMA_FIELDS);
  const problems = checkObject({ allowed: names, required: names }, [])(value, path);
  if (problems.length > 0 || !isObject(value)) return problems;
  const schema = value as FieldSchema;
  const { allowed, required = [] } = schema;
  if (allowed === undefined && schema.required === undefined)
    return problem(path, 'must have "allowed", "required" or both: lists of names of fields');
  return required.flatMap((field, index) =>
    isAllowed(field, { schema }) || isAllowed(sentAs(field), { schema })
      ? []
      : problem(`${path}.required[${index}]`, 'is not in "allowed", so no row could satisfy both'),
  );
}

/** The field that a column becomes which is the only one of its row: `phone` becomes `phone_number`. */
const sentAs = (column: string): string => matchListKeys([column]).fieldOf(column) ?? column;

/** `deduplicateBy` of an input. */
export function keyProblems(value: unknown, path: string): JsonProblem[] {
  const problems = listOf(name, MAX_KEYS)(value, path);
  if (problems.length > 0) return problems;
  const names = value as readonly string[];
  if (names.length === 0) return problem(path, 'must have at least one field, e.g. ["phone_number"]');
  return repetitions(names, path);
}

function scoreRule(value: unknown, path: string): JsonProblem[] {
  const checks = {
    field: name,
    equals: textOrTexts,
    isGiven: flag,
    ...Object.fromEntries(COMPARISONS.map((each) => [each, number])),
    add: number,
  };
  const problems = checkObject(checks, ['field', 'add'])(value, path);
  if (problems.length > 0 || !isObject(value)) return problems;
  const conditions = [
    value.equals !== undefined,
    value.isGiven !== undefined,
    COMPARISONS.some((each) => value[each] !== undefined),
  ];
  if (conditions.filter(Boolean).length === 1) return isPossible(value, path);
  const choice = `"equals", "isGiven", or ${COMPARISONS.map((each) => `"${each}"`).join(', ')}`;
  return problem(path, `must have one kind of condition: ${choice}`);
}

/** A rule that can never apply is most likely a mistake. */
function isPossible(rule: Record<string, unknown>, path: string): JsonProblem[] {
  const bounds = rule as Partial<Record<(typeof COMPARISONS)[number], number>>;
  const { above = -Infinity, atLeast = -Infinity, below = Infinity, atMost = Infinity } = bounds;
  const [low, high] = [Math.max(above, atLeast), Math.min(below, atMost)];
  if (low < high || (low === high && low !== above && high !== below)) return [];
  return problem(path, `can never apply: no number is between ${low} and ${high} as it requires`);
}

function numbers(value: unknown, path: string): JsonProblem[] {
  if (!isObject(value)) return problem(path, 'must be one JSON object {"field": {"missing": 30, "min": 0}}');
  const entries = Object.entries(value);
  if (entries.length > MAX_RULES) return problem(path, `must have at most ${MAX_RULES} fields`);
  return entries.flatMap(([field, reading]) => {
    const wrong = textProblem(field, TEXT_RULES.name);
    if (wrong !== null) return problem(path, `has the field ${quoteName(field)}, which ${wrong}`);
    const at = `${path}.${describeKey(field)}`;
    const problems = checkObject({ missing: number, min: number, max: number }, [])(reading, at);
    return problems.length > 0 ? problems : order(reading as Record<string, unknown>, at);
  });
}

function range(value: unknown, path: string): JsonProblem[] {
  const problems = checkObject({ min: number, max: number }, ['min', 'max'])(value, path);
  return problems.length > 0 ? problems : order(value as Record<string, unknown>, path);
}

function order({ min, max }: Record<string, unknown>, path: string): JsonProblem[] {
  const isWrong = typeof min === 'number' && typeof max === 'number' && min > max;
  return isWrong ? problem(path, `has a min of ${min} that is greater than its max of ${max}`) : [];
}

const name = nonEmptyText('must be the name of a field: a non-empty text');

const text = nonEmptyText('must be a non-empty text (a missing value is {"isGiven": false})');

function textOrTexts(value: unknown, path: string): JsonProblem[] {
  if (!Array.isArray(value)) return text(value, path);
  return value.length === 0
    ? problem(path, 'must have at least one text')
    : listOf(text, MAX_TEXTS)(value, path);
}

function number(value: unknown, path: string): JsonProblem[] {
  const isGood = typeof value === 'number' && Math.abs(value) <= MAX_NUMBER;
  return isGood ? [] : problem(path, `must be a number from -${MAX_NUMBER} to ${MAX_NUMBER}, without quotes`);
}

function flag(value: unknown, path: string): JsonProblem[] {
  return typeof value === 'boolean' ? [] : problem(path, 'must be true or false');
}
