/** The source of a run, according to its input. */
import type { ColumnMap } from '../../domain/columns.ts';
import { isObject } from '../../domain/json.ts';
import type { Run } from './runs.ts';

/** Where the rows of a run come from: a path, a dataset or an earlier run, or none of them if the operation reads no source. */
export interface SourceOfInput {
  readonly path?: string;
  readonly dataset?: string;
  readonly retryOf?: string;
  /** Of a file or a dataset. */
  readonly map?: ColumnMap;
}

/**
 * Inputs are read here and never in SQL: a single input with a NUL would fail every query in which PostgreSQL reads a field
 * of all inputs.
 */
export function readSource({ input }: Pick<Run, 'input'>): SourceOfInput {
  const source = isObject(input) ? input.source : null;
  return isObject(source) ? source : {};
}

/**
 * Datasets that a run may still read: that of its source until all of it is staged, and a list load's file of suppressed people
 * until it ends.
 */
export function datasetsOf({ input }: Pick<Run, 'input'>, isStaged: boolean): readonly string[] {
  const { dataset } = readSource({ input });
  const suppress = isObject(input) ? input.suppress : null;
  return [isStaged ? null : dataset, suppress].filter((id) => typeof id === 'string');
}
