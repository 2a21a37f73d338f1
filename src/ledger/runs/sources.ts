/** The source of a run, according to its input. */
import { isObject } from '../../domain/json.ts';
import type { Run } from './runs.ts';

/** Where the rows of a run come from: exactly one of these, or none for an operation that reads no source. */
export interface SourceOfInput {
  readonly path?: string;
  readonly dataset?: string;
  readonly retryOf?: string;
}

/**
 * Inputs are read here and never in SQL: a single input with a NUL would fail every query in which PostgreSQL reads a field
 * of all inputs.
 */
export function readSource({ input }: Pick<Run, 'input'>): SourceOfInput {
  const source = isObject(input) ? input.source : null;
  return isObject(source) ? source : {};
}
