/** Runs and their executions in Temporal. */
import { sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import { lockRun } from '../locks.ts';
import type { EndedExecution, ExecutingRun, Execution } from './runs.ts';

export async function listExecuting(db: Executor, namespace: string): Promise<ExecutingRun[]> {
  const rows = await db
    .selectFrom('runs')
    .select(['run_id as runId', 'run_no as runNo', 'execution_id as executionId'])
    .where('state', '=', 'running')
    .where('namespace', '=', namespace)
    .orderBy('run_no')
    .execute();
  return rows.flatMap(({ executionId, ...run }) => (executionId === null ? [] : [{ ...run, executionId }]));
}

/** Like a change of the steering, this waits for claims that are being committed, and no later claim contradicts it. */
export function closeEnded(
  { db }: Database,
  { runNo, executionId, failure }: EndedExecution,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await lockRun(tx, runNo);
    const closed = await tx
      .updateTable('runs')
      .set({
        state: 'failed',
        steering: 'stopped',
        phase: 'done',
        waiting_for: null,
        finished_at: sql`coalesce(finished_at, now())`,
        failure: JSON.stringify(failure),
      })
      .where('run_no', '=', runNo)
      .where('state', '=', 'running')
      .where('execution_id', '=', executionId)
      .returning('run_id')
      .executeTakeFirst();
    if (!closed) return false;
    const data = JSON.stringify({ state: 'failed', failure });
    await tx
      .insertInto('audit_pending')
      .values({ run_id: closed.run_id, action: 'run_closed', data })
      .execute();
    return true;
  });
}

export const executionColumns = (execution: Execution | undefined) => ({
  namespace: execution?.namespace ?? null,
  execution_id: execution?.id ?? null,
});
