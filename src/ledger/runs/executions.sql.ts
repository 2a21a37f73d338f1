/** Runs and their executions in Temporal. */
import { sql } from 'kysely';
import { addAuditEntry } from '../audit/entries.sql.ts';
import type { Database, Executor } from '../database.ts';
import { lockRun, tryLock, WATCHER_LOCK } from '../locks.ts';
import { markAllPossiblySent } from '../writes/restored.sql.ts';
import { releaseReservation } from './capacity.sql.ts';
import type { EndedExecution, ExecutingRun } from './runs.ts';

/** The lock is released when the transaction ends, so a process that is suspended or dies does not keep it. */
export function watchAlone({ db }: Database, work: () => Promise<void>): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    if (!(await tryLock(tx, WATCHER_LOCK))) return false;
    await work();
    return true;
  });
}

export function listExecuting(
  db: Executor,
  namespace: string,
  after: number,
  limit: number,
): Promise<ExecutingRun[]> {
  return executions(db, namespace)
    .where('state', '=', 'running')
    .where('run_no', '>', after)
    .orderBy('run_no')
    .limit(limit)
    .execute();
}

export function listEarlierExecutions(
  db: Executor,
  namespace: string,
  before: number,
  limit: number,
): Promise<ExecutingRun[]> {
  return executions(db, namespace)
    .where('run_no', '<', before)
    .orderBy('run_no', 'desc')
    .limit(limit)
    .execute();
}

const executions = (db: Executor, namespace: string) =>
  db
    .selectFrom('runs')
    .select(['run_id as runId', 'run_no as runNo'])
    .select((e) => e.ref('execution_id').$notNull().as('executionId'))
    .where('namespace', '=', namespace)
    .where('execution_id', 'is not', null);

/**
 * Like a change of the steering, this waits for claims that are being committed, and no later claim contradicts it.
 *
 * The fences are raised above every attempt of the execution, so that a worker that was suspended meanwhile finds itself
 * superseded. Temporal schedules the attempts of a later start after the end of this execution: they get through.
 */
export function closeEnded(
  { db }: Database,
  { runNo, executionId, closedAt, failure, hasCompleted = false }: EndedExecution,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await lockRun(tx, runNo);
    const fence = sql<number>`greatest(fence, steering_fence, phase_fence, ${closedAt}::bigint) + 1`;
    const closed = await tx
      .updateTable('runs')
      .set({ fence, steering_fence: fence, phase_fence: fence })
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
      .returning(['run_no', 'run_id', 'opened_at', 'dry_run'])
      .executeTakeFirst();
    if (!closed) return false;
    await releaseReservation(tx, runNo);
    if (hasCompleted && !closed.dry_run) await markAllPossiblySent(tx, closed);
    await addAuditEntry(tx, {
      runId: closed.run_id,
      action: 'run_closed',
      data: { state: 'failed', failure },
    });
    return true;
  });
}
