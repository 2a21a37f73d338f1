/** Which values a message needs of every recipient (docs/email-send.md#merge-fields). Pure. */
import { type Check, checkObject, listOf, problem } from '../checks.ts';
import { normalizeName } from '../columns.ts';
import { isObject, type JsonProblem } from '../json.ts';
import { shorten } from '../shorten.ts';
import { escapeUnprintable, TEXT_RULES, textProblem } from '../text.ts';
import { splitFallback } from './template.ts';

export interface MergeField {
  /** As the template and the subject have it, between `{{` and `}}`. */
  readonly name: string;
  /** What a recipient without a value gets; null: they are not sent anything. */
  readonly fallback: string | null;
}

/** More than a template has, and little enough to be part of a run's input. */
const MAX_FIELDS = 200;

/** `mergeFields` of a message: `firstName|there`, or `{"name": "firstName", "fallback": "there"}`. */
export function mergeFieldsProblems(value: unknown, path: string): JsonProblem[] {
  const problems = listOf(checkField, MAX_FIELDS)(value, path);
  if (problems.length > 0 || !Array.isArray(value)) return problems;
  if (value.length === 0)
    return problem(path, 'must have at least one field; leave it out to send every column');
  const keys = toMergeFields(value).map(({ name }) => normalizeName(name));
  return keys.flatMap((key, index) =>
    keys.indexOf(key) < index ? problem(`${path}[${index}]`, 'has a name that is there already') : [],
  );
}

/** Of a value without problems. */
export function toMergeFields(value: unknown): readonly MergeField[] {
  return (value as readonly (string | Partial<MergeField>)[]).map((each) =>
    typeof each === 'string'
      ? splitFallback(each)
      : { name: each.name?.trim() ?? '', fallback: each.fallback ?? null },
  );
}

/** `{{name}}`, fit for a message. */
export function quoteField(name: string): string {
  return `{{${escapeUnprintable(shorten(name, MAX_QUOTED))}}}`;
}

const MAX_QUOTED = 60;

function checkField(value: unknown, path: string): JsonProblem[] {
  if (typeof value === 'string') {
    const { name, fallback } = splitFallback(value);
    return [...checkName(name, path), ...checkFallback(fallback, path)];
  }
  if (!isObject(value)) return problem(path, 'must be a text such as "firstName|there"');
  return checkObject({ name: checkName, fallback: checkFallback }, ['name'])(value, path);
}

const checkName: Check = (name, path) => {
  if (typeof name !== 'string' || name.trim() === '')
    return problem(path, 'must begin with the name of a field, e.g. "firstName|there"');
  if (/[{}|]/.test(name)) return problem(path, 'must be a name without {, } and |, e.g. "firstName|there"');
  const wrong = textProblem(name, TEXT_RULES.name);
  return wrong === null ? [] : problem(path, wrong);
};

const checkFallback: Check = (fallback, path) => {
  if (fallback === null) return [];
  if (typeof fallback !== 'string') return problem(path, 'must be a text');
  if (/\{\{|\}\}/.test(fallback)) return problem(path, 'must have a fallback without {{ and }}');
  const wrong = textProblem(fallback, TEXT_RULES.note);
  return wrong === null ? [] : problem(path, wrong);
};
