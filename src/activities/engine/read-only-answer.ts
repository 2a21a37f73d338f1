/** The answer of a write that only reads, or that ends before anything was sent. */
import type { Answer } from './write-definition.ts';

export function readOnlyAnswer({
  groups = [],
  derived = [],
  details,
}: Pick<Answer, 'details'> & Partial<Pick<Answer, 'groups' | 'derived'>>): Answer {
  const emitsEvent = groups.length > 0;
  return { groups, derived, httpStatus: 200, requestId: null, details, readOnly: true, emitsEvent };
}
