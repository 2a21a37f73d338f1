/** What runs may still read. */
import type { Executor } from '../database.ts';
import type { Run } from './runs.ts';
import { datasetsOf, readSource, type SourceOfInput } from './sources.ts';

export interface Reader {
  readonly runId: string;
  /** Empty once all of it is staged. */
  readonly source: SourceOfInput;
  readonly datasets: readonly string[];
}

/** `onlyStaging`: without runs that have staged all of their source. Inputs may be large. */
export interface ReadersQuery {
  readonly onlyStaging?: boolean;
}

/** Runs in these states. One that was purged reads nothing any more. */
export async function listReaders(
  db: Executor,
  states: readonly Run['state'][],
  { onlyStaging = false }: ReadersQuery = {},
): Promise<Reader[]> {
  const runs = await db
    .selectFrom('runs')
    .select(['run_id', 'input', 'total'])
    .where('state', 'in', states)
    .where('purged_at', 'is', null)
    .$if(onlyStaging, (query) => query.where('total', 'is', null))
    .execute();
  return runs.map((run) => {
    const isStaged = run.total !== null;
    return {
      runId: run.run_id,
      source: isStaged ? {} : readSource(run),
      datasets: datasetsOf(run, isStaged),
    };
  });
}
