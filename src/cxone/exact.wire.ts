/** JSON that can be stored and sent back exactly as it was received. */
import { z } from 'zod';

/** As in our own inputs (docs/from-a-service.md#texts). */
const MAX_DEPTH = 100;

/**
 * A document that is sent back as a whole must not change on the way. PostgreSQL cannot store NUL and halves of surrogate
 * pairs, JSON.parse rounds long integers and makes very large numbers infinite, and serialising deeply nested values
 * overflows the stack. Such a document counts as unreadable: nothing is written to it.
 */
export const exact = <T extends z.ZodType>(schema: T) => z.unknown().refine(isExact).pipe(schema);

function isExact(json: unknown): boolean {
  // With a stack of its own, because recursion could overflow the call stack.
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: json, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (!isExactPlain(value) || depth > MAX_DEPTH) return false;
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value) && !Object.keys(value).every(isExactPlain)) return false;
    for (const inner of Object.values(value)) open.push({ value: inner, depth: depth + 1 });
  }
  return true;
}

function isExactPlain(value: unknown): boolean {
  if (typeof value === 'string') return !/\p{Surrogate}|\0/u.test(value);
  if (typeof value !== 'number') return true;
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}
