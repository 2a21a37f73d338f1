/** What the result of a preference update says beyond those of other operations. Pure. */
import { plural } from '../../domain/numbers.ts';
import type { Fact } from './run-parts.ts';

/** `result`: as the contract defines it; runs that ended otherwise have a part of it, or none. */
export function preferenceFacts(result: unknown): readonly Fact[] {
  const { suppressions } = result as { readonly suppressions?: number };
  if (suppressions === undefined) return [];
  const what = plural(suppressions, 'opt-out');
  const where = 'that only our own suppression list is sure to have';
  return [['suppressions', suppressions === 0 ? '0' : `${what} ${where}`]];
}
