/** JSON that can be stored and sent back exactly as it was received. */
import { z } from 'zod';
import { TWICE } from './json.ts';

/** As in our own inputs (docs/from-a-service.md#texts). */
const MAX_DEPTH = 100;

/**
 * A document that is sent back as a whole must not change on the way. PostgreSQL cannot store NUL and halves of surrogate
 * pairs, JSON.stringify writes neither long integers (json.ts) nor infinite numbers, and serialising deeply nested values
 * overflows the stack. JSON.parse rounds fractions of too many digits and drops one of two equal keys (parseExactJson). Such a
 * document counts as unreadable: nothing is written to it (docs/cxone-contract.md#outbound-campaigns).
 */
export function exact<T extends z.ZodType>(schema: T) {
  const checked = z
    .unknown()
    .superRefine((json, context) => {
      const inexact = findInexact(json);
      if (inexact)
        context.addIssue({ code: 'custom', path: [...inexact.path], message: inexact.what, params: INEXACT });
    })
    .pipe(schema);
  EXACT.add(checked);
  return checked;
}

const EXACT = new WeakSet<z.ZodType>();

/** Whether the document has to be read with parseExactJson. */
export const isExactSchema = (schema: z.ZodType): boolean => EXACT.has(schema);

const INEXACT = { inexact: true };

/** What `exact` has found. */
export const isInexact = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'custom' && issue.params === INEXACT;

interface Inexact {
  /** The keys that lead to it. */
  readonly path: readonly string[];
  readonly what: string;
}

interface Open {
  readonly value: unknown;
  readonly key: string;
  readonly depth: number;
  readonly parent: Open | null;
}

/** The first in the order of the document. */
function findInexact(json: unknown): Inexact | null {
  // With a stack of its own, because recursion could overflow the call stack.
  const open: Open[] = [{ value: json, key: '', depth: 0, parent: null }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const what = describeInexact(next);
    if (what !== null) return { path: pathOf(next), what };
    const parent = next;
    if (typeof parent.value !== 'object' || parent.value === null) continue;
    for (const [key, value] of Object.entries(parent.value).toReversed())
      open.push({ value, key, depth: parent.depth + 1, parent });
  }
  return null;
}

function describeInexact({ value, depth }: Open): string | null {
  if (value === TWICE) return 'is there twice';
  if (depth > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
  if (typeof value === 'string') return isStorable(value) ? null : `has ${UNSTORABLE}`;
  if (typeof value === 'bigint' || (typeof value === 'number' && !isExactNumber(value)))
    return 'is a number that cannot be kept exactly';
  const keys = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  return keys.every(isStorable) ? null : `has a key with ${UNSTORABLE}`;
}

const UNSTORABLE = 'NUL or half of a surrogate pair';
const isStorable = (text: string): boolean => !/\p{Surrogate}|\0/u.test(text);

const isExactNumber = (value: number): boolean =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));

function pathOf(found: Open): string[] {
  const path: string[] = [];
  for (let at = found; at.parent !== null; at = at.parent) path.unshift(at.key);
  return path;
}
