/** What the checks of the files that people write are made of. Every problem has its position. Pure. */
import { describeKey, isObject, type JsonProblem } from './json.ts';
import { findSimilar } from './similar.ts';
import { TEXT_RULES, textProblem } from './text.ts';

export type Check = (value: unknown, path: string) => JsonProblem[];

export const problem = (path: string, message: string): JsonProblem[] => [{ path, message }];

/** An object with the fields of `checks` and no others. A field that is not `required` may be missing. */
export function checkObject(checks: Readonly<Record<string, Check>>, required: readonly string[]): Check {
  return (value, path) => {
    if (!isObject(value)) return problem(path, 'must be one JSON object');
    const unknown = Object.keys(value).filter((key) => !Object.hasOwn(checks, key));
    return [
      ...required
        .filter((key) => value[key] === undefined)
        .flatMap((key) => problem(`${path}.${key}`, 'is missing')),
      ...unknown
        .slice(0, MAX_UNKNOWN)
        .flatMap((key) =>
          problem(
            `${path}.${describeKey(key)}`,
            `is unknown${proposeSimilar(key, Object.keys(checks))}; known fields: ${Object.keys(checks).join(', ')}`,
          ),
        ),
      ...Object.entries(checks)
        .filter(([key]) => value[key] !== undefined)
        .flatMap(([key, check]) => check(value[key], `${path}.${key}`)),
    ];
  };
}

function proposeSimilar(key: string, known: readonly string[]): string {
  const similar = findSimilar(key, known);
  return similar === undefined ? '' : `, perhaps it should be ${similar}`;
}

/** Of the keys that nobody knows, so that a wrong file does not become a message of its size. */
const MAX_UNKNOWN = 5;

/** A list of at most `max` entries. */
export function listOf(check: Check, max: number): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return problem(path, 'must be a list');
    if (value.length > max) return problem(path, `must have at most ${max} entries, but has ${value.length}`);
    return value.flatMap((each: unknown, index) => check(each, `${path}[${index}]`));
  };
}

/** A text that is not blank and is fit for a name. The message says what it has to be. */
export function nonEmptyText(message: string): Check {
  return (value, path) => {
    if (typeof value !== 'string' || value.trim() === '') return problem(path, message);
    const wrong = textProblem(value, TEXT_RULES.name);
    return wrong === null ? [] : problem(path, wrong);
  };
}

/** Entries that are in a list a second time. It has to be a short one. */
export function repetitions(entries: readonly unknown[], path: string): JsonProblem[] {
  return entries.flatMap((each, index) =>
    entries.indexOf(each) < index ? problem(`${path}[${index}]`, 'is there twice') : [],
  );
}
