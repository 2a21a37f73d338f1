/** JSON values: compared regardless of the order of their keys, and limited to what every reader can process. Pure. */
import { quoteName, TEXT_RULES, textProblem } from './text.ts';

/** The value as text, with sorted keys at every depth. For comparing only: hashes use RFC 8785. */
export function canonicalText(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) => (isObject(inner) ? sortKeys(inner) : inner)) ?? 'undefined'
  );
}

export function sameJson(a: unknown, b: unknown): boolean {
  return canonicalText(a) === canonicalText(b);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deeper values could overflow the stack of those that serialise them: JSON.stringify and PostgreSQL. */
export const MAX_JSON_DEPTH = 100;

export interface JsonProblem {
  /** E.g. `selection.filterRules[3].value`. */
  readonly path: string;
  readonly message: string;
}

/**
 * Why a value cannot be stored and sent exactly as it is: its texts, its numbers, or what is not JSON. Reports only the first
 * problem, in the order of the text; null: there is none.
 */
export function findJsonProblem(value: unknown, path: string): JsonProblem | null {
  // With a stack of its own, because recursion could overflow the call stack.
  const open: Nested[] = [{ value, path, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const problem = plainProblem(next);
    if (problem !== null) return problem;
    // One at a time, because a call takes a limited number of arguments.
    if (isNested(next.value)) for (const inner of listInner(next.value, next).reverse()) open.push(inner);
  }
  return null;
}

/** How deeply objects and lists are nested, 0 for other values. Stops beyond MAX_JSON_DEPTH. */
export function measureDepth(value: unknown): number {
  let depth = 0;
  // Level by level, because recursion could overflow the call stack.
  for (let level = [value].filter(isNested); level.length > 0 && depth <= MAX_JSON_DEPTH; depth += 1)
    level = level.flatMap((each) => Object.values(each).filter(isNested));
  return depth;
}

interface Nested {
  readonly value: unknown;
  readonly path: string;
  readonly depth: number;
}

function plainProblem({ value, path, depth }: Nested): JsonProblem | null {
  const message = describePlain(value) ?? (depth > MAX_JSON_DEPTH ? TOO_DEEP : null);
  return message === null ? null : { path, message };
}

const TOO_DEEP = `is nested more than ${MAX_JSON_DEPTH} deep`;

function describePlain(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return textProblem(value, TEXT_RULES.value);
    case 'number':
      return numberProblem(value);
    case 'bigint':
    case 'function':
    case 'symbol':
      return 'is not a JSON value';
    default:
      return null;
  }
}

/** JSON has neither NaN nor Infinity and would write null. Long integers lose their last digits when they are read. */
function numberProblem(value: number): string | null {
  if (!Number.isFinite(value)) return 'is not a number that JSON has';
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'has more digits than a JSON number keeps; put it in quotes';
  return null;
}

function listInner(value: object, { path, depth }: Nested): Nested[] {
  if (Array.isArray(value))
    return value.map((each: unknown, i) => ({ value: each, path: `${path}[${i}]`, depth: depth + 1 }));
  return Object.entries(value).flatMap(([key, each]) => {
    const inner = { value: each as unknown, path: `${path}.${describeKey(key)}`, depth: depth + 1 };
    // The key itself is checked like a text.
    return [{ value: key, path: `the key ${inner.path}`, depth }, inner];
  });
}

/** A key as part of a path. */
export function describeKey(key: string): string {
  return /^\w{1,40}$/.test(key) ? key : quoteName(key);
}

/** An object or a list. */
export function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function sortKeys(value: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}
