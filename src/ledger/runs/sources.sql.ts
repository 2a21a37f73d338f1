/** What runs have not read to its end. */
import type { Executor } from '../database.ts';
import type { Run } from './runs.ts';
import { readSource, type SourceOfInput } from './sources.ts';

export interface Reader {
  readonly runId: string;
  readonly source: SourceOfInput;
}

/** Runs in these states that have not read all of their source. One that was purged never will. */
export async function listReaders(db: Executor, states: readonly Run['state'][]): Promise<Reader[]> {
  const runs = await db
    .selectFrom('runs')
    .select(['run_id', 'input'])
    .where('total', 'is', null)
    .where('state', 'in', states)
    .where('purged_at', 'is', null)
    .execute();
  return runs.map((run) => ({ runId: run.run_id, source: readSource(run) }));
}
