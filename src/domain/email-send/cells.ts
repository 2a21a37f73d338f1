/** Cells of a row of recipients as texts. Pure. */
import { toText } from '../fields.ts';
import type { Reason } from '../run.ts';

/** A part of a recipient. If it has reasons, they say what is wrong with it, and the value has no meaning. */
export interface Part<T> {
  readonly value: T;
  readonly reasons: readonly Reason[];
}

/** The text of a cell, of a number or boolean exactly as JSON writes it; `''` if there is none. */
export function readCell(cell: unknown, field: string): Part<string> {
  const problem = cellProblem(cell);
  return problem === null
    ? { value: toText(cell), reasons: [] }
    : { value: '', reasons: [{ ...problem, field }] };
}

function cellProblem(cell: unknown): Pick<Reason, 'code' | 'message'> | null {
  switch (typeof cell) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return null;
    case 'number':
      return isExact(cell) ? null : { code: 'number_not_exact', message: 'put the number in quotes' };
    default:
      return cell === null
        ? { code: 'field_null', message: 'leave the field out, or write an empty text' }
        : { code: 'field_nested', message: 'a field has one text' };
  }
}

/** JSON.parse has rounded a long integer. */
const isExact = (value: number): boolean =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
